// Moves bytes between two sockets of the kernel transport; half-close is kept both ways, and what a slow side has not
// taken is bounded.
//
//   source --recv--> shared buffer --send--> target       what the target does not take is copied, and read on after it
//   source --splice--> pipe --splice--> target            after a read that filled the buffer, until nothing comes
//
// All state is by descriptor. Events are edges, so READABLE and WRITABLE stay until the kernel says EAGAIN, or until a
// read that was not full and came with neither a hang-up nor an urgent mark, at which a read stops early.
import type { FlightStep } from "../tls/first_flights.ts";
import { EAGAIN, EINTR, EINVAL, ENOMEM, EPIPE, MSG_NOSIGNAL, MSG_PEEK, SHUT_WR, type KernelCalls } from "./calls.ts";
import { Pipes } from "./pipes.ts";
import { EPOLLERR, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLRDHUP, type Poller } from "./poller.ts";

/** The most that is read at once, and the most that is buffered of a direction in user space; for a pipe see pipes.ts. */
export const READ_BYTES = 64 * 1024;
/** Reads of a direction in a turn, and the bytes after which it makes no more; then others have theirs. */
const MOST_READS = 16;
const MOST_BYTES = 2 * 1024 * 1024;
/** Errors of a splice that are not the socket's. */
const SPLICE_ALONE: readonly number[] = [EAGAIN, EINTR, EINVAL, ENOMEM];
const FIRST_DESCRIPTORS = 1024;
const NOBODY = -1;

const READABLE = 1;
const WRITABLE = 2;
/** A hang-up was reported: a read that is not full is not the last. */
const HUNG = 4;
/** An urgent mark may be in the way: the same. */
const URGENT = 8;
/** The source's end was read, whole or not. */
const ENDED = 16;
/** Not all came that the source had to say. */
const BROKEN = 32;
/** All bytes of the source and its end are with the target. */
const DONE = 64;
/** A send or SO_ERROR has used up the socket's error: a later end of its bytes is none. */
const FAILED = 128;
/** Nothing can be sent to it any more. */
const DEAF = 256;
/** The end of the other side could not be passed to it. */
const ENDLESS = 512;
/** Between `begin` and `end`. */
const BEGUN = 1024;

export interface PumpOwner {
  /** Bytes were read from `source`. */
  took(source: number, bytes: number): void;
  isClient(fd: number): boolean;
  /** Whether the connection's first flights are still read. */
  readsAlong(source: number): boolean;
  /** The same: what is passed on, of a chunk or of the end (null); null after a fault, which the owner handles. */
  step(source: number, chunk: Buffer | null): FlightStep | null;
  /** Nothing more can be moved; `broken` is the descriptor that broke off, or -1. Both sockets are still open. */
  finished(source: number, broken: number): void;
}

export class Pump {
  readonly #calls: KernelCalls;
  readonly #poller: Poller;
  readonly #owner: PumpOwner;
  readonly #pipes: Pipes;
  readonly #shared = Buffer.allocUnsafeSlow(READ_BYTES);
  #flags = new Uint16Array(FIRST_DESCRIPTORS);
  /** Sockets that have begun and not ended; where there is none, no pipe is kept. */
  #sockets = 0;
  /** Where the bytes of a source go; NOBODY before `join`. */
  #target = new Int32Array(FIRST_DESCRIPTORS).fill(NOBODY);
  /** By source: bytes that its target has not taken. */
  readonly #left: (Buffer | null)[] = [];

  constructor(calls: KernelCalls, poller: Poller, owner: PumpOwner, mostPipes: number) {
    this.#calls = calls;
    this.#poller = poller;
    this.#owner = owner;
    this.#pipes = new Pipes(calls, mostPipes);
  }

  /** Forgets what was known of an earlier socket with this number. */
  begin(fd: number): void {
    if (fd >= this.#flags.length) this.#grow(fd);
    if (((this.#flags[fd] ?? 0) & BEGUN) === 0) this.#sockets++;
    this.#flags[fd] = BEGUN;
    this.#target[fd] = NOBODY;
    this.#left[fd] = null;
  }

  /** Events of a socket; what they allow is done by `run`. */
  note(fd: number, events: number): void {
    let flags = this.#flags[fd] ?? 0;
    if ((events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) flags |= READABLE;
    if ((events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) !== 0) flags |= WRITABLE;
    if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) !== 0) flags |= HUNG;
    if ((events & EPOLLPRI) !== 0) flags |= URGENT | READABLE;
    this.#flags[fd] = flags;
  }

  /** Bytes go both ways between the two from now on. `first` was read of `a` before. */
  join(a: number, b: number, first: Buffer | null): void {
    this.#target[a] = b;
    this.#target[b] = a;
    // Whether they can be read was noted, or is reported next.
    this.#flags[a] = (this.#flags[a] ?? 0) | WRITABLE;
    this.#flags[b] = (this.#flags[b] ?? 0) | WRITABLE;
    if (first !== null) {
      this.#owner.took(a, first.length);
      if (this.#owner.readsAlong(a)) this.#step(a, first);
      else this.#append(a, first);
    }
    if (this.#target[a] !== b) return;
    // An end that was read with the hello.
    if (((this.#flags[a] ?? 0) & (ENDED | BROKEN)) === ENDED && this.#owner.readsAlong(a)) this.#step(a, null);

    if (this.#target[a] !== b) return;
    if (((this.#flags[a] ?? 0) & (READABLE | ENDED)) !== 0) this.#poller.again(a);
    if (((this.#flags[b] ?? 0) & (READABLE | ENDED)) !== 0) this.#poller.again(b);
  }

  /** Reads a socket whose bytes are not passed on yet. -EAGAIN: nothing now; 0: the end; else the bytes, or a negative error number. */
  read(fd: number): Buffer | number {
    const flags = this.#flags[fd] ?? 0;
    if ((flags & ENDED) !== 0) return (flags & BROKEN) !== 0 ? -EPIPE : 0;
    const got = this.#recv(fd);
    if (got > 0) return Buffer.from(this.#shared.subarray(0, got));
    if (got === 0) this.#flags[fd] = (this.#flags[fd] ?? 0) | ENDED;
    else if (got !== -EAGAIN) this.#flags[fd] = (this.#flags[fd] ?? 0) | ENDED | BROKEN;
    return got;
  }

  /** The bytes behind the first `seen`; all of them stay in the kernel. -EAGAIN: nothing now; 0: nothing more comes. */
  peek(fd: number, seen: number): Buffer | number {
    let got = 0;
    do got = this.#calls.recv(fd, this.#shared, READ_BYTES, MSG_PEEK);
    while (got === -EINTR);
    if (got > seen) return Buffer.from(this.#shared.subarray(seen, got));
    const flags = this.#flags[fd] ?? 0;
    if (got > 0 && (flags & HUNG) !== 0) return 0;
    if (got > 0 || got === -EAGAIN) this.#flags[fd] = flags & ~READABLE;
    return got > 0 ? -EAGAIN : got;
  }

  /** Takes bytes that were seen out of the kernel; false where it does not give them. */
  skip(fd: number, bytes: number): boolean {
    for (let left = bytes; left > 0;) {
      const got = this.#calls.recv(fd, this.#shared, Math.min(left, READ_BYTES), 0);
      if (got <= 0 && got !== -EINTR) return false;
      left -= Math.max(0, got);
    }
    return true;
  }

  mayRead(fd: number): boolean {
    return ((this.#flags[fd] ?? 0) & READABLE) !== 0;
  }

  isJoined(fd: number): boolean {
    return (this.#target[fd] ?? NOBODY) !== NOBODY;
  }

  /** Moves what can be moved from and to the socket. */
  run(fd: number): void {
    this.#move(fd);
    const other = this.#target[fd] ?? NOBODY;
    if (other !== NOBODY && this.#isKept(other)) this.#move(other);
  }

  /** Forgets a socket that is closed next; its other side is to follow. */
  end(fd: number): void {
    this.#target[fd] = NOBODY;
    this.#left[fd] = null;
    const wasBegun = ((this.#flags[fd] ?? 0) & BEGUN) !== 0;
    this.#flags[fd] = 0;
    this.#pipes.give(fd);
    if (wasBegun && --this.#sockets === 0) this.#pipes.release();
  }

  /** Read from the socket, and not with its other side. */
  buffered(fd: number): number {
    return (this.#left[fd]?.length ?? 0) + this.#pipes.bytes(fd);
  }

  /** Closes pipes that no direction uses. */
  release(): void {
    this.#pipes.release();
  }

  close(): void {
    this.#pipes.close();
  }

  #isKept(source: number): boolean {
    return this.#left[source] !== null || this.#pipes.bytes(source) > 0;
  }

  #move(source: number): void {
    for (let reads = 0, bytes = 0; reads < MOST_READS && bytes < MOST_BYTES; reads++) {
      const target = this.#target[source] ?? NOBODY;
      if (target === NOBODY || !this.#deliver(source, target)) return;
      const flags = this.#flags[source] ?? 0;
      if ((flags & ENDED) !== 0) {
        this.#passEnd(source, target, flags);
        return;
      }
      if ((flags & READABLE) === 0) {
        this.#pipes.give(source);
        // A socket that can't be sent to and says nothing would be waited for in vain.
        if ((flags & (DEAF | ENDLESS)) !== 0) this.#owner.finished(source, source);
        return;
      }
      bytes += this.#pipes.has(source) ? this.#splice(source) : this.#read(source, target);
    }
    this.#poller.again(source);
  }

  /** Whether nothing is left that the target has not taken. */
  #deliver(source: number, target: number): boolean {
    if (((this.#flags[target] ?? 0) & DEAF) !== 0) return false;
    const left = this.#left[source] ?? null;
    if (left !== null) {
      this.#left[source] = null;
      if (!this.#send(source, target, left, left.length)) return false;
    }
    while (this.#pipes.bytes(source) > 0) {
      if (((this.#flags[target] ?? 0) & WRITABLE) === 0) return false;
      const moved = this.#pipes.drain(source, target);
      if (moved === -EAGAIN) this.#flags[target] = (this.#flags[target] ?? 0) & ~WRITABLE;
      else if (moved <= 0 && moved !== -EINTR) this.#deafened(source, target, moved);
      if (moved <= 0 && moved !== -EINTR) return false;
    }
    return true;
  }

  /** Whether the target has taken all of it; what it has not is copied. */
  #send(source: number, target: number, bytes: Uint8Array, length: number): boolean {
    let sent = -EAGAIN;
    if (((this.#flags[target] ?? 0) & WRITABLE) !== 0) {
      do sent = this.#calls.send(target, bytes, length, MSG_NOSIGNAL);
      while (sent === -EINTR);
      if (sent === length) return true;
      if (sent < 0 && sent !== -EAGAIN) {
        this.#deafened(source, target, sent);
        return false;
      }
      this.#flags[target] = (this.#flags[target] ?? 0) & ~WRITABLE;
    }
    this.#left[source] = Buffer.from(bytes.subarray(Math.max(0, sent), length));
    return false;
  }

  /** Nothing more can be sent to `target`: what it has said still goes to `source`, and then both are broken off. */
  #deafened(source: number, target: number, error: number): void {
    this.#left[source] = null;
    this.#pipes.give(source);
    // EPIPE is the error of a reset behind an end: what came before that end is whole.
    this.#flags[target] = (this.#flags[target] ?? 0) | DEAF | READABLE | HUNG | (error === -EPIPE ? 0 : FAILED);
    if (((this.#flags[source] ?? 0) & DEAF) !== 0) this.#owner.finished(source, target);
    else this.#poller.again(target);
  }

  #passEnd(source: number, target: number, flags: number): void {
    if ((flags & BROKEN) !== 0 || (flags & DEAF) !== 0) {
      this.#owner.finished(source, source);
      return;
    }
    const isLast = ((this.#flags[target] ?? 0) & DONE) !== 0;
    if ((flags & DONE) === 0) {
      this.#flags[source] = flags | DONE;
      // Where the target has ended before, its close is the end that it is given.
      if (!isLast && this.#calls.shutdown(target, SHUT_WR) < 0) this.#endless(target);
    }
    if (isLast) this.#owner.finished(source, NOBODY);
  }

  /** It is gone already, or never gets its end; the rest of its bytes shows which. */
  #endless(target: number): void {
    this.#flags[target] = (this.#flags[target] ?? 0) | ENDLESS | READABLE | HUNG;
    this.#poller.again(target);
  }

  /** How many bytes came. */
  #read(source: number, target: number): number {
    const got = this.#recv(source);
    if (got > 0) {
      this.#owner.took(source, got);
      if (this.#owner.readsAlong(source)) this.#step(source, Buffer.from(this.#shared.subarray(0, got)));
      else if (this.#send(source, target, this.#shared, got) && got === READ_BYTES) this.#pipes.take(source);
      return got;
    }
    if (got === -EAGAIN) return 0;
    const isBroken = got < 0 || ((this.#flags[source] ?? 0) & FAILED) !== 0;
    this.#flags[source] = (this.#flags[source] ?? 0) | ENDED | (isBroken ? BROKEN : 0);
    if (!isBroken && this.#owner.readsAlong(source)) this.#step(source, null);
    return 0;
  }

  #recv(source: number): number {
    let got = 0;
    do got = this.#calls.recv(source, this.#shared, READ_BYTES, 0);
    while (got === -EINTR);
    const flags = this.#flags[source] ?? 0;
    if (got === -EAGAIN) this.#flags[source] = flags & ~(READABLE | URGENT);
    else if (got > 0 && got < READ_BYTES && (flags & (HUNG | URGENT)) === 0) this.#flags[source] = flags & ~READABLE;
    return got;
  }

  #splice(source: number): number {
    const got = this.#pipes.fill(source);
    if (got > 0) {
      this.#owner.took(source, got);
      return got;
    }
    // `recv` says what it is: 0 is the end or an urgent mark, which splice never passes, EAGAIN may be that mark, too, and
    // an error is used up by now.
    this.#pipes.give(source);
    const flags = this.#flags[source] ?? 0;
    if (got === -EAGAIN && (flags & (HUNG | URGENT)) === 0) this.#flags[source] = flags & ~READABLE;
    else if (got < 0 && !SPLICE_ALONE.includes(-got)) this.#flags[source] = flags | FAILED;
    return 0;
  }

  /** Passes on bytes that were read along, or an end, as the first flights allow. */
  #step(source: number, chunk: Buffer | null): void {
    const target = this.#target[source] ?? NOBODY;
    const step = this.#owner.step(source, chunk);
    if (step === null) return;
    const [client, backend] = this.#owner.isClient(source) ? [source, target] : [target, source];
    this.#append(client, step.toBackend);
    this.#append(backend, step.toClient);
  }

  /** Bytes for the target of `source`, which takes them when it is run. */
  #append(source: number, chunk: Buffer): void {
    if (chunk.length === 0) return;
    const left = this.#left[source] ?? null;
    this.#left[source] = left === null ? chunk : Buffer.concat([left, chunk]);
    this.#poller.again(source);
  }

  #grow(fd: number): void {
    const room = Math.max(fd + 1, 2 * this.#flags.length);
    const [flags, target] = [new Uint16Array(room), new Int32Array(room).fill(NOBODY)];
    flags.set(this.#flags);
    target.set(this.#target);
    [this.#flags, this.#target] = [flags, target];
  }
}
