// The worker threads, as the main thread has them: a ring each way, an eventfd that wakes each, and their ends.
//
// INVARIANT: a thread that ends by itself, or runs no more, takes the process with it, because nobody else may close what it had.
import { MessageChannel, Worker, type MessagePort } from "node:worker_threads";
import { THREAD_WORKER } from "../../runtime/package/files.ts";
import { systemClock } from "../../runtime/shell/clock.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { KernelCalls } from "../kernel/calls.ts";
import * as m from "./messages.ts";
import { newRing, RingReader, RingWriter } from "./ring.ts";
import { STALL_MS, watchForStalls } from "./stalls.ts";
import type { WorkerGiven } from "./worker.ts";
import type { GivenContext } from "./worker_contexts.ts";

/** Rows whose buffered bytes threads report. */
const BUFFERED_ROWS = 1024 * 1024;
const WORD_BYTES = 4;

export interface ThreadsSetup {
  readonly calls: KernelCalls;
  /** Workers, without the main thread. */
  readonly workers: number;
  readonly keepAliveMs: number;
  readonly helloMs: number;
  /** Of all threads together. */
  readonly mostPipes: number;
  /** The machine's, unless given: a thread has no other. */
  readonly clock?: Pick<GatewayClock, "monoMs" | "every">;
}

export interface Thread {
  readonly worker: Worker;
  readonly port: MessagePort;
  readonly commands: RingWriter;
  readonly events: RingReader;
  readonly fd: number;
  /** Rows that it has. */
  rows: number;
}

export class Threads {
  readonly all: readonly Thread[];
  /** Resolves when each thread serves. */
  readonly ready: Promise<void>;
  /** Becomes readable when a thread has something to say. */
  readonly mainFd: number;
  readonly #calls: KernelCalls;
  readonly #stop = new SharedArrayBuffer(WORD_BYTES);
  readonly #buffered = new SharedArrayBuffer(BUFFERED_ROWS * WORD_BYTES);
  readonly #bufferedOf = new Int32Array(this.#buffered);
  readonly #stopWatching: Cancel;
  #isStuck = false;
  #living = 0;
  #isClosed = false;
  #nextContext = 1;
  /** Called after each command: threads are to be woken. */
  onCommand: () => void = () => undefined;

  /** Throws where there is no descriptor for it. */
  constructor(setup: ThreadsSetup) {
    this.#calls = setup.calls;
    this.mainFd = madeEventfd(setup.calls);
    this.all = Array.from({ length: setup.workers }, (_, i) => this.#start(setup, i + 1));
    this.ready = Promise.all(this.all.map(({ worker }) => new Promise((resolve) => worker.once("message", resolve)))).then(() => undefined);
    this.#stopWatching = watchForStalls({
      commands: this.all.map(({ commands }) => commands),
      clock: setup.clock ?? systemClock(),
      stalled: (thread) => this.#stuck(thread + 1),
    });
    process.on("exit", this.#wakeToEnd);
  }

  /** Bytes of a row that were read and are not with the other side. */
  buffered(row: number): number {
    return row < BUFFERED_ROWS ? Atomics.load(this.#bufferedOf, row) : 0;
  }

  /** Gives a context to each thread; its number is the answer. */
  announce(context: Omit<GivenContext, "id">): number {
    const id = this.#nextContext++;
    for (const { port, commands } of this.all) {
      const given: GivenContext = { ...context, id };
      port.postMessage(given);
      commands.write(m.CONTEXT, m.NO_ROW, 0, id);
    }
    this.onCommand();
    return id;
  }

  /** The context's tickets have these keys from now on. */
  takeTickets(id: number, keys: Uint8Array): void {
    if (this.#isClosed) return;
    for (const { commands } of this.all) commands.write(m.TICKETS, m.NO_ROW, 0, id, 0, 0, keys);
    this.onCommand();
  }

  retire(id: number): void {
    if (this.#isClosed) return;
    for (const { commands } of this.all) commands.write(m.RETIRE, m.NO_ROW, 0, id);
    this.onCommand();
  }

  wake(): void {
    for (const { commands } of this.all) commands.wake();
  }

  /** No thread is heard any more; each closes what it has, and ends. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching();
    for (const { commands } of this.all) commands.write(m.STOP, m.NO_ROW, 0);
    this.wake();
  }

  #start({ keepAliveMs, helloMs, mostPipes, workers }: ThreadsSetup, number: number): Thread {
    const { port1: port, port2 } = new MessageChannel();
    const fd = madeEventfd(this.#calls);
    const given: WorkerGiven = {
      commands: newRing(),
      events: newRing(),
      buffered: this.#buffered,
      stop: this.#stop,
      fd,
      mainFd: this.mainFd,
      keepAliveMs,
      helloMs,
      mostPipes: Math.floor(mostPipes / workers),
    };
    const worker = new Worker(THREAD_WORKER, { workerData: { given, port: port2 }, transferList: [port2], execArgv: [], name: `connections ${number}` });
    this.#living++;
    worker.once("error", (error) => this.#died(number, error instanceof Error ? error.message : String(error)));
    worker.once("exit", () => this.#ended(number, fd));
    worker.unref();
    port.unref();
    const wakeWorker = (): void => void this.#calls.wake(fd);
    return { worker, port, fd, rows: 0, commands: new RingWriter(given.commands, wakeWorker), events: new RingReader(given.events, wakeWorker) };
  }

  #ended(number: number, fd: number): void {
    this.#calls.close(fd);
    if (--this.#living === 0) {
      this.#calls.close(this.mainFd);
      process.off("exit", this.#wakeToEnd);
    }
    this.#died(number, "it ended by itself");
  }

  #died(number: number, because: string): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#stopWatching();
    throw new Error(`thread ${number} of ${this.all.length} that serve connections has died (${because}), and nobody else can end its connections`);
  }

  #stuck(number: number): void {
    this.#isStuck = true;
    this.#died(number, `it has not run for ${STALL_MS / 1000} s`);
  }

  /** INVARIANT: a thread that blocks in the kernel is woken, or the process would wait for it for ever. */
  readonly #wakeToEnd = (exitCode: number): void => {
    // Node would wait for it.
    if (this.#isStuck) this.#calls.endProcess(exitCode);
    Atomics.store(new Int32Array(this.#stop), 0, 1);
    for (const { fd } of this.all) this.#calls.wake(fd);
  };
}

function madeEventfd(calls: KernelCalls): number {
  const fd = calls.eventfd();
  if (fd < 0) throw new Error(`no descriptor that wakes a thread (error ${-fd})`);
  return fd;
}
