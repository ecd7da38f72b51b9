// One SSL: the server's side of TLS on a socket that doesn't block. It owns its handle, which is freed in `free` and
// nowhere else; after that every call answers as at a broken connection.
//
// INVARIANT: the thread's queue of errors is emptied right before each call whose error is read right after it. One entry
// that somebody else left would turn "want read" into a fatal error.
import { EAGAIN, ECONNRESET } from "./calls.ts";
import {
  SSL_CTRL_CLEAR_MODE,
  SSL_ERROR_SYSCALL,
  SSL_ERROR_WANT_READ,
  SSL_ERROR_WANT_WRITE,
  SSL_ERROR_ZERO_RETURN,
  TLS1_3_VERSION,
  type Handle,
  type OpensslCalls,
} from "./openssl.ts";
import { chooseProtocol, withProtocol } from "./tls_alpn.ts";
import { beginRead, countRecords, hasTooMany } from "./tls_records.ts";
import { made, type OpensslContext } from "./tls_context.ts";

/** Records in a second that are no data: a request for new keys costs the gateway more than its sender. */
export const MOST_MESSAGES = 32;
const WINDOW_MS = 1_000;
const SSL_MODE_AUTO_RETRY = 4;

/** Instead of a number of bytes: a record without data was read, and the next one may be there already. */
export const MESSAGE = -0x1_0000;

/** How far a handshake is. `gone`: the client left. `detail` as Node's engine has it. */
export type HandshakeStep = "done" | "more" | "gone" | { readonly detail: string };

export class TlsSession {
  readonly calls: OpensslCalls;
  readonly context: OpensslContext;
  #handle: Handle;
  readonly #protocol: string | null;
  /** The next call of OpenSSL's reads a hello that may have a ticket of the keys before. */
  #isOfPrevious: boolean;
  #messages = 0;
  #isBroken = false;
  #windowMs = 0;

  private constructor(context: OpensslContext, handle: Handle, protocol: string | null, isOfPrevious: boolean) {
    this.calls = context.calls;
    this.context = context;
    this.#handle = handle;
    this.#protocol = protocol;
    this.#isOfPrevious = isOfPrevious;
    made.sessions++;
  }

  /** Null where OpenSSL makes none. `offered` is the hello's list of protocols, `hello` its bytes. The descriptor stays the caller's. */
  static accept(context: OpensslContext, fd: number, offered: readonly string[], hello: Buffer | null = null): TlsSession | null {
    const { calls, protocols } = context;
    const handle = context.newSession();
    if (handle === 0) return null;
    const session = new TlsSession(context, handle, chooseProtocol(protocols, offered), hello !== null && context.tickets.mayBeOfPrevious(hello));
    let isReady = false;
    try {
      isReady = calls.SSL_set_fd(handle, fd) === 1;
      if (isReady) calls.SSL_set_accept_state(handle);
    } finally {
      if (!isReady) session.free();
    }
    return isReady ? session : null;
  }

  /** 0 once it is freed. */
  get handle(): Handle {
    return this.#handle;
  }

  handshake(): HandshakeStep {
    const { calls } = this;
    const handle = this.#handle;
    if (handle === 0) return "gone";
    calls.ERR_clear_error();
    const step = (): number =>
      this.context.protocols.length === 0 ? calls.SSL_do_handshake(handle) : withProtocol(calls, this.#protocol, () => calls.SSL_do_handshake(handle));
    const isOfPrevious = this.#isOfPrevious;
    this.#isOfPrevious = false;
    const result = isOfPrevious ? this.context.withPreviousTickets(step) : step();
    if (result === 1) {
      // From now on a record without data comes back by itself, so that it can be counted.
      calls.SSL_ctrl(handle, SSL_CTRL_CLEAR_MODE, SSL_MODE_AUTO_RETRY);
      if (calls.SSL_version(handle) !== TLS1_3_VERSION) countRecords(calls, handle);
      return "done";
    }
    const error = calls.SSL_get_error(handle, result);
    if (error === SSL_ERROR_WANT_READ || error === SSL_ERROR_WANT_WRITE) return "more";
    if (error === SSL_ERROR_SYSCALL || error === SSL_ERROR_ZERO_RETURN) return "gone";
    const detail = this.#word();
    // Node's own TLS in this thread would find it.
    calls.ERR_clear_error();
    return detail === "ERR_SSL_UNEXPECTED_EOF_WHILE_READING" ? "gone" : { detail };
  }

  /** As Node calls an error of OpenSSL's. */
  #word(): string {
    const reason = this.calls.ERR_reason_error_string(this.calls.ERR_peek_error());
    return reason === null ? "ERR_SSL_UNKNOWN" : `ERR_SSL_${reason.replace(/[^A-Za-z0-9]+/g, "_").toUpperCase()}`;
  }

  /** Decrypted bytes; 0: the client's close_notify; -EAGAIN: nothing now; MESSAGE; else broken off. */
  read(into: Uint8Array, bytes: number, monoMs: () => number): number {
    const { calls } = this;
    const handle = this.#handle;
    if (handle === 0) return -ECONNRESET;
    calls.ERR_clear_error();
    beginRead();
    const result = calls.SSL_read(handle, into, bytes);
    if (result > 0) return result;
    // OpenSSL takes it as ended from now on, which it is not.
    if (hasTooMany()) this.#isBroken = true;
    if (this.#isBroken) return -ECONNRESET;
    const errno = calls.errno();
    const error = calls.SSL_get_error(handle, result);
    if (error === SSL_ERROR_ZERO_RETURN) return 0;
    if (error === SSL_ERROR_WANT_WRITE) return -EAGAIN;
    if (error !== SSL_ERROR_WANT_READ) return -ECONNRESET;
    // Nothing was there, or a record was read that is no data.
    if (errno === EAGAIN) return -EAGAIN;
    return this.#counted(monoMs()) ? MESSAGE : -ECONNRESET;
  }

  /** Whether it may continue. */
  #counted(nowMs: number): boolean {
    if (nowMs - this.#windowMs >= WINDOW_MS) [this.#windowMs, this.#messages] = [nowMs, 0];
    return ++this.#messages <= MOST_MESSAGES;
  }

  /** Bytes that were taken, which is less than all where the socket is full; -EAGAIN: none; else broken off. The rest has to come again, unchanged. */
  write(from: Uint8Array, bytes: number): number {
    const { calls } = this;
    const handle = this.#handle;
    if (handle === 0) return -ECONNRESET;
    calls.ERR_clear_error();
    const result = calls.SSL_write(handle, from, bytes);
    if (result > 0) return result;
    const error = calls.SSL_get_error(handle, result);
    return error === SSL_ERROR_WANT_WRITE || error === SSL_ERROR_WANT_READ ? -EAGAIN : -ECONNRESET;
  }

  /** Sends close_notify: 0 once the kernel has it, -EAGAIN where the socket is full, else broken off. */
  finish(): number {
    const { calls } = this;
    const handle = this.#handle;
    if (handle === 0) return -ECONNRESET;
    calls.ERR_clear_error();
    const result = calls.SSL_shutdown(handle);
    if (result >= 0) return 0;
    const error = calls.SSL_get_error(handle, result);
    return error === SSL_ERROR_WANT_WRITE || error === SSL_ERROR_WANT_READ ? -EAGAIN : -ECONNRESET;
  }

  free(): void {
    const handle = this.#handle;
    if (handle === 0) return;
    this.#handle = 0;
    made.sessions--;
    this.calls.SSL_free(handle);
  }
}
