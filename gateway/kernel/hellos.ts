// Reads the hellos of clients, and PROXY headers, where they are: the bytes stay in the kernel until it was decided about them.
import { getSystemErrorName } from "node:util";
import type { TransportEvents } from "../connection/transport.ts";
import { EAGAIN, SO_RCVLOWAT, SOL_SOCKET, type KernelCalls } from "./calls.ts";
import type { Poller } from "./poller.ts";
import type { Pump } from "./pump.ts";
import { NONE, READS, type Rows } from "./rows.ts";

export interface HellosSetup {
  readonly calls: Pick<KernelCalls, "setOption">;
  readonly events: Pick<TransportEvents, "clientBytes" | "clientEnded" | "clientGone" | "faulted">;
  readonly rows: Rows;
  readonly poller: Poller;
  readonly pump: Pump;
  /** The events of a client's socket. */
  readonly interest: number;
  /** Reports after this round, unless the row has got another connection by then. */
  readonly later: (row: number, report: () => void) => void;
}

export class Hellos {
  readonly #setup: HellosSetup;
  /** Bytes that have to be there before the kernel reports the client again. */
  readonly #due = new Int32Array(1);

  constructor(setup: HellosSetup) {
    this.#setup = setup;
  }

  /** The client's bytes are reported from now on. */
  read(row: number): void {
    const { events, rows, poller, interest, later } = this.#setup;
    const fd = rows.client(row);
    if (fd === NONE) return;
    rows.setMode(row, READS);
    // Of what came behind a PROXY header nothing new is reported.
    if (poller.isAdded(fd)) return poller.again(fd);
    const added = poller.add(fd, interest);
    if (added < 0) later(row, () => events.faulted(row, `epoll does not take the client's socket (${getSystemErrorName(added)})`));
  }

  /** Up to here all bytes are in the kernel; those behind the header stay there. */
  take(row: number, bytes: number): void {
    const { events, rows, pump, later } = this.#setup;
    const fd = rows.client(row);
    if (fd === NONE) return;
    rows.setSeen(row, 0);
    if (this.wakeAt(fd, 1) < 0 || !pump.skip(fd, bytes)) {
      later(row, () => events.faulted(row, "the PROXY header can't be taken out of the client's socket"));
    }
  }

  /** There are bytes. */
  ready(row: number, fd: number): void {
    const { events, rows, pump } = this.#setup;
    while (rows.is(row, READS) && rows.client(row) === fd && pump.mayRead(fd)) {
      const seen = rows.seen(row);
      const read = pump.peek(fd, seen);
      if (typeof read !== "number") {
        rows.setSeen(row, seen + read.length);
        const more = events.clientBytes(row, read);
        if (more > 1) this.wakeAt(fd, seen + read.length + more);
      } else if (read === -EAGAIN) return;
      else {
        if (read === 0) events.clientEnded(row);
        else events.clientGone(row);
        return;
      }
    }
  }

  /** A hello that comes in small pieces is reported when what its records announce is there. */
  wakeAt(fd: number, bytes: number): number {
    this.#due[0] = bytes;
    return this.#setup.calls.setOption(fd, SOL_SOCKET, SO_RCVLOWAT, this.#due);
  }
}
