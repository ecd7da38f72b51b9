// Connects the rows of the kernel transport to their backends. Where no descriptor is left, a row waits for one: its
// client was accepted, and is not to be lost.
import type { TransportEvents } from "../connection/transport.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { EAGAIN, type KernelCalls } from "./calls.ts";
import { isShortage, type Listeners } from "./listeners.ts";
import type { Poller } from "./poller.ts";
import type { Pump } from "./pump.ts";
import { DIALS, WANTS, type Rows } from "./rows.ts";
import { connectTo, errorOf } from "./sockets.ts";

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

  constructor(setup: DialingSetup) {
    this.#setup = setup;
  }

  dial(row: number, address: BackendAddress): void {
    const { rows, listeners } = this.#setup;
    if (!listeners.isShort && this.#connect(row, address)) return;
    rows.setMode(row, WANTS);
    this.#wanting.push({ row, epoch: rows.epoch(row), address });
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

  /** The socket of a dialed row can be written, or has failed. */
  ready(row: number, fd: number): void {
    const { calls, rows, events } = this.#setup;
    const error = errorOf(calls, fd);
    rows.setMode(row, 0);
    if (error === 0) events.connected(row);
    else events.connectFailed(row, "refused");
  }

  /** False where there is no descriptor for it. */
  #connect(row: number, address: BackendAddress): boolean {
    const { calls, rows, events, poller, pump, listeners, keepAliveMs, interest, later } = this.#setup;
    let fd = connectTo(calls, address, keepAliveMs);
    if (isShortage(fd) && listeners.lack()) fd = connectTo(calls, address, keepAliveMs);
    if (isShortage(fd)) return false;
    rows.setMode(row, DIALS);
    if (fd < 0) {
      later(row, () => events.connectFailed(row, fd === -EAGAIN ? "busy" : "refused"));
      return true;
    }
    rows.setUpstream(row, fd);
    pump.begin(fd);
    const client = rows.client(row);
    const isAdded = (poller.isAdded(client) || poller.add(client, interest) >= 0) && poller.add(fd, interest) >= 0;
    if (isAdded) return true;
    rows.setMode(row, 0);
    later(row, () => events.connectFailed(row, "no_descriptor"));
    return true;
  }
}
