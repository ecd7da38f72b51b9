// The records of a worker about its rows, with the bytes that were moved and those that are buffered.
import type { GatewayClock } from "../clock.ts";
import * as m from "./messages.ts";
import type { RingWriter } from "./ring.ts";
import type { WorkerRows } from "./worker_rows.ts";
import { NO_GENERATION } from "./worker_rows.ts";

/** Bytes that were moved are reported after so long, or with the end of their connection: each report wakes the main thread. */
const REPORT_MS = 50;

export interface ReportsSetup {
  readonly events: RingWriter;
  readonly rows: WorkerRows;
  readonly clock: Pick<GatewayClock, "monoMs">;
  /** By row, for all threads: bytes that were read and are not with the other side. */
  readonly buffered: Int32Array;
  /** The same, of a row of this thread, as it is now. */
  readonly bufferedNow: (row: number) => number;
}

export class WorkerReports {
  readonly #setup: ReportsSetup;
  /** Rows of which something may be buffered. */
  readonly #buffering = new Set<number>();
  /** When the bytes that were moved are to be reported; null: there are none. */
  #dueAtMs: number | null = null;

  constructor(setup: ReportsSetup) {
    this.#setup = setup;
  }

  /** Null where no bytes are to be reported. */
  get dueAtMs(): number | null {
    return this.#dueAtMs;
  }

  /** INVARIANT: nothing is said of a row that this thread does not have. */
  write(kind: number, row: number, a = 0, b = 0, c = 0, payload: Buffer | null = null): void {
    const { events, rows } = this.#setup;
    const generation = rows.generation(row);
    if (generation !== NO_GENERATION) events.write(kind, row, generation, a, b, c, payload);
  }

  moved(row: number, fromClient: number, fromBackend: number): void {
    this.#setup.rows.add(row, fromClient, fromBackend);
    // Whether the other side has taken them is seen at the end of the turn.
    this.#buffering.add(row);
  }

  ended(row: number, side: number): void {
    const [fromClient, fromBackend] = this.#setup.rows.take(row);
    this.write(m.ENDED, row, fromClient, fromBackend, side);
  }

  /** The row is this thread's no more. */
  forget(row: number): void {
    const { buffered } = this.#setup;
    this.#buffering.delete(row);
    if (row < buffered.length && buffered[row] !== 0) Atomics.store(buffered, row, 0);
  }

  /** Puts the bytes that a row has buffered where the main thread reads them. */
  look(row: number): void {
    const { rows, buffered, bufferedNow } = this.#setup;
    if (rows.generation(row) === NO_GENERATION) return;
    const bytes = bufferedNow(row);
    if (bytes > 0) this.#buffering.add(row);
    else if (!this.#buffering.delete(row)) return;
    if (row < buffered.length && buffered[row] !== bytes) Atomics.store(buffered, row, bytes);
  }

  /** At the end of a turn. */
  turnEnds(): void {
    const { events, rows, clock } = this.#setup;
    if (rows.hasMoved) {
      const now = clock.monoMs();
      this.#dueAtMs ??= now + REPORT_MS;
      if (now >= this.#dueAtMs) this.#reportBytes();
    }
    for (const row of this.#buffering) this.look(row);
    events.flush();
    events.wake();
  }

  #reportBytes(): void {
    const { rows } = this.#setup;
    this.#dueAtMs = null;
    for (const row of rows.moved()) {
      const [fromClient, fromBackend] = rows.take(row);
      if (fromClient > 0 || fromBackend > 0) this.write(m.BYTES, row, fromClient, fromBackend);
    }
  }
}
