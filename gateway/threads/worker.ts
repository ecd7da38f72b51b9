// A thread that serves connections: the kernel transport without Node's event loop. The main thread decides; this one
// moves bytes, and does handshakes.
//
//   [epoll_wait, events, commands, reports] again and again
//
// INVARIANT: a row of which no RELAY came moves no byte. An exception at one row ends that row; any other ends the
// thread, and with it the process.
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";
import { CODE_TLS_FAILED } from "../../runtime/abi/verdicts.ts";
import { systemClock } from "../../runtime/shell/clock.ts";
import type { Cancel } from "../clock.ts";
import type { Handshake, TransportEvents } from "../connection/transport.ts";
import { canonicalBackend, type BackendAddress } from "../forward/backend.ts";
import { openCalls, type KernelCalls } from "../kernel/calls.ts";
import { KernelTransport } from "../kernel/kernel_transport.ts";
import { nearPortOf } from "../kernel/near_end.ts";
import { openOpenssl, type OpensslCalls } from "../kernel/openssl.ts";
import { OpensslContext } from "../kernel/tls_context.ts";
import { TicketKeys } from "../kernel/tls_tickets.ts";
import type { ContextWish } from "../tls/credentials.ts";
import { createFirstFlights, type FirstFlights, type FlightStep } from "../tls/first_flights.ts";
import { HelloReading } from "../tls/hello_reading.ts";
import * as m from "./messages.ts";
import { RingReader, RingWriter, type Message } from "./ring.ts";
import { NO_GENERATION, WorkerRows } from "./worker_rows.ts";

/** Commands of a turn; then connections have theirs. */
const MOST_COMMANDS = 256;
/** Bytes that were moved are reported after so long, or with the end of their connection: each report wakes the main thread. */
const REPORT_MS = 50;
/** Backends whose addresses are kept parsed. */
const MOST_BACKENDS = 1024;

/** A thread gets this when it is made. */
export interface WorkerGiven {
  readonly commands: SharedArrayBuffer;
  readonly events: SharedArrayBuffer;
  /** By row, for all threads: bytes that were read and are not with the other side. */
  readonly buffered: SharedArrayBuffer;
  /** One word: 1 where the process ends. */
  readonly stop: SharedArrayBuffer;
  /** Eventfds: of this thread, and of the main thread. */
  readonly fd: number;
  readonly mainFd: number;
  readonly keepAliveMs: number;
  readonly helloMs: number;
  readonly mostPipes: number;
}

/** CONTEXT announces this. */
export interface GivenContext extends ContextWish {
  readonly id: number;
  /** See TicketKeys. */
  readonly tickets: Uint8Array;
}

/** Serves until it is stopped. Throws where the thread can't go on. */
export function runWorker(given: WorkerGiven, port: MessagePort, ready: () => void): void {
  const calls = openCalls();
  if (calls === null) throw new Error("koffi can't be loaded in a thread");
  new ThreadWorker(given, calls, port).run(ready);
}

interface Timer {
  readonly atMs: number;
  readonly call: () => void;
}

class ThreadWorker {
  readonly #given: WorkerGiven;
  readonly #calls: KernelCalls;
  readonly #port: MessagePort;
  readonly #transport: KernelTransport;
  readonly #commands: RingReader;
  readonly #events: RingWriter;
  readonly #clock = systemClock();
  readonly #rows = new WorkerRows();
  readonly #stop: Int32Array;
  readonly #buffered: Int32Array;
  /** Rows of which something is buffered. */
  readonly #holding = new Set<number>();
  /** While a hello is read, and until it has gone on. */
  readonly #readings: (HelloWithBytes | null)[] = [];
  readonly #flights: (FirstFlights | null)[] = [];
  readonly #contexts = new Map<number, OpensslContext | string>();
  readonly #backends = new Map<string, BackendAddress | string>();
  readonly #timers = new Set<Timer>();
  /** When the bytes that were moved are to be reported; null: there are none. */
  #reportAtMs: number | null = null;
  #openssl: OpensslCalls | null = null;
  #isStopped = false;

  constructor(given: WorkerGiven, calls: KernelCalls, port: MessagePort) {
    this.#given = given;
    this.#calls = calls;
    this.#port = port;
    const wakeMain = (): void => void calls.wake(given.mainFd);
    this.#commands = new RingReader(given.commands, wakeMain);
    this.#events = new RingWriter(given.events, wakeMain);
    this.#stop = new Int32Array(given.stop);
    this.#buffered = new Int32Array(given.buffered);
    this.#transport = new KernelTransport({
      calls,
      events: this.#reports(),
      isReset: null,
      keepAliveMs: given.keepAliveMs,
      monoMs: this.#clock.monoMs,
      mostPipes: given.mostPipes,
      lacked: () => this.#events.write(m.LACKED, m.NO_ROW, 0),
      thread: { later: (ms, call) => this.#later(ms, call) },
    });
    const added = this.#transport.wakeBy(given.fd);
    if (added < 0) throw new Error(`epoll does not take the descriptor that wakes a thread (error ${-added})`);
  }

  run(ready: () => void): void {
    ready();
    while (!this.#isStopped && Atomics.load(this.#stop, 0) === 0) {
      this.#transport.wait(this.#commands.sleeps() ? this.#timerMs() : 0);
      this.#commands.awake();
      this.#runTimers();
      this.#commands.read(MOST_COMMANDS, (message) => this.#take(message));
      this.#report();
    }
    for (const row of this.#rows.all()) this.#transport.drop(row);
    this.#transport.close();
    for (const context of this.#contexts.values()) if (typeof context !== "string") context.free();
  }

  #take(message: Message): void {
    const { kind, row, generation } = message;
    if (row === m.NO_ROW) {
      this.#ofThread(message);
      return;
    }
    if (kind === m.ADOPT) {
      if (this.#rows.generation(row) !== NO_GENERATION) throw new Error(`row ${row} is given to a thread that has it already`);
      this.#rows.begin(row, generation);
      this.#transport.adopt(row, message.a);
      return;
    }
    if (this.#rows.generation(row) === generation) {
      try {
        this.#command(message);
      } catch (error) {
        this.#write(m.FAULTED, row, 0, 0, 0, Buffer.from(textOf(error)));
      }
    } else if (kind === m.DROP) this.#events.write(m.DROPPED, row, generation);
  }

  #ofThread({ kind, a, payload }: Message): void {
    if (kind === m.STOP) this.#isStopped = true;
    else if (kind === m.CONTEXT) this.#addContext(a);
    else if (kind === m.TICKETS) this.#takeTickets(a, payload ?? Buffer.alloc(0));
    else if (kind === m.RETIRE) this.#retire(a);
    else throw new Error(`a command that no thread has (${kind})`);
  }

  #command({ kind, row, a, b, payload }: Message): void {
    switch (kind) {
      case m.READ:
        this.#readings[row] = new HelloWithBytes();
        this.#transport.read(row);
        return;
      case m.PAUSE:
        this.#transport.pause(row);
        return;
      case m.ALERT:
        this.#transport.alert(row, a, b);
        return;
      case m.SECURE:
        this.#secure(row, a, b === 1 && payload !== null ? payload.toString("latin1") : null);
        return;
      case m.DIAL:
        this.#dial(row, payload?.toString() ?? "");
        return;
      case m.HANG_UP:
        this.#transport.hangUp(row);
        return;
      case m.RELAY:
        this.#relay(row, a, b === 1);
        return;
      case m.BREAK_OFF:
        this.#transport.breakOff(row);
        return;
      case m.DROP:
        this.#transport.drop(row);
        this.#write(m.DROPPED, row);
        this.#forget(row);
        return;
      default:
        throw new Error(`a command that no row has (${kind})`);
    }
  }

  #addContext(id: number): void {
    const received: { readonly message: GivenContext } | undefined = receiveMessageOnPort(this.#port);
    if (received?.message.id !== id) throw new Error("a context of TLS was announced and did not come");
    const { id: _, tickets: keys, ...wish } = received.message;
    const tickets = TicketKeys.from(keys);
    const opened = this.#openssl === null ? openOpenssl() : null;
    if (opened?.ok === true) this.#openssl = opened.value;
    const calls = this.#openssl;
    const made = calls === null || tickets === null ? null : OpensslContext.create({ calls, ...wish, tickets });
    this.#contexts.set(
      id,
      made === null ? "OpenSSL can't be called in this thread"
      : made.ok ? made.value
      : made.error,
    );
  }

  #takeTickets(id: number, bytes: Buffer): void {
    const context = this.#contexts.get(id);
    if (context === undefined || typeof context === "string") return;
    const tickets = TicketKeys.from(bytes);
    if (tickets !== null && context.takeTickets(tickets)) return;
    this.#retire(id);
    this.#contexts.set(id, "OpenSSL does not take the keys of tickets in this thread");
  }

  #retire(id: number): void {
    const context = this.#contexts.get(id);
    this.#contexts.delete(id);
    if (context !== undefined && typeof context !== "string") context.free();
  }

  #secure(row: number, id: number, said: string | null): void {
    const context = this.#contexts.get(id) ?? "there is no such context";
    const first = this.#readings[row]?.bytes() ?? Buffer.alloc(0);
    this.#readings[row] = null;
    if (typeof context === "string") this.#write(m.HANDSHAKEN, row, CODE_TLS_FAILED, 0, 0, Buffer.from(context));
    else this.#transport.secureWith(row, context, said, first);
  }

  #dial(row: number, key: string): void {
    const known = this.#backends.get(key);
    const address = known ?? canonicalBackend(key);
    if (known === undefined) {
      if (this.#backends.size >= MOST_BACKENDS) this.#backends.clear();
      this.#backends.set(key, address);
    }
    if (typeof address === "string") this.#write(m.CONNECT_FAILED, row, m.failureNumber("refused"));
    else this.#transport.dial(row, address);
  }

  /** `bytes` is what was decided about; -1: nothing was read. */
  #relay(row: number, bytes: number, looksAtHello: boolean): void {
    const reading = this.#readings[row] ?? null;
    const first = bytes < 0 ? null : (reading?.bytes() ?? null);
    if (bytes >= 0 && first?.length !== bytes) throw new Error("the hello that was decided about is not the one that was read");
    const hello = reading?.reading.hello ?? null;
    if (looksAtHello && hello === null) throw new Error("there is no hello to be compared with a second one");
    this.#readings[row] = null;
    const flights =
      !looksAtHello || hello === null ?
        null
      : new ReportedFlights(createFirstFlights({ hello, helloMs: this.#given.helloMs, clock: this.#clock }), () => this.#write(m.HELLO_DUE, row));
    this.#flights[row] = flights;
    this.#transport.relayPermitted(row, first, flights);
    this.#transport.keepBackend(row);
  }

  /** Makes records of the reports of the transport. */
  #reports(): TransportEvents {
    return {
      accepted: () => m.NO_ROW,
      clientBytes: (row, chunk) => this.#clientBytes(row, chunk),
      clientEnded: (row) => this.#sendHello(row, m.CLIENT_ENDED),
      clientGone: (row) => this.#sendHello(row, m.CLIENT_GONE),
      handshaken: (row, outcome) => this.#handshaken(row, outcome),
      connected: (row) => {
        const fd = this.#transport.upstreamOf(row);
        this.#write(m.CONNECTED, row, fd, nearPortOf(this.#calls, fd) ?? -1);
      },
      connectFailed: (row, failure) => this.#write(m.CONNECT_FAILED, row, m.failureNumber(failure)),
      fromClient: (row, bytes) => this.#moved(row, bytes, 0),
      fromBackend: (row, bytes) => this.#moved(row, 0, bytes),
      secondHello: (row, fault) => this.#write(m.SECOND_HELLO, row, m.faultNumber(fault)),
      ended: (row, reset) => {
        const [fromClient, fromBackend] = this.#rows.take(row);
        const side =
          reset === "client" ? m.BY_CLIENT
          : reset === "backend" ? m.BY_BACKEND
          : 0;
        this.#write(m.ENDED, row, fromClient, fromBackend, side);
        this.#forget(row);
      },
      dropped: () => undefined,
      faulted: (row, detail) => {
        if (row === m.NO_ROW) throw new Error(detail);
        this.#write(m.FAULTED, row, 0, 0, 0, Buffer.from(detail));
      },
    };
  }

  #clientBytes(row: number, chunk: Uint8Array): number {
    const reading = this.#readings[row] ?? null;
    if (reading === null) return 0;
    const isOver = reading.take(chunk);
    this.#holds(row);
    if (!isOver) return reading.reading.bytesDue();
    this.#sendHello(row, 0);
    return 0;
  }

  /** The main thread reads the same bytes, and decides. */
  #sendHello(row: number, end: number): void {
    const reading = this.#readings[row] ?? null;
    if (reading === null) return;
    this.#transport.pause(row);
    this.#write(m.HELLO, row, end, 0, 0, reading.reading.bytesRead === 0 ? null : reading.bytes());
  }

  #handshaken(row: number, outcome: Handshake): void {
    const { a, payload } = m.handshakeRecord(outcome);
    this.#write(m.HANDSHAKEN, row, a, 0, 0, payload);
  }

  #write(kind: number, row: number, a = 0, b = 0, c = 0, payload: Buffer | null = null): void {
    const generation = this.#rows.generation(row);
    if (generation !== NO_GENERATION) this.#events.write(kind, row, generation, a, b, c, payload);
  }

  #forget(row: number): void {
    this.#rows.end(row);
    this.#readings[row] = null;
    this.#flights[row] = null;
    this.#holding.delete(row);
    if (row < this.#buffered.length && this.#buffered[row] !== 0) Atomics.store(this.#buffered, row, 0);
  }

  /** Reports the bytes that a turn has moved, and those that it has buffered. */
  #report(): void {
    if (this.#rows.hasMoved) {
      const now = this.#clock.monoMs();
      this.#reportAtMs ??= now + REPORT_MS;
      if (now >= this.#reportAtMs) this.#reportBytes();
    }
    for (const row of this.#holding) this.#holds(row);
    this.#events.flush();
    this.#events.wake();
  }

  #reportBytes(): void {
    this.#reportAtMs = null;
    for (const row of this.#rows.moved()) {
      const [fromClient, fromBackend] = this.#rows.take(row);
      if (fromClient > 0 || fromBackend > 0) this.#write(m.BYTES, row, fromClient, fromBackend);
    }
  }

  #moved(row: number, fromClient: number, fromBackend: number): void {
    this.#rows.add(row, fromClient, fromBackend);
    // Whether the other side has taken them is seen at the end of the turn.
    this.#holding.add(row);
  }

  #holds(row: number): void {
    if (this.#rows.generation(row) === NO_GENERATION) return;
    const bytes = this.#transport.buffered(row) + (this.#readings[row]?.reading.bytesRead ?? 0) + (this.#flights[row]?.bufferedBytes() ?? 0);
    if (bytes > 0) this.#holding.add(row);
    else if (!this.#holding.delete(row)) return;
    if (row < this.#buffered.length && this.#buffered[row] !== bytes) Atomics.store(this.#buffered, row, bytes);
  }

  #later(ms: number, call: () => void): Cancel {
    const timer: Timer = { atMs: this.#clock.monoMs() + ms, call };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  /** Until the next timer; -1: there is none. */
  #timerMs(): number {
    const due = [...this.#timers].map(({ atMs }) => atMs);
    if (this.#reportAtMs !== null) due.push(this.#reportAtMs);
    return due.length === 0 ? -1 : Math.max(0, Math.min(...due) - this.#clock.monoMs());
  }

  #runTimers(): void {
    if (this.#timers.size === 0) return;
    const now = this.#clock.monoMs();
    for (const timer of [...this.#timers]) if (timer.atMs <= now && this.#timers.delete(timer)) timer.call();
  }
}

/** A hello that is read, with its bytes: the main thread reads the same ones. */
class HelloWithBytes {
  readonly reading = new HelloReading();
  #chunks: Uint8Array[] = [];

  /** True if more makes no difference, because it is whole or has a fault. */
  take(chunk: Uint8Array): boolean {
    this.#chunks.push(chunk);
    return this.reading.take(chunk) !== null;
  }

  bytes(): Buffer {
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }
}

/** First flights that say once when a second hello is due: its time is the main thread's. */
class ReportedFlights implements FirstFlights {
  readonly #flights: FirstFlights;
  readonly #due: () => void;
  #isReported = false;

  constructor(flights: FirstFlights, due: () => void) {
    this.#flights = flights;
    this.#due = due;
  }

  fromClient(chunk: Buffer): FlightStep {
    return this.#flights.fromClient(chunk);
  }

  fromBackend(chunk: Buffer): FlightStep {
    const step = this.#flights.fromBackend(chunk);
    if (!this.#isReported && this.#flights.isDue()) {
      this.#isReported = true;
      this.#due();
    }
    return step;
  }

  clientEnded(): FlightStep {
    return this.#flights.clientEnded();
  }

  backendEnded(): FlightStep {
    return this.#flights.backendEnded();
  }

  isDue(): boolean {
    return this.#flights.isDue();
  }

  isLate(): boolean {
    return this.#flights.isLate();
  }

  bufferedBytes(): number {
    return this.#flights.bufferedBytes();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
