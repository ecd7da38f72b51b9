// Closes the descriptors of the kernel transport's rows.
import type { TransportEvents } from "../connection/transport.ts";
import type { KernelCalls } from "./calls.ts";
import type { Listeners } from "./listeners.ts";
import type { Poller } from "./poller.ts";
import type { Pump } from "./pump.ts";
import { NONE, type Rows } from "./rows.ts";
import { closeWithReset } from "./sockets.ts";
import type { TlsConnections } from "./tls_connections.ts";

export interface EndsSetup {
  readonly calls: KernelCalls;
  readonly events: Pick<TransportEvents, "ended">;
  readonly rows: Rows;
  readonly poller: Poller;
  readonly pump: Pump;
  readonly tls: TlsConnections;
  readonly listeners: Listeners;
}

export class Ends {
  readonly #setup: EndsSetup;

  constructor(setup: EndsSetup) {
    this.#setup = setup;
  }

  /** The relay of `source` is over; `broken` is the descriptor that broke off, or NONE. */
  finished(source: number, broken: number): void {
    const { events, rows } = this.#setup;
    const row = rows.of(source);
    const side =
      broken === NONE ? null
      : rows.isClient(broken) ? "client"
      : "backend";
    this.client(row, side !== null);
    this.upstream(row, side !== null);
    rows.setMode(row, 0);
    events.ended(row, side);
  }

  /** INVARIANT: a session of TLS ends before its descriptor is closed. */
  client(row: number, isReset: boolean): void {
    const { rows, tls } = this.#setup;
    tls.end(row);
    this.#forget(rows.takeClient(row), isReset);
  }

  upstream(row: number, isReset: boolean): void {
    this.#forget(this.#setup.rows.takeUpstream(row), isReset);
  }

  /** Of a descriptor that is no row's. */
  close(fd: number, isReset: boolean): void {
    const { calls, poller, listeners } = this.#setup;
    poller.forget(fd);
    if (isReset) closeWithReset(calls, fd);
    else calls.close(fd);
    listeners.freed();
  }

  /** Of a descriptor that is no row's any more, or of NONE. */
  #forget(fd: number, isReset: boolean): void {
    if (fd === NONE) return;
    this.#setup.pump.end(fd);
    this.close(fd, isReset);
  }
}
