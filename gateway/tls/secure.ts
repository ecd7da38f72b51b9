// The server's side of one TLS handshake, on a socket whose ClientHello was read before. The caller chooses the
// context, from the one canonical name; Node chooses none. The answer is a verified identity or a refusal, never an
// exception.
import { Server, type TLSSocket } from "node:tls";
import type { Socket } from "node:net";
import { CODE_CERTIFICATE_REFUSED, CODE_IDENTITY_MALFORMED, CODE_NO_CERTIFICATE, CODE_TLS_FAILED, CODE_TLS_GONE } from "../../runtime/abi/verdicts.ts";
import type { CodeNumber } from "../../runtime/abi/names.ts";
import { denial, type Denial } from "../../runtime/host/decision.ts";
import { identityOf, type Identity } from "../../runtime/host/identity.ts";
import { overlay } from "./tls_end.ts";
import { certificateKey } from "./revocation.ts";
import { subjectNames } from "./subject_names.ts";

/** A context of another engine than Node's (gateway/kernel); freed when no handshake is to begin with it any more. */
export interface NativeContext {
  free(): void;
  /** New keys for session tickets; tickets of the keys until now stay good until the next time. The answer is whether the context can still be used. */
  rotateTickets(): boolean;
}

/** The TLS context of a listener (context.ts makes it). */
export interface TlsContext {
  readonly server: Server;
  /** Where another engine than Node's serves the listener. */
  readonly native?: NativeContext;
  /** The authority's name in the policy; null where no certificate is requested. */
  readonly ca: string | null;
  /** Distinguishes two sets of trusted certificates; empty where there is none. */
  readonly trust: string;
}

/** Nobody is to be served; `detail` is for the record. */
export interface TlsRefusal {
  readonly denial: Denial;
  readonly detail?: string;
}

/** The outcome of a handshake; `certificate` is of certificateKey, `identity` is null where no certificate is requested. */
export type TlsOutcome = { readonly secured: TLSSocket; readonly identity: Identity | null; readonly certificate?: string } | TlsRefusal;

export interface HandshakeEvents {
  /** The handshake of the connection `row` is over. At most once each. */
  secured(row: number, outcome: TlsOutcome): void;
}

export interface HandshakeSetup {
  readonly row: number;
  /** The bytes that were read from the socket: a whole hello. */
  readonly first: Buffer;
  readonly context: TlsContext;
  /** The server name of the hello that was read, as it came. */
  readonly said: string | null;
  readonly events: HandshakeEvents;
}

export interface Securing {
  /** `secured` is not called any more. */
  stop(): void;
}

/** The handshake of a server that was made from its context's own, one for each connection. */
const under = new WeakMap<Server, Handshake>();
/** OpenSSL's word for a client that has shown no certificate where one is required. */
const NO_CERTIFICATE = "ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE";
/** The handshake on a socket. */
const HANDSHAKE = Symbol("handshake");

class Handshake implements Securing {
  readonly setup: HandshakeSetup;
  readonly raw: Socket;
  #over = false;

  constructor(raw: Socket, setup: HandshakeSetup) {
    this.raw = Object.assign(raw, { [HANDSHAKE]: this });
    this.setup = setup;
    raw.once("close", onRawClose);
  }

  finish(outcome: TlsOutcome): void {
    if (this.#over) return;
    this.stop();
    if ("secured" in outcome) {
      overlay(outcome.secured, this.raw);
      outcome.secured.allowHalfOpen = true;
    }
    this.setup.events.secured(this.setup.row, outcome);
  }

  stop(): void {
    this.#over = true;
    this.raw.off("close", onRawClose);
  }
}

function onRawClose(this: Socket & { [HANDSHAKE]?: Handshake }): void {
  // Where Node has destroyed the socket, its error comes in the same turn, after this.
  setImmediate(() => this[HANDSHAKE]?.finish({ denial: denial(CODE_TLS_GONE) }));
}

/** To be called once for each context's server. */
export function answerHandshakes(server: Server): void {
  server.on("secureConnection", onSecureConnection);
  server.on("tlsClientError", onClientError);
  server.on("error", ignore);
}

function onSecureConnection(this: Server, socket: TLSSocket): void {
  // A socket that broke later is the relay's to see; until then nobody listens.
  socket.on("error", ignore);
  const owner = under.get(this);
  if (owner === undefined) socket.destroy();
  else owner.finish(guarded(() => judged(socket, owner.setup)));
}

function onClientError(this: Server, error: Error, socket: TLSSocket): void {
  under.get(this)?.finish(refusalOf(error, socket));
}

/** OpenSSL ended the handshake, and the client has its alert; or Node destroyed the socket, which it does where a certificate is not verified. */
function refusalOf(error: Error, { authorizationError }: TLSSocket): TlsOutcome {
  // Null, or absent, where the handshake was not over.
  const unverified: unknown = authorizationError;
  // First: errors of OpenSSL that its verification has left behind may come as the socket's.
  if (unverified !== undefined && unverified !== null) return refusal(CODE_CERTIFICATE_REFUSED, wordOf(unverified));
  const word = wordOf(error);
  if (word === NO_CERTIFICATE) return refusal(CODE_NO_CERTIFICATE, undefined);
  return refusal(word === "ECONNRESET" ? CODE_TLS_GONE : CODE_TLS_FAILED, word);
}

/** `raw` is paused and nobody listens for its data. */
export function secure(raw: Socket, setup: HandshakeSetup): Securing {
  const handshake = new Handshake(raw, setup);
  // The same server for all that use it, and a receiver of its own to find whose handshake it is.
  const own: unknown = Object.create(setup.context.server);
  if (!(own instanceof Server)) throw new Error("a server made from a server is one");
  under.set(own, handshake);
  try {
    raw.unshift(setup.first);
    // A client that ends before the handshake is over can't finish it; the TLS socket takes this over.
    raw.allowHalfOpen = false;
    own.emit("connection", raw);
  } catch (error) {
    // Not before the caller has this answer.
    setImmediate(() => handshake.finish({ denial: denial(CODE_TLS_FAILED), detail: wordOf(error) }));
  }
  return handshake;
}

/** INVARIANT: what fails while a certificate is read is a refusal. */
function guarded(judge: () => TlsOutcome): TlsOutcome {
  try {
    return judge();
  } catch (error) {
    return refusal(CODE_TLS_FAILED, wordOf(error));
  }
}

function judged(secured: TLSSocket, { context, said }: HandshakeSetup): TlsOutcome {
  if (hasSecondName(secured, said)) return refusal(CODE_TLS_FAILED, "another name in a second hello");
  if (context.ca === null) return { secured, identity: null };
  // INVARIANT: a certificate that was verified at another time, by another CA, is none.
  if (secured.isSessionReused()) return refusal(CODE_TLS_FAILED, "a resumed session");
  const der = certificateOf(secured);
  if (der === null) return refusal(CODE_NO_CERTIFICATE, undefined);
  if (!secured.authorized) return refusal(CODE_CERTIFICATE_REFUSED, wordOf(secured.authorizationError));
  const names = subjectNames(der);
  if ("fault" in names) return refusal(CODE_IDENTITY_MALFORMED, names.fault);
  return { secured, identity: identityOf(names.words), certificate: certificateKey(der) };
}

/**
 * A second hello may have said another name than the one that was decided about. Only TLS 1.3 has a second
 * hello. For a resumed session of TLS 1.2 OpenSSL reports the name that is kept in the session, and Node
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
