// The transport of several threads, as the main thread has it: it listens, accepts, and gives each connection to the
// worker with the fewest. Until then the client's descriptor is its own, and a refused client is closed here.
//
// INVARIANT: from ADOPT on a descriptor is the worker's, which alone closes it. A worker's record is read only if it is about a
// row that it has, in this generation of the row, and only where the row waits for it.
import { getSystemErrorName } from "node:util";
import type { Permit } from "../../runtime/host/decision.ts";
import type { GatewayClock } from "../clock.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import { NO_ROW, type PeerAddress, type Transport, type TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { AGAIN, Backend } from "../forward/backends.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { KernelCalls } from "../kernel/calls.ts";
import { clientHasClosed } from "../kernel/client_end.ts";
import { Listeners } from "../kernel/listeners.ts";
import { nearEnd, sendPreface } from "../kernel/near_end.ts";
import { EPOLLET, EPOLLIN, Poller } from "../kernel/poller.ts";
import { closeWithReset } from "../kernel/sockets.ts";
import type { FirstFlights } from "../tls/first_flights.ts";
import type { TlsContext } from "../tls/secure.ts";
import { LateHellos } from "./late_hellos.ts";
import * as m from "./messages.ts";
import { ThreadEvents } from "./thread_events.ts";
import { ThreadedContext } from "./threaded_context.ts";
import { ThreadedRows, NONE, WAITS_CONNECTED, WAITS_DROPPED, WAITS_ENDED, WAITS_FAILED, WAITS_HANDSHAKE, WAITS_HELLO } from "./threaded_rows.ts";
import type { Threads } from "./threads.ts";

/** Records of one thread in a turn. */
const MOST_EVENTS = 512;
/** Backends whose addresses are kept as bytes. */
const MOST_KEYS = 1024;

export interface ThreadedTransportSetup {
  readonly calls: KernelCalls;
  readonly threads: Threads;
  readonly events: TransportEvents;
  readonly keepAliveMs: number;
  readonly helloMs: () => number;
  readonly clock: Pick<GatewayClock, "monoMs" | "every">;
  /** Peers wait, because there is no descriptor. */
  readonly lacked: () => void;
}

export class ThreadedTransport implements Transport {
  readonly #calls: KernelCalls;
  readonly #threads: Threads;
  readonly #events: TransportEvents;
  readonly #poller: Poller;
  readonly #listeners: Listeners;
  readonly #rows = new ThreadedRows();
  readonly #keys = new Map<string, Buffer>();
  readonly #lateHellos: LateHellos;
  /** By row: looks at its client that its worker has not answered. */
  readonly #looks = new Map<number, { readonly generation: number; readonly reports: ((hasClosed: boolean) => void)[] }>();
  readonly #reports: ThreadEvents;
  #isWakeDue = false;
  #isClosed = false;

  constructor({ calls, threads, events, keepAliveMs, helloMs, clock, lacked }: ThreadedTransportSetup) {
    this.#calls = calls;
    this.#threads = threads;
    this.#events = events;
    this.#poller = new Poller({
      calls,
      monoMs: clock.monoMs,
      ready: (fd) => (fd === threads.mainFd ? this.#drain() : this.#listeners.accept(fd)),
      fault: (_fd, error) => events.faulted(NO_ROW, textOf(error)),
    });
    this.#listeners = new Listeners({
      calls,
      poller: this.#poller,
      keepAliveMs,
      accepted: (listening, fd, peer) => this.#accepted(listening, fd, peer),
      served: () => true,
      lacked,
    });
    threads.onCommand = () => this.#wakeSoon();
    this.#lateHellos = new LateHellos({
      helloMs,
      clock,
      late: (row) => {
        if (this.#rows.waits(row, WAITS_ENDED)) events.secondHello(row, "late");
      },
    });
    this.#reports = new ThreadEvents({
      rows: this.#rows,
      events,
      lateHellos: this.#lateHellos,
      lacked: () => this.#listeners.lack(),
      looked: (row, hasClosed) => this.#looked(row, hasClosed),
      gone: (thread) => this.#gone(thread),
    });
  }

  /** Calls back after the events of this round. */
  after(flush: () => void): void {
    this.#poller.after(flush);
  }

  async listen(listening: number, local: Local): Promise<ListenFailure | null> {
    await this.#threads.ready;
    if (!this.#poller.isAdded(this.#threads.mainFd)) {
      const added = this.#poller.add(this.#threads.mainFd, EPOLLIN | EPOLLET);
      if (added < 0) return { code: getSystemErrorName(added) };
      this.#drain();
    }
    return this.#listeners.open(listening, local);
  }

  unlisten(listening: number): void {
    this.#listeners.close(listening);
  }

  descriptorOf(listening: number): number | null {
    return this.#listeners.descriptorOf(listening);
  }

  #accepted(listening: number, fd: number, peer: PeerAddress): void {
    let row = NO_ROW;
    try {
      row = this.#events.accepted(listening, peer);
    } finally {
      if (row === NO_ROW) this.#close(fd);
    }
    if (row !== NO_ROW) this.#rows.begin(row, fd);
  }

  /** The listening socket had the option already. */
  keep(): void {}

  /** A worker has it probed from RELAY on. */
  keepBackend(): void {}

  read(row: number): void {
    this.#send(row, m.READ);
    this.#rows.await(row, WAITS_HELLO);
  }

  readHeader(row: number): void {
    this.#send(row, m.READ_HEADER);
    this.#rows.await(row, WAITS_HELLO);
  }

  take(row: number, bytes: number): void {
    this.#send(row, m.TAKE, bytes);
    // The hello behind it has a report of its own.
    this.#rows.unreport(row);
  }

  pause(row: number): void {
    this.#rows.await(row, 0);
    // A worker pauses by itself at the hello that it reports.
    if (!this.#rows.hasReported(row)) this.#send(row, m.PAUSE);
  }

  secure(row: number, { native }: TlsContext, said: string | null): void {
    if (!(native instanceof ThreadedContext)) throw new Error("a context of TLS that threads don't have");
    this.#rows.await(row, WAITS_HANDSHAKE);
    this.#send(row, m.SECURE, native.id, said === null ? 0 : 1, said === null ? null : Buffer.from(said, "latin1"));
  }

  dial(row: number, { key }: BackendAddress): void {
    let bytes = this.#keys.get(key);
    if (bytes === undefined) {
      if (this.#keys.size >= MOST_KEYS) this.#keys.clear();
      bytes = Buffer.from(key);
      this.#keys.set(key, bytes);
    }
    this.#rows.await(row, WAITS_CONNECTED | WAITS_FAILED);
    this.#send(row, m.DIAL, this.#rows.nextDial(row), 0, bytes);
  }

  /** A worker whose row is over has said ENDED before it could read LOOK. */
  look(row: number, report: (hasClosed: boolean) => void): void {
    const generation = this.#rows.generation(row);
    if (this.#rows.thread(row) === NONE) {
      // One that was admitted in this turn is no thread's yet.
      report(clientHasClosed(this.#calls, this.#rows.ownFd(row)));
      return;
    }
    const before = this.#looks.get(row);
    if (before?.generation === generation) before.reports.push(report);
    else {
      this.#looks.set(row, { generation, reports: [report] });
      this.#send(row, m.LOOK);
    }
  }

  #looked(row: number, hasClosed: boolean): void {
    const looks = this.#looks.get(row);
    this.#looks.delete(row);
    if (looks?.generation === this.#rows.generation(row)) for (const report of looks.reports) report(hasClosed);
  }

  hangUp(row: number): void {
    this.#rows.await(row, 0);
    this.#rows.setNear(row, NONE, NONE);
    this.#send(row, m.HANG_UP);
  }

  verify(row: number, backend: Backend): string | typeof AGAIN | null {
    const fd = this.#rows.nearFd(row);
    if (fd === NONE) return "it is not connected";
    return backend.verify?.(nearEnd(this.#calls, fd), backend.address) ?? null;
  }

  preface(row: number, header: (local: Endpoint) => Uint8Array | null): boolean {
    const [client, upstream] = [this.#rows.client(row), this.#rows.nearFd(row)];
    return client !== NONE && upstream !== NONE && sendPreface(this.#calls, client, upstream, header);
  }

  relay(row: number, permit: Permit, first: Buffer | null, flights: FirstFlights | null): void {
    if (permit.allowed !== true) throw new Error("a relay needs a permit");
    // From now on the worker may close it, and its number may be another's.
    this.#rows.setNear(row, NONE, this.#rows.nearPort(row) ?? NONE);
    this.#rows.await(row, WAITS_ENDED);
    this.#send(row, m.RELAY, first?.length ?? -1, flights === null ? 0 : 1);
  }

  alert(row: number, description: number, read: number): void {
    this.#send(row, m.ALERT, description, read);
  }

  breakOff(row: number): void {
    this.#lateHellos.over(row);
    this.#rows.await(row, WAITS_ENDED | WAITS_FAILED);
    this.#send(row, m.BREAK_OFF);
  }

  drop(row: number): void {
    this.#lateHellos.over(row);
    const fd = this.#rows.takeFd(row);
    if (fd !== NONE) this.#close(fd);
    else if (this.#rows.thread(row) !== NONE) {
      this.#rows.await(row, WAITS_DROPPED);
      this.#send(row, m.DROP);
    }
  }

  isOpen(row: number): boolean {
    return this.#rows.waits(row, WAITS_DROPPED);
  }

  nearPort(row: number): number | null {
    return this.#rows.nearPort(row);
  }

  buffered(row: number): number {
    return this.#rows.thread(row) === NONE ? 0 : this.#threads.buffered(row);
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#lateHellos.stop();
    this.#listeners.shut();
    this.#threads.close();
    this.#poller.close();
  }

  /** Gives a row to a thread where none has it yet. */
  #send(row: number, kind: number, a = 0, b = 0, payload: Buffer | null = null): void {
    let thread = this.#threads.all[this.#rows.thread(row)];
    if (thread === undefined) {
      const fd = this.#rows.takeFd(row);
      if (fd === NONE) return;
      const number = this.#fewest();
      thread = this.#threads.all[number];
      if (thread === undefined) return;
      this.#rows.give(row, number);
      thread.rows++;
      thread.commands.write(m.ADOPT, row, this.#rows.generation(row), fd);
    }
    thread.commands.write(kind, row, this.#rows.generation(row), a, b, 0, payload);
    this.#wakeSoon();
  }

  #fewest(): number {
    const { all } = this.#threads;
    let best = 0;
    for (let i = 1; i < all.length; i++) if ((all[i]?.rows ?? 0) < (all[best]?.rows ?? 0)) best = i;
    return best;
  }

  /** Threads wake up after the events of this round. */
  #wakeSoon(): void {
    if (this.#isWakeDue) return;
    this.#isWakeDue = true;
    this.#poller.after(this.#wake);
  }

  readonly #wake = (): void => {
    this.#isWakeDue = false;
    this.#threads.wake();
  };

  /** Reads what threads have said, and writes what is kept for them. */
  #drain(): void {
    for (const [number, { commands, events }] of this.#threads.all.entries()) {
      commands.flush();
      const count = events.read(MOST_EVENTS, (message) => this.#reports.take(number, message));
      if (count === MOST_EVENTS || !events.sleeps()) this.#poller.again(this.#threads.mainFd);
    }
    this.#wakeSoon();
  }

  #gone(number: number): void {
    const thread = this.#threads.all[number];
    if (thread !== undefined) thread.rows--;
    this.#listeners.freed();
  }

  #close(fd: number): void {
    closeWithReset(this.#calls, fd);
    this.#listeners.freed();
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
