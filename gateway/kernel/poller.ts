// An epoll descriptor with all sockets of the kernel transport, which Node's event loop watches.
//
//   libuv: the epoll descriptor can be read --> setImmediate --> turn: [epoll_wait, events, after] up to 8 times
//
// The number of a closed descriptor is used again at once, so an event that was fetched for the old one must not reach
// the new one: `epoll_data` has a generation in its upper half, which must be that of the descriptor now.
import { EPOLL_CTL_ADD, EPOLL_CTL_DEL, type KernelCalls } from "./calls.ts";
import type { Watch } from "../../runtime/shell/libc.ts";

export const EPOLLIN = 1;
export const EPOLLPRI = 2;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
export const EPOLLRDHUP = 0x2000;
export const EPOLLET = 0x80000000;

/** Rounds and milliseconds of a turn; what is left is done in the next one, after other work of the event loop. */
export const MOST_ROUNDS = 8;
export const MOST_TURN_MS = 4;
const EVENTS_PER_ROUND = 256;
const FIRST_DESCRIPTORS = 1024;
const NO_DESCRIPTOR = -1;
const NEVER_MS = Number.POSITIVE_INFINITY;

export interface PollerSetup {
  readonly calls: KernelCalls;
  /** The events of `fd` now, by epoll; 0 where `again` requested the call. */
  readonly ready: (fd: number, events: number) => void;
  /** `ready` threw, or with -1 what `after` called. */
  readonly fault: (fd: number, error: unknown) => void;
  readonly monoMs: () => number;
  /** Node's event loop does not watch it: its thread calls `wait` instead, and nothing else happens there. */
  readonly blocks?: boolean;
}

/** Words of `struct epoll_event` and where `data` begins in it: 12 packed bytes on x86-64, 16 on every other. */
export function eventLayout(arch: string): { readonly words: number; readonly data: number } {
  return arch === "x64" ? { words: 3, data: 1 } : { words: 4, data: 2 };
}

export class Poller {
  readonly #setup: PollerSetup;
  readonly #epoll: number;
  readonly #watch: Watch | null;
  readonly #layout = eventLayout(process.arch);
  readonly #events = new Uint32Array(this.#layout.words * EVENTS_PER_ROUND);
  readonly #event = new Uint32Array(this.#layout.words);
  #generations = new Uint32Array(FIRST_DESCRIPTORS);
  #isAdded = new Uint8Array(FIRST_DESCRIPTORS);
  /** Pairs: a descriptor, and its generation. */
  #again: number[] = [];
  #after: (() => void)[] = [];
  #isDue = false;
  #isClosed = false;
  #added = 0;
  /** When the turn under way is to end, on the clock of `monoMs`. */
  #untilMs = NEVER_MS;
  #turns = 0;

  /** Throws where the kernel or koffi doesn't allow it. */
  constructor(setup: PollerSetup) {
    this.#setup = setup;
    this.#epoll = setup.calls.epollCreate();
    if (this.#epoll < 0) throw new Error(`no epoll descriptor (error ${-this.#epoll})`);
    try {
      this.#watch = setup.blocks === true ? null : setup.calls.watch(this.#epoll, () => this.#due());
    } catch (error) {
      setup.calls.close(this.#epoll);
      throw error;
    }
    this.#watch?.unref();
  }

  /** Events of `fd` are reported from now on; what it can do already is reported, too. 0, or a negative error number. */
  add(fd: number, interest: number): number {
    this.#room(fd);
    const { words, data } = this.#layout;
    this.#event[0] = interest;
    if (words > 3) this.#event[1] = 0;
    this.#event[data] = fd;
    this.#event[data + 1] = this.#generations[fd] ?? 0;
    const result = this.#setup.calls.epollControl(this.#epoll, EPOLL_CTL_ADD, fd, this.#event);
    if (result < 0) return result;
    this.#isAdded[fd] = 1;
    if (this.#added++ === 0) this.#watch?.ref();
    return 0;
  }

  isAdded(fd: number): boolean {
    return this.#isAdded[fd] === 1;
  }

  /** No event of `fd` is reported any more, nor what was requested by `again`; the descriptor stays open. */
  remove(fd: number): void {
    if (this.#isAdded[fd] === 1) this.#setup.calls.epollControl(this.#epoll, EPOLL_CTL_DEL, fd, this.#event);
    this.forget(fd);
  }

  /** The same for a descriptor that is closed next, which takes it out of the epoll descriptor. */
  forget(fd: number): void {
    this.#room(fd);
    this.#generations[fd] = ((this.#generations[fd] ?? 0) + 1) >>> 0;
    if (this.#isAdded[fd] !== 1) return;
    this.#isAdded[fd] = 0;
    if (--this.#added === 0) this.#watch?.unref();
  }

  /** The number of the turn that is under way, or was last. */
  get turn(): number {
    return this.#turns;
  }

  /** Whether the time of this turn is over. Work that takes long by itself is then left to the next one, by `again`. */
  isLate(): boolean {
    return this.#setup.monoMs() >= this.#untilMs;
  }

  /** Calls `ready(fd, 0)` in the next turn. */
  again(fd: number): void {
    this.#room(fd);
    this.#again.push(fd, this.#generations[fd] ?? 0);
    this.#due();
  }

  /** Calls back after the events of this round. */
  after(call: () => void): void {
    this.#after.push(call);
    this.#due();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#watch?.close();
    this.#setup.calls.close(this.#epoll);
  }

  #room(fd: number): void {
    if (fd < this.#generations.length) return;
    const room = Math.max(fd + 1, 2 * this.#generations.length);
    const [generations, isAdded] = [new Uint32Array(room), new Uint8Array(room)];
    generations.set(this.#generations);
    isAdded.set(this.#isAdded);
    [this.#generations, this.#isAdded] = [generations, isAdded];
  }

  /** INVARIANT: nothing else happens in libuv's callback, because what is thrown there is lost. */
  #due(): void {
    if (this.#isDue || this.#isClosed) return;
    this.#isDue = true;
    if (this.#watch !== null) setImmediate(this.#doTurn);
  }

  /** Of one that blocks: does a turn, and waits for its first event for `ms` at most (-1: for as long as it takes) where there is nothing else to do. */
  wait(ms: number): void {
    this.#turn(this.#isDue ? 0 : ms);
  }

  readonly #doTurn = (): void => this.#turn(0);

  #turn(ms: number): void {
    const { calls, monoMs } = this.#setup;
    this.#turns++;
    // A wait is not the turn's time.
    this.#untilMs = ms === 0 ? monoMs() + MOST_TURN_MS : NEVER_MS;
    const again = this.#again;
    this.#again = [];
    let isOver = false;
    try {
      for (let i = 0; i < again.length; i += 2) this.#report(again[i] ?? 0, again[i + 1] ?? 0, 0);
      for (let round = 0; round < MOST_ROUNDS && !this.#isClosed; round++) {
        const count = calls.epollWait(this.#epoll, this.#events, EVENTS_PER_ROUND, round === 0 ? ms : 0);
        if (round === 0 && ms !== 0) this.#untilMs = monoMs() + MOST_TURN_MS;
        for (let i = 0; i < count; i++) this.#reportAt(i * this.#layout.words);
        const after = this.#after;
        this.#after = [];
        for (const call of after) this.#do(call);
        isOver = count <= 0 && after.length === 0;
        if (isOver || this.isLate()) break;
      }
    } finally {
      this.#untilMs = NEVER_MS;
      this.#isDue = false;
      if (!isOver || this.#again.length > 0 || this.#after.length > 0) this.#due();
    }
  }

  #do(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#setup.fault(NO_DESCRIPTOR, error);
    }
  }

  #reportAt(at: number): void {
    const data = at + this.#layout.data;
    this.#report(this.#events[data] ?? 0, this.#events[data + 1] ?? 0, this.#events[at] ?? 0);
  }

  #report(fd: number, generation: number, events: number): void {
    if (this.#generations[fd] !== generation || this.#isClosed) return;
    try {
      this.#setup.ready(fd, events);
    } catch (error) {
      this.#setup.fault(fd, error);
    }
  }
}
