// The first stage: a peer was accepted, and no byte of it was read. It waits for the end of the turn, so that one call
// decides all that came in it; on a paused socket it waits until the socket is released.
import { HEADER, WAITS_FOR_PLACE, type Arrival, type WaitsForPlace } from "./decider.ts";
import { begin as beginHeading } from "./heading.ts";
import { settle } from "./settling.ts";
import { endFaulty, moved, type Listening, type Stage } from "./stage.ts";
import { ACCEPTED, PENDING } from "./states.ts";
import { NO_ROW, type PeerAddress } from "./transport.ts";

/** Peers decided by one call. */
const BATCH_PEERS = 256;
/** The most peers that wait on a paused socket. */
export const PAUSED_PEERS = 1024;

/** Returns its row, or NO_ROW where it is not taken. */
export function accepted(s: Stage, number: number, { source, port, zone }: PeerAddress): number {
  const listening = s.listening.get(number);
  if (listening === undefined || (listening.paused && listening.queued.length >= PAUSED_PEERS)) return NO_ROW;
  const { table } = s;
  const row = table.take();
  try {
    if (!moved(s, row, ACCEPTED)) return NO_ROW;
    table.socket[row] = number;
    table.setSource(row, source, port, zone);
    listening.queued.push(row);
    if (!listening.paused) queue(s, listening);
    return row;
  } catch (error) {
    endFaulty(s, row, textOf(error));
    return NO_ROW;
  }
}

/** Lets those that wait be decided after this turn. */
export function release(s: Stage, listening: Listening): void {
  listening.paused = false;
  if (listening.queued.length > 0) queue(s, listening);
}

/** Has a row decided, before others that came since, that waited for a place of its source. */
export function again(s: Stage, row: number): void {
  const number = s.table.socket[row] ?? -1;
  const listening = s.listening.get(number) ?? { number, queued: [], paused: false };
  if (!listening.queued.includes(row)) listening.queued.unshift(row);
  if (!listening.paused) queue(s, listening);
}

function queue(s: Stage, listening: Listening): void {
  if (s.queued.size === 0) s.afterTurn(() => flush(s));
  s.queued.add(listening);
}

function flush(s: Stage): void {
  const turn = [...s.queued];
  s.queued.clear();
  for (const listening of turn) {
    const rows = listening.queued;
    listening.queued = [];
    for (let i = 0; i < rows.length; i += BATCH_PEERS) {
      const batch = stillPending(s, listening, rows, i, Math.min(i + BATCH_PEERS, rows.length));
      const answers = decided(s, listening, batch);
      for (let j = 0; j < batch.length; j++) settledOrEnded(s, batch[j] ?? NO_ROW, answers?.[j]);
    }
  }
}

/** Those of `rows` from `first` on, and before `end`, that are still to be decided for this socket. */
function stillPending({ table }: Stage, { number }: Listening, rows: readonly number[], first: number, end: number): readonly number[] {
  const batch: number[] = [];
  for (let i = first; i < end; i++) {
    const row = rows[i] ?? NO_ROW;
    if (table.state[row] === PENDING && table.socket[row] === number) batch.push(row);
  }
  return batch;
}

/** Null where the decider threw: then each row is refused, and recorded, by itself. */
function decided(s: Stage, listening: Listening, batch: readonly number[]): readonly (Arrival | WaitsForPlace)[] | null {
  try {
    return s.decider.accept(listening.number, batch);
  } catch (error) {
    for (const row of batch) endFaulty(s, row, textOf(error));
    return null;
  }
}

/** INVARIANT: what is thrown at one row ends that row, and the rest of the batch is settled. */
function settledOrEnded(s: Stage, row: number, answer: Arrival | WaitsForPlace | undefined): void {
  if (s.table.state[row] !== PENDING || answer === WAITS_FOR_PLACE) return;
  try {
    if (answer === HEADER) beginHeading(s, row);
    else settle(s, row, answer);
  } catch (error) {
    endFaulty(s, row, textOf(error));
  }
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
