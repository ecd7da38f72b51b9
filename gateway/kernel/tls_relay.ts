// Moves bytes between a client's TLS and its backend. As in pump.ts half-close is kept both ways, what a slow side has
// not taken is bounded, and what broke off is never shown as an end: close_notify goes out only after a backend's real end.
//
//   client --SSL_read--> shared buffer --send--> backend
//   client <--SSL_write-- shared buffer <--recv-- backend
//
// OpenSSL has decrypted bytes of its own that raise no event, so each direction is moved until it says that nothing is
// left, or continued in the next turn.
import { EAGAIN, EINTR, EPIPE, MSG_NOSIGNAL, SHUT_WR, type KernelCalls } from "./calls.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP } from "./poller.ts";
import { MESSAGE, type TlsSession } from "./tls_session.ts";

/** The most that is read at once, and the most that is buffered of a direction in user space. */
export const TLS_READ_BYTES = 64 * 1024;
/** Content of one record. */
const RECORD_BYTES = 16 * 1024;
/** Reads of a direction in a turn; then others have theirs. */
const MOST_READS = 16;

/** One for all: what is read is sent, or copied, before the next read. */
const shared = Buffer.allocUnsafeSlow(TLS_READ_BYTES);
const recordViews = Array.from({ length: TLS_READ_BYTES / RECORD_BYTES }, (_, i) => shared.subarray(i * RECORD_BYTES));

export interface TlsRelaySetup {
  readonly calls: KernelCalls;
  readonly session: TlsSession;
  readonly client: number;
  readonly backend: number;
  readonly monoMs: () => number;
  readonly events: TlsRelayEvents;
}

export interface TlsRelayEvents {
  fromClient(bytes: number): void;
  fromBackend(bytes: number): void;
  /** It is to be run in the next turn. */
  again(): void;
  /** Nothing more can be moved; the side that broke off. Both sockets and the session are still there. */
  finished(broken: "client" | "backend" | null): void;
}

/** One of the two ends, as a source and as a target. */
interface Side {
  readonly name: "client" | "backend";
  readable: boolean;
  /** A hang-up was reported, or an urgent byte is in the way: a read that is not full is not the last. */
  hung: boolean;
  writable: boolean;
  /** Its end was read, whole or not. */
  ended: boolean;
  /** Not all came that it had to say. */
  broken: boolean;
  /** All its bytes and its end are with the other side. */
  done: boolean;
  /** Nothing can be sent to it any more. */
  deaf: boolean;
  /** The end could not be sent to it. Either it is gone, or it never gets the end; the rest of its bytes shows which. */
  endless: boolean;
  /** A send has used up its socket's error: a later end of its bytes is none. */
  failed: boolean;
  /** Read from it, and not yet taken by the other. */
  left: Buffer | null;
}

function side(name: Side["name"]): Side {
  return { name, readable: true, hung: true, writable: true, ended: false, broken: false, done: false, deaf: false, endless: false, failed: false, left: null };
}

export class TlsRelay {
  readonly #setup: TlsRelaySetup;
  readonly #client = side("client");
  readonly #backend = side("backend");
  #isOver = false;

  constructor(setup: TlsRelaySetup) {
    this.#setup = setup;
  }

  /** Events of the client's or the backend's socket; `run` does what they allow. */
  note(fd: number, events: number): void {
    const one = fd === this.#setup.client ? this.#client : this.#backend;
    if ((events & (EPOLLIN | EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) one.readable = true;
    if ((events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) one.hung = true;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) one.writable = true;
    // Reading TLS may need to write, and writing to read.
    if (one === this.#client && events !== 0) one.readable = one.writable = true;
  }

  /** Moves what can be moved. */
  run(): void {
    this.#move(this.#client, this.#backend);
    if (!this.#isOver) this.#move(this.#backend, this.#client);
    // A target that became deaf meanwhile ends the other direction, too.
    if (!this.#isOver && this.#client.deaf && this.#backend.deaf) this.#finish(this.#client.name);
  }

  /** No event of it is reported any more. */
  stop(): void {
    this.#isOver = true;
    this.#client.left = null;
    this.#backend.left = null;
  }

  buffered(): number {
    return (this.#client.left?.length ?? 0) + (this.#backend.left?.length ?? 0);
  }

  #move(source: Side, target: Side): void {
    for (let reads = 0; reads < MOST_READS; reads++) {
      if (this.#isOver || !this.#deliver(source, target)) return;
      if (source.ended) {
        this.#passEnd(source, target);
        return;
      }
      if (!source.readable) {
        // A side that can't be sent to and says nothing would be waited for in vain.
        if (source.deaf || source.endless) this.#finish(source.name);
        return;
      }
      this.#read(source, target);
    }
    this.#setup.events.again();
  }

  /** Whether nothing is left that the target has not taken. */
  #deliver(source: Side, target: Side): boolean {
    if (target.deaf) return false;
    const { left } = source;
    if (left === null) return true;
    source.left = null;
    return this.#send(source, target, left, left.length);
  }

  /** Whether the target has taken all of it; what it has not is copied. */
  #send(source: Side, target: Side, bytes: Buffer, length: number): boolean {
    let from = 0;
    while (target.writable && from < length) {
      const rest = from === 0 ? bytes : bytes.subarray(from);
      const sent = target === this.#client ? this.#setup.session.write(rest, length - from) : this.#toBackend(rest, length - from);
      if (sent > 0) from += sent;
      else if (sent === -EAGAIN) target.writable = false;
      else {
        this.#deafened(source, target, sent);
        return false;
      }
    }
    if (from === length) return true;
    source.left = Buffer.from(bytes.subarray(from, length));
    return false;
  }

  #toBackend(bytes: Buffer, length: number): number {
    const { calls, backend } = this.#setup;
    let sent = 0;
    do sent = calls.send(backend, bytes, length, MSG_NOSIGNAL);
    while (sent === -EINTR);
    return sent === 0 ? -EAGAIN : sent;
  }

  /** Nothing more can be sent to `target`: what it has said still goes to `source`, and then both are broken off. */
  #deafened(source: Side, target: Side, error: number): void {
    source.left = null;
    target.deaf = true;
    target.readable = true;
    // EPIPE is the error of a reset behind an end: what came before that end is whole.
    if (error !== -EPIPE) target.failed = true;
    if (source.deaf) this.#finish(target.name);
    else this.#setup.events.again();
  }

  #read(source: Side, target: Side): void {
    const got = source === this.#client ? this.#readClient() : this.#readBackend();
    if (got > 0) {
      if (source === this.#client) this.#setup.events.fromClient(got);
      else this.#setup.events.fromBackend(got);
      if (!this.#isOver) this.#send(source, target, shared, got);
    } else if (got === -EAGAIN) source.readable = source.hung = false;
    else if (got !== MESSAGE) {
      source.ended = true;
      source.broken = got < 0 || source.failed;
    }
  }

  /** Several records, where they are full and there. */
  #readClient(): number {
    const { session, monoMs } = this.#setup;
    let all = 0;
    for (const view of recordViews) {
      const got = session.read(view, RECORD_BYTES, monoMs);
      if (got <= 0)
        return (
          all > 0 && (got === -EAGAIN || got === MESSAGE) ? all
          : all > 0 ? this.#endsBehind(all, got)
          : got
        );
      all += got;
      if (got < RECORD_BYTES) break;
    }
    return all;
  }

  /** Keeps an end that was read behind bytes: OpenSSL does not give each a second time. */
  #endsBehind(bytes: number, end: number): number {
    this.#client.ended = true;
    this.#client.broken = end < 0 || this.#client.failed;
    return bytes;
  }

  #readBackend(): number {
    const { calls, backend } = this.#setup;
    let got = 0;
    do got = calls.recv(backend, shared, TLS_READ_BYTES, 0);
    while (got === -EINTR);
    if (got > 0 && got < TLS_READ_BYTES && !this.#backend.hung) this.#backend.readable = false;
    return got;
  }

  #passEnd(source: Side, target: Side): void {
    if (source.broken || source.deaf) {
      this.#finish(source.name);
      return;
    }
    if (!source.done && !this.#end(source, target)) return;
    if (target.done) this.#finish(null);
  }

  /** Whether the target has the end, or is broken off for good. */
  #end(source: Side, target: Side): boolean {
    const { calls, session, client, backend } = this.#setup;
    if (target === this.#client) {
      const sent = session.finish();
      if (sent === -EAGAIN) {
        target.writable = false;
        return false;
      }
    }
    source.done = true;
    if (calls.shutdown(target === this.#client ? client : backend, SHUT_WR) >= 0) return true;
    target.endless = target.readable = target.hung = true;
    this.#setup.events.again();
    return true;
  }

  #finish(broken: Side["name"] | null): void {
    if (this.#isOver) return;
    this.stop();
    this.#setup.events.finished(broken);
  }
}
