// The connections of the kernel transport whose TLS ends here, by row. A row has one session from `begin` to `end`, and
// nobody else frees it.
import { denial } from "../../runtime/host/decision.ts";
import { CODE_TLS_FAILED } from "../../runtime/abi/verdicts.ts";
import { createHelloReader } from "../tls/client_hello.ts";
import type { Handshake } from "../connection/transport.ts";
import type { KernelCalls } from "./calls.ts";
import type { OpensslContext } from "./tls_context.ts";
import { failedOutcome, goneOutcome, judge } from "./tls_outcome.ts";
import { TlsRelay, type TlsRelayEvents } from "./tls_relay.ts";
import { TlsSession } from "./tls_session.ts";

/** The protocols that a whole hello offers. */
function offeredIn(bytes: Buffer): readonly string[] {
  const answer = createHelloReader().feed(bytes);
  return answer.kind === "hello" ? answer.hello.alpn : [];
}

interface TlsConnection {
  readonly session: TlsSession;
  readonly fd: number;
  /** The server name of the hello that was decided about, as it came. */
  readonly said: string | null;
  /** The handshake is over, well or not. */
  isJudged: boolean;
  /** OpenSSL has sent an alert, which a reset could overtake. */
  isAlerted: boolean;
  /** Its handshake continues in the next turn. */
  isPutOff: boolean;
  relay: TlsRelay | null;
}

export class TlsConnections {
  readonly #calls: KernelCalls;
  readonly #monoMs: () => number;
  readonly #rows: (TlsConnection | null)[] = [];

  constructor(calls: KernelCalls, monoMs: () => number) {
    this.#calls = calls;
    this.#monoMs = monoMs;
  }

  /** A session on the client's socket, whose hello is still in the kernel. Null, or why there is none. */
  begin(row: number, fd: number, context: OpensslContext, said: string | null, hello: Buffer): Handshake | null {
    this.end(row);
    const session = TlsSession.accept(context, fd, context.protocols.length === 0 ? [] : offeredIn(hello), hello);
    if (session === null) return { denial: denial(CODE_TLS_FAILED), detail: "no session of TLS can be made" };
    this.#rows[row] = { session, fd, said, isJudged: false, isAlerted: false, isPutOff: false, relay: null };
    return null;
  }

  /** Continues with the handshake. Null while it is under way, and after its outcome was given. */
  handshake(row: number): Handshake | null {
    const one = this.#rows[row] ?? null;
    if (one === null || one.isJudged) return null;
    one.isPutOff = false;
    const step = one.session.handshake();
    if (step === "more") return null;
    one.isJudged = true;
    if (step === "gone") return goneOutcome();
    if (step === "done") return judge(one.session, one.said);
    one.isAlerted = true;
    return failedOutcome(one.session, step.detail);
  }

  /**
   * Whether the next turn has to be requested: false where that was done already, or there is no handshake any more.
   * `isRequested`: what was requested before is this very call.
   */
  putOff(row: number, isRequested: boolean): boolean {
    const one = this.#rows[row] ?? null;
    if (one === null || one.isJudged || (one.isPutOff && !isRequested)) return false;
    one.isPutOff = true;
    return true;
  }

  has(row: number): boolean {
    return (this.#rows[row] ?? null) !== null;
  }

  /** Whether the client is to read an alert before the end. */
  isAlerted(row: number): boolean {
    return this.#rows[row]?.isAlerted === true;
  }

  /** Bytes go both ways from now on. */
  join(row: number, backend: number, events: TlsRelayEvents): void {
    const one = this.#rows[row] ?? null;
    if (one === null) return;
    one.relay = new TlsRelay({ calls: this.#calls, session: one.session, client: one.fd, backend, monoMs: this.#monoMs, events });
  }

  /** Events of one of the two sockets of a joined row; 0 where it was to be run again. */
  run(row: number, fd: number, events: number): void {
    const relay = this.#rows[row]?.relay ?? null;
    if (relay === null) return;
    relay.note(fd, events);
    relay.run();
  }

  buffered(row: number): number {
    return this.#rows[row]?.relay?.buffered() ?? 0;
  }

  /** To be called before the client's descriptor is closed. */
  end(row: number): void {
    const one = this.#rows[row] ?? null;
    if (one === null) return;
    this.#rows[row] = null;
    one.relay?.stop();
    one.session.free();
  }
}
