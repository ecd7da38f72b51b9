// The main thread reads here what workers report of their rows.
//
// INVARIANT: a record is read only if it is about a row that its thread has, in this generation of the row, and only where
// the row waits for it. An exception at one row ends that row, and the other records are read.
import type { TransportEvents } from "../connection/transport.ts";
import type { LateHellos } from "./late_hellos.ts";
import * as m from "./messages.ts";
import type { Message } from "./ring.ts";
import { WAITS_CONNECTED, WAITS_DROPPED, WAITS_ENDED, WAITS_FAILED, WAITS_HANDSHAKE, WAITS_HELLO, type ThreadedRows } from "./threaded_rows.ts";

const NOTHING = Buffer.alloc(0);

export interface ThreadEventsSetup {
  readonly rows: ThreadedRows;
  readonly events: TransportEvents;
  readonly lateHellos: Pick<LateHellos, "due" | "over">;
  /** A worker lacked a descriptor. */
  readonly lacked: () => void;
  /** Whether the client of a row has closed its side. */
  readonly looked: (row: number, hasClosed: boolean) => void;
  /** Nothing of the row is open in this thread any more. */
  readonly gone: (thread: number) => void;
}

export class ThreadEvents {
  readonly #setup: ThreadEventsSetup;

  constructor(setup: ThreadEventsSetup) {
    this.#setup = setup;
  }

  take(thread: number, message: Message): void {
    const { rows, events, lacked } = this.#setup;
    const { kind, row, generation } = message;
    if (kind === m.LACKED) {
      lacked();
      return;
    }
    if (rows.thread(row) !== thread || rows.generation(row) !== generation) return;
    try {
      this.#event(thread, message);
    } catch (error) {
      events.faulted(row, error instanceof Error ? error.message : String(error));
    }
  }

  #event(thread: number, message: Message): void {
    const { rows, events } = this.#setup;
    const { kind, row, a, b, c, payload } = message;
    if (kind === m.DROPPED) {
      this.#gone(thread, row);
      events.dropped(row);
      return;
    }
    if (rows.waits(row, WAITS_DROPPED)) return;
    if (kind === m.LOOKED) this.#setup.looked(row, a === 1);
    else if (kind === m.FAULTED) events.faulted(row, payload?.toString() ?? "");
    else if (kind === m.HELLO && rows.waits(row, WAITS_HELLO)) this.#hello(row, a, payload ?? NOTHING);
    else if (kind === m.HANDSHAKEN && rows.took(row, WAITS_HANDSHAKE)) events.handshaken(row, m.handshakeOf(message));
    // INVARIANT: what is reported of a dial that was given up is not taken for the next one, whose backend is another.
    else if ((kind === m.CONNECTED || kind === m.CONNECT_FAILED) && c !== rows.dial(row)) return;
    else if (kind === m.CONNECTED && rows.took(row, WAITS_CONNECTED)) {
      rows.setNear(row, a, b);
      events.connected(row);
    } else if (kind === m.CONNECT_FAILED && rows.took(row, WAITS_FAILED)) events.connectFailed(row, m.failureOf(a));
    else if (rows.waits(row, WAITS_ENDED)) this.#ofRelay(thread, message);
  }

  #hello(row: number, end: number, bytes: Buffer): void {
    const { rows, events } = this.#setup;
    rows.report(row);
    if (bytes.length > 0) events.clientBytes(row, bytes);
    if (!rows.waits(row, WAITS_HELLO)) return;
    if (end === m.CLIENT_ENDED) events.clientEnded(row);
    else if (end === m.CLIENT_GONE) events.clientGone(row);
  }

  #ofRelay(thread: number, { kind, row, a, b, c }: Message): void {
    const { events, lateHellos } = this.#setup;
    if (kind === m.BYTES || kind === m.ENDED) this.#moved(row, a >>> 0, b >>> 0);
    if (kind === m.HELLO_DUE) lateHellos.due(row);
    else if (kind === m.SECOND_HELLO) events.secondHello(row, m.faultOf(a));
    else if (kind === m.ENDED) {
      lateHellos.over(row);
      this.#gone(thread, row);
      events.ended(
        row,
        c === m.BY_CLIENT ? "client"
        : c === m.BY_BACKEND ? "backend"
        : null,
      );
    }
  }

  #moved(row: number, fromClient: number, fromBackend: number): void {
    const { events } = this.#setup;
    if (fromClient > 0) events.fromClient(row, fromClient);
    if (fromBackend > 0) events.fromBackend(row, fromBackend);
  }

  #gone(thread: number, row: number): void {
    this.#setup.rows.end(row);
    this.#setup.gone(thread);
  }
}
