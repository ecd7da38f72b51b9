// Connects the rows of the kernel transport to their backends. Where no descriptor is left, a row waits for one: its
// client was accepted, and is not to be lost.
import type { DialFailure, TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { EAGAIN, type KernelCalls } from "./calls.ts";
import { isShortage, type Listeners } from "./listeners.ts";
import { EPOLLERR, EPOLLHUP, EPOLLOUT, type Poller } from "./poller.ts";
import type { Pump } from "./pump.ts";
import { DIALS, KEPT, RELAYS, WANTS, type Rows } from "./rows.ts";
import { connectTo, errorOf, keepAlive } from "./sockets.ts";

/** Far longer than a sweep takes to come by: where probes are due sooner, the socket has them from the start. */
const KEPT_LATER_MS = 5_000;

export interface DialingSetup {
  readonly calls: KernelCalls;
  readonly events: Pick<TransportEvents, "connected" | "connectFailed">;
  readonly rows: Rows;
  readonly poller: Poller;
  readonly pump: Pump;
  readonly listeners: Listeners;
  readonly keepAliveMs: number;
  /** The events of a connection's sockets. */
  readonly interest: number;
  /** Reports after this round, unless the row has got another connection by then. */
  readonly later: (row: number, report: () => void) => void;
}

interface Wanting {
  readonly row: number;
  readonly epoch: number;
  readonly address: BackendAddress;
}

export class Dialing {
  readonly #setup: DialingSetup;
  /** Rows that wait for a descriptor, and where they are to connect. */
  #wanting: Wanting[] = [];
  /** Counts the dials of each row: what was put off for an earlier one is not reported. */
  readonly #dials: number[] = [];

  constructor(setup: DialingSetup) {
    this.#setup = setup;
  }

  dial(row: number, address: BackendAddress): void {
    const { rows, listeners } = this.#setup;
    this.#dials[row] = this.#dialOf(row) + 1;
    if (!listeners.isShort && this.#connect(row, address)) return;
    rows.setMode(row, WANTS);
    this.#wanting.push({ row, epoch: rows.epoch(row), address });
  }

  /** Nothing of the row's last dial is done or reported any more; its descriptor is the caller's to close. */
  hangUp(row: number): void {
    const { rows } = this.#setup;
    if (rows.is(row, WANTS)) this.#wanting = this.#wanting.filter((one) => one.row !== row);
    this.#dials[row] = this.#dialOf(row) + 1;
    rows.setMode(row, 0);
  }

  #dialOf(row: number): number {
    return this.#dials[row] ?? 0;
  }

  /** Reports the dial that is under way after this round, unless it was given up by then. */
  #failLater(row: number, failure: DialFailure): void {
    const { events, later } = this.#setup;
    const dial = this.#dialOf(row);
    later(row, () => {
      if (this.#dialOf(row) === dial) events.connectFailed(row, failure);
    });
  }

  /**
   * A relayed row was seen at a sweep: its backend is probed from now on where it stays silent. Most connections have
   * ended before the first sweep, and need no calls for it.
   */
  keep(row: number): void {
    const { calls, rows, keepAliveMs } = this.#setup;
    const mode = rows.mode(row);
    if ((mode & (RELAYS | KEPT)) !== RELAYS) return;
    rows.setMode(row, mode | KEPT);
    if (keepAliveMs >= KEPT_LATER_MS) keepAlive(calls, rows.upstream(row), keepAliveMs);
  }

  /** Serves those that wait. Answers whether nobody waits any more. */
  serveWanting(): boolean {
    const { rows } = this.#setup;
    const wanting = this.#wanting;
    this.#wanting = [];
    for (const [i, { row, epoch, address }] of wanting.entries()) {
      if (rows.epoch(row) !== epoch || !rows.is(row, WANTS)) continue;
      if (this.#connect(row, address)) continue;
      this.#wanting = wanting.slice(i);
      return false;
    }
    return true;
  }

  /** The socket of a dialed row can be written, or has failed; `seen` are its events. */
  ready(row: number, fd: number, seen: number): void {
    const { calls, rows, events } = this.#setup;
    // Only a socket that has failed reports an error or a hang-up.
    const isConnected = (seen & (EPOLLOUT | EPOLLERR | EPOLLHUP)) === EPOLLOUT || errorOf(calls, fd) === 0;
    rows.setMode(row, 0);
    if (isConnected) events.connected(row);
    else events.connectFailed(row, "refused");
  }

  /** False where there is no descriptor for it. */
  #connect(row: number, address: BackendAddress): boolean {
    const { calls, rows, poller, pump, listeners, keepAliveMs, interest } = this.#setup;
    let fd = connectTo(calls, address);
    if (isShortage(fd) && listeners.lack()) fd = connectTo(calls, address);
    if (isShortage(fd)) return false;
    rows.setMode(row, DIALS);
    if (fd < 0) {
      this.#failLater(row, fd === -EAGAIN ? "busy" : "refused");
      return true;
    }
    if (keepAliveMs < KEPT_LATER_MS && address.kind === "tcp") keepAlive(calls, fd, keepAliveMs);
    rows.setUpstream(row, fd);
    pump.begin(fd);
    const client = rows.client(row);
    const isAdded = (poller.isAdded(client) || poller.add(client, interest) >= 0) && poller.add(fd, interest) >= 0;
    if (isAdded) return true;
    rows.setMode(row, 0);
    this.#failLater(row, "no_descriptor");
    return true;
  }
}
