// The server's side of one TLS handshake, on a socket whose ClientHello was read before. The context
// is chosen by whoever calls, from the one canonical name; Node chooses none. What comes back is
// a verified identity or a refusal, never an exception.
import { Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import {
  CODE_CERTIFICATE_REFUSED, CODE_IDENTITY_MALFORMED, CODE_NO_CERTIFICATE, CODE_TLS_FAILED, CODE_TLS_GONE,
} from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial } from "../../runtime/host/ask.ts";
import type { Denial } from "../../runtime/host/decision.ts";
import { identityOf, type Identity } from "../../runtime/host/identity.ts";
import { overlay } from "../forward/tls_end.ts";
import { subjectNames } from "./subject_names.ts";

/** What a listener shows and asks in a handshake (context.ts makes it). */
export interface TlsContext {
  readonly server: Server;
  /** The authority's name in the policy; null where no certificate is asked for. */
  readonly ca: string | null;
  /** Tells two sets of trusted certificates apart; empty where there is none. */
  readonly trust: string;
}

/** What became of a handshake. */
export type TlsOutcome =
  /** `identity` is null where no certificate is asked for. */
  | { readonly secured: TLSSocket; readonly identity: Identity | null }
  | { readonly denial: Denial; readonly detail?: string };

export interface Securing {
  /** `done` is not called any more. */
  stop(): void;
}

interface Under {
  readonly finish: (outcome: TlsOutcome) => void;
  readonly context: TlsContext;
  /** The server name of the hello that was read, as it came. */
  readonly said: string | null;
}

/** Whose handshake it is: a server made from the context's own, one a connection. */
const under = new WeakMap<Server, Under>();

/** To be called once for each context's server. */
export function answerHandshakes(server: Server): void {
  server.on("secureConnection", function (this: Server, socket: TLSSocket) {
    // A socket that broke later is the relay's to see; until then nobody listens.
    socket.on("error", ignore);
    const asked = under.get(this);
    if (asked === undefined) socket.destroy();
    else asked.finish(guarded(() => judged(socket, asked)));
  });
  server.on("tlsClientError", function (this: Server, error: Error) {
    const word = wordOf(error);
    under.get(this)?.finish({ denial: denial(word === "ECONNRESET" ? CODE_TLS_GONE : CODE_TLS_FAILED), detail: word });
  });
  server.on("error", ignore);
}

/** `raw` is paused and nobody listens for its data; `first` is what was read of it, a whole hello with the name `said`. `done` is called at most once. */
export function secure(raw: Socket, first: Buffer, context: TlsContext, said: string | null, done: (outcome: TlsOutcome) => void): Securing {
  let over = false;
  const finish = (outcome: TlsOutcome): void => {
    if (over) return;
    over = true;
    raw.off("close", gone);
    if ("secured" in outcome) {
      overlay(outcome.secured, raw);
      outcome.secured.allowHalfOpen = true;
    }
    done(outcome);
  };
  const gone = (): void => finish({ denial: denial(CODE_TLS_GONE) });
  raw.once("close", gone);
  // The same server to all who use it, and another one to ask whose handshake it is.
  const own: unknown = Object.create(context.server);
  if (!(own instanceof Server)) throw new Error("a server made from a server is one");
  under.set(own, { finish, context, said });
  try {
    raw.unshift(first);
    // Who ends before the handshake is over can't finish it; the TLS socket takes this over.
    raw.allowHalfOpen = false;
    own.emit("connection", raw);
  } catch (error) {
    // Before anybody has gone on with it: whoever began it still waits for `done`.
    setImmediate(finish, { denial: denial(CODE_TLS_FAILED), detail: wordOf(error) });
  }
  return {
    stop() {
      over = true;
      raw.off("close", gone);
    },
  };
}

/** INVARIANT: what fails while a certificate is read is a refusal. */
function guarded(judge: () => TlsOutcome): TlsOutcome {
  try {
    return judge();
  } catch (error) {
    return refusal(CODE_TLS_FAILED, wordOf(error));
  }
}

function judged(secured: TLSSocket, { context, said }: Under): TlsOutcome {
  if (hasSecondName(secured, said)) return refusal(CODE_TLS_FAILED, "another name in a second hello");
  if (context.ca === null) return { secured, identity: null };
  // INVARIANT: a certificate that was verified at another time, by another CA, is none.
  if (secured.isSessionReused()) return refusal(CODE_TLS_FAILED, "a resumed session");
  const der = certificateOf(secured);
  if (der === null) return refusal(CODE_NO_CERTIFICATE, undefined);
  if (!secured.authorized) return refusal(CODE_CERTIFICATE_REFUSED, wordOf(secured.authorizationError));
  const names = subjectNames(der);
  if ("fault" in names) return refusal(CODE_IDENTITY_MALFORMED, names.fault);
  return { secured, identity: identityOf(names.words) };
}

/**
 * A second hello may have said another name than the one that was decided about. Only TLS 1.3 has a second
 * hello. Of a session of TLS 1.2 that is resumed OpenSSL tells the name that is kept in the session, and Node
 * keeps none there: the hello that was read is the only one, and its name the one that counts.
 */
function hasSecondName(secured: TLSSocket, said: string | null): boolean {
  if (secured.isSessionReused() && secured.getProtocol() === "TLSv1.2") return false;
  const { servername } = secured;
  return (typeof servername === "string" ? servername : "") !== (said ?? "");
}

/**
 * The client's certificate; null where it showed none. Never `getPeerX509Certificate`: its object keeps
 * some KiB outside of V8's heap, which V8 does not count, until a full collection that hardly ever comes.
 */
function certificateOf(secured: TLSSocket): Buffer | null {
  // Empty, or null, where there is none.
  const shown: unknown = secured.getPeerCertificate(false);
  const raw: unknown = typeof shown === "object" && shown !== null && "raw" in shown ? shown.raw : null;
  return Buffer.isBuffer(raw) ? raw : null;
}

function refusal(code: CodeNumber, detail: string | undefined): TlsOutcome {
  return { denial: denial(code), ...(detail !== undefined && { detail }) };
}

function wordOf(error: unknown): string {
  if (typeof error === "string") return error;
  if (!(error instanceof Error)) return "unknown";
  return "code" in error && typeof error.code === "string" ? error.code : error.message;
}

function ignore(): void {}
