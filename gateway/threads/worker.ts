// A thread that serves connections: the kernel transport without Node's event loop. The main thread decides; this one
// moves bytes, and does handshakes.
//
//   [epoll_wait, events, commands, reports] again and again
//
// INVARIANT: a row of which no RELAY came moves no byte. An exception at one row ends that row; any other ends the
// thread, and with it the process.
import type { MessagePort } from "node:worker_threads";
import { CODE_TLS_FAILED } from "../../runtime/abi/verdicts.ts";
import { systemClock } from "../../runtime/shell/clock.ts";
import type { DialFailure, Handshake, TransportEvents } from "../connection/transport.ts";
import { keyedBackend, type BackendAddress } from "../forward/backend.ts";
import { HeaderReading } from "../forward/proxy_reading.ts";
import { openCalls, type KernelCalls } from "../kernel/calls.ts";
import { KernelTransport } from "../kernel/kernel_transport.ts";
import { nearPortOf } from "../kernel/near_end.ts";
import { createFirstFlights, type FirstFlights } from "../tls/first_flights.ts";
import * as m from "./messages.ts";
import { RingReader, RingWriter, type Message } from "./ring.ts";
import { WorkerContexts } from "./worker_contexts.ts";
import { HelloWithBytes, ReportedFlights } from "./worker_hellos.ts";
import { WorkerReports } from "./worker_reports.ts";
import { NO_GENERATION, WorkerRows } from "./worker_rows.ts";
import { WorkerTimers } from "./worker_timers.ts";

/** Commands of a turn; then connections have theirs. */
const MOST_COMMANDS = 256;
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

/** Serves until it is stopped. Throws where the thread can't continue. */
export function runWorker(given: WorkerGiven, port: MessagePort, ready: () => void): void {
  const calls = openCalls();
  if (calls === null) throw new Error("koffi can't be loaded in a thread");
  new ThreadWorker(given, calls, port).run(ready);
}

class ThreadWorker {
  readonly #given: WorkerGiven;
  readonly #calls: KernelCalls;
  readonly #transport: KernelTransport;
  readonly #commands: RingReader;
  readonly #events: RingWriter;
  readonly #clock = systemClock();
  readonly #rows = new WorkerRows();
  readonly #stop: Int32Array;
  readonly #out: WorkerReports;
  /** While a hello is read, and until it has been passed on. */
  readonly #readings: (HelloWithBytes | null)[] = [];
  /** While a PROXY header is read. */
  readonly #headers: (HeaderReading | null)[] = [];
  readonly #flights: (FirstFlights | null)[] = [];
  /** The number of each row's last dial. */
  readonly #dials: number[] = [];
  readonly #contexts: WorkerContexts;
  readonly #backends = new Map<string, BackendAddress | string>();
  readonly #timers = new WorkerTimers(this.#clock);
  #isStopped = false;

  constructor(given: WorkerGiven, calls: KernelCalls, port: MessagePort) {
    this.#given = given;
    this.#calls = calls;
    this.#contexts = new WorkerContexts(port);
    const wakeMain = (): void => void calls.wake(given.mainFd);
    this.#commands = new RingReader(given.commands, wakeMain);
    this.#events = new RingWriter(given.events, wakeMain);
    this.#stop = new Int32Array(given.stop);
    this.#out = new WorkerReports({
      events: this.#events,
      rows: this.#rows,
      clock: this.#clock,
      buffered: new Int32Array(given.buffered),
      bufferedNow: (row) => this.#transport.buffered(row) + (this.#readings[row]?.reading.bytesRead ?? 0) + (this.#flights[row]?.bufferedBytes() ?? 0),
    });
    this.#transport = new KernelTransport({
      calls,
      events: this.#reports(),
      keepAliveMs: given.keepAliveMs,
      monoMs: this.#clock.monoMs,
      mostPipes: given.mostPipes,
      lacked: () => this.#events.write(m.LACKED, m.NO_ROW, 0),
      thread: { later: (ms, call) => this.#timers.later(ms, call) },
    });
    const added = this.#transport.wakeBy(given.fd);
    if (added < 0) throw new Error(`epoll does not take the descriptor that wakes a thread (error ${-added})`);
  }

  run(ready: () => void): void {
    ready();
    while (!this.#isStopped && Atomics.load(this.#stop, 0) === 0) {
      this.#transport.wait(this.#commands.sleeps() ? this.#timers.untilNext(this.#out.dueAtMs) : 0);
      this.#commands.awake();
      this.#timers.run();
      this.#commands.read(MOST_COMMANDS, (message) => this.#take(message));
      this.#out.turnEnds();
    }
    for (const row of this.#rows.all()) this.#transport.drop(row);
    this.#transport.close();
    this.#contexts.free();
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
        this.#out.write(m.FAULTED, row, 0, 0, 0, Buffer.from(textOf(error)));
      }
    } else if (kind === m.DROP) this.#events.write(m.DROPPED, row, generation);
  }

  #ofThread({ kind, a, payload }: Message): void {
    if (kind === m.STOP) this.#isStopped = true;
    else if (kind === m.CONTEXT) this.#contexts.add(a);
    else if (kind === m.TICKETS) this.#contexts.takeTickets(a, payload ?? Buffer.alloc(0));
    else if (kind === m.TICK) return;
    else if (kind === m.RETIRE) this.#contexts.retire(a);
    else throw new Error(`a command that no thread has (${kind})`);
  }

  #command({ kind, row, a, b, payload }: Message): void {
    switch (kind) {
      case m.READ:
        this.#readings[row] = new HelloWithBytes();
        this.#transport.read(row);
        return;
      case m.READ_HEADER:
        this.#headers[row] = new HeaderReading();
        this.#transport.readHeader(row);
        return;
      case m.TAKE:
        this.#transport.take(row, a);
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
        this.#dials[row] = a;
        this.#dial(row, payload?.toString() ?? "");
        return;
      case m.HANG_UP:
        this.#transport.hangUp(row);
        return;
      case m.LOOK:
        this.#transport.look(row, (hasClosed) => this.#out.write(m.LOOKED, row, hasClosed ? 1 : 0));
        return;
      case m.RELAY:
        this.#relay(row, a, b === 1);
        return;
      case m.BREAK_OFF:
        this.#transport.breakOff(row);
        return;
      case m.DROP:
        this.#transport.drop(row);
        this.#out.write(m.DROPPED, row);
        this.#forget(row);
        return;
      default:
        throw new Error(`a command that no row has (${kind})`);
    }
  }

  #secure(row: number, id: number, said: string | null): void {
    const context = this.#contexts.context(id);
    const first = this.#readings[row]?.bytes() ?? Buffer.alloc(0);
    this.#readings[row] = null;
    if (typeof context === "string") this.#out.write(m.HANDSHAKEN, row, CODE_TLS_FAILED, 0, 0, Buffer.from(context));
    else this.#transport.secureWith(row, context, said, first);
  }

  #dial(row: number, key: string): void {
    const known = this.#backends.get(key);
    // The main thread has decided whether it may be dialed.
    const address = known ?? keyedBackend(key);
    if (known === undefined) {
      if (this.#backends.size >= MOST_BACKENDS) this.#backends.clear();
      this.#backends.set(key, address);
    }
    if (typeof address === "string") this.#connectFailed(row, "refused");
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
      : new ReportedFlights(createFirstFlights({ hello, helloMs: this.#given.helloMs, clock: this.#clock }), () => this.#out.write(m.HELLO_DUE, row));
    this.#flights[row] = flights;
    this.#transport.relayPermitted(row, first, flights);
    this.#transport.keepBackend(row);
  }

  /** Makes records of the reports of the transport. */
  #reports(): TransportEvents {
    return {
      accepted: () => m.NO_ROW,
      clientBytes: (row, chunk) => this.#clientBytes(row, chunk),
      clientEnded: (row) => this.#clientOver(row, m.CLIENT_ENDED),
      clientGone: (row) => this.#clientOver(row, m.CLIENT_GONE),
      handshaken: (row, outcome) => this.#handshaken(row, outcome),
      connected: (row) => {
        const fd = this.#transport.upstreamOf(row);
        this.#out.write(m.CONNECTED, row, fd, nearPortOf(this.#calls, fd) ?? -1, this.#dials[row] ?? 0);
      },
      connectFailed: (row, failure) => this.#connectFailed(row, failure),
      fromClient: (row, bytes) => this.#out.moved(row, bytes, 0),
      fromBackend: (row, bytes) => this.#out.moved(row, 0, bytes),
      secondHello: (row, fault) => this.#out.write(m.SECOND_HELLO, row, m.faultNumber(fault)),
      ended: (row, reset) => {
        const side =
          reset === "client" ? m.BY_CLIENT
          : reset === "backend" ? m.BY_BACKEND
          : 0;
        this.#out.ended(row, side);
        this.#forget(row);
      },
      dropped: () => undefined,
      faulted: (row, detail) => {
        if (row === m.NO_ROW) throw new Error(detail);
        this.#out.write(m.FAULTED, row, 0, 0, 0, Buffer.from(detail));
      },
    };
  }

  #connectFailed(row: number, failure: DialFailure): void {
    this.#out.write(m.CONNECT_FAILED, row, m.failureNumber(failure), 0, this.#dials[row] ?? 0);
  }

  #clientBytes(row: number, chunk: Uint8Array): number {
    const header = this.#headers[row] ?? null;
    if (header !== null) {
      const read = header.take(chunk);
      if (read === null) return header.bytesDue();
      this.#sendHeader(row, header, "fault" in read ? header.bytes() : header.bytes().subarray(0, read.bytes), 0);
      return 0;
    }
    const reading = this.#readings[row] ?? null;
    if (reading === null) return 0;
    const isOver = reading.take(chunk);
    this.#out.look(row);
    if (!isOver) return reading.reading.bytesDue();
    this.#sendHello(row, 0);
    return 0;
  }

  #clientOver(row: number, end: number): void {
    const header = this.#headers[row] ?? null;
    if (header === null) this.#sendHello(row, end);
    else this.#sendHeader(row, header, header.bytes(), end);
  }

  /** As of a hello; what came behind the header stays in the kernel. */
  #sendHeader(row: number, header: HeaderReading, bytes: Buffer, end: number): void {
    this.#headers[row] = null;
    this.#transport.pause(row);
    this.#out.write(m.HELLO, row, end, 0, 0, header.bytesRead === 0 ? null : bytes);
  }

  /** The main thread reads the same bytes, and decides. */
  #sendHello(row: number, end: number): void {
    const reading = this.#readings[row] ?? null;
    if (reading === null) return;
    this.#transport.pause(row);
    this.#out.write(m.HELLO, row, end, 0, 0, reading.reading.bytesRead === 0 ? null : reading.bytes());
  }

  #handshaken(row: number, outcome: Handshake): void {
    const { a, payload } = m.handshakeRecord(outcome);
    this.#out.write(m.HANDSHAKEN, row, a, 0, 0, payload);
  }

  #forget(row: number): void {
    this.#rows.end(row);
    this.#headers[row] = null;
    this.#readings[row] = null;
    this.#flights[row] = null;
    this.#dials[row] = 0;
    this.#out.forget(row);
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
