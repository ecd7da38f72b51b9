// The state that all stages share, and the moves of a row from one state to the next. Stages are functions over a row;
// their data is in the table.
import { CODE_INTERNAL } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { GatewayClock } from "../clock.ts";
import type { Decider, Refusal } from "./decider.ts";
import type { End } from "../end.ts";
import { EVENT_NAMES, FREE, HEADING, ILLEGAL, READING, SECURING, STATE_NAMES, stateAfter, PENDING } from "./states.ts";
import type { Heard } from "./forwarder.ts";
import type { ConnectionTable } from "./table.ts";
import type { Transport } from "./transport.ts";

/** In milliseconds; zero switches idle, lifetime and keep-alive off. */
export interface Timers {
  readonly keepalive_ms: number;
  readonly hello_ms: number;
  readonly backend_connect_ms: number;
  readonly idle_ms: number;
  readonly lifetime_ms: number;
}

/** Peers of one listening socket that are not yet decided. */
export interface Listening {
  readonly number: number;
  queued: number[];
  paused: boolean;
}

export interface Stage {
  readonly table: ConnectionTable;
  readonly transport: Transport;
  readonly decider: Decider;
  readonly clock: GatewayClock;
  readonly timers: Timers;
  /** Calls back after the events of this turn. */
  readonly afterTurn: (flush: () => void) => void;
  readonly listening: Map<number, Listening>;
  /** Listening sockets with peers that are to be decided after this turn. */
  readonly queued: Set<Listening>;
  /** Called when no admitted connection is left. */
  readonly drainers: (() => void)[];
  live: number;
  /** Rows whose header or name has been read, and that are decided again after this turn. */
  readonly renamed: Set<number>;
  /** Hears of each connection's end before its row is free; null: nobody. */
  heard: Heard | null;
}

/** Whether `event` may happen to the row now. Where it may not, the connection is ended: deny by default. */
export function may(s: Stage, row: number, event: number): boolean {
  const state = s.table.state[row] ?? FREE;
  if (stateAfter(state, event) !== ILLEGAL) return true;
  endFaulty(s, row, `${EVENT_NAMES[event] ?? "an unknown event"} in the state ${STATE_NAMES[state] ?? "unknown"}`);
  return false;
}

/** Moves the row to the state after `event`, which is not FREE: `free` does that. False where the event is illegal. */
export function moved(s: Stage, row: number, event: number): boolean {
  if (!may(s, row, event)) return false;
  const from = s.table.state[row] ?? FREE;
  if (from === PENDING) s.live++;
  s.table.state[row] = stateAfter(from, event);
  return true;
}

/** The end of a row, by an event that leads to FREE. `end` is null where it was never admitted. */
export function free(s: Stage, row: number, event: number, end: End | null): void {
  if (may(s, row, event)) freeRow(s, row, end);
}

/** Whatever the state: the sockets are forgotten, the charges given back, and the row is free. */
function freeRow(s: Stage, row: number, end: End | null): void {
  s.renamed.delete(row);
  const { table } = s;
  const wasLive = table.state[row] !== PENDING;
  table.redial[row]?.();
  s.transport.drop(row);
  s.heard?.(row, end);
  s.decider.closed(row, end);
  table.give(row, s.transport.isOpen?.(row) !== true);
  if (!wasLive) return;
  s.live--;
  if (s.live === 0) for (const resolve of s.drainers.splice(0)) resolve();
}

/** INVARIANT: an event that a state does not have is a refusal with a record, and never goes by. */
export function endFaulty(s: Stage, row: number, detail: string): void {
  const { table, decider } = s;
  const refusal: Refusal = { denial: denial(CODE_INTERNAL), by: null, detail };
  const context = table.context[row];
  const state = table.state[row] ?? FREE;
  switch (state) {
    case FREE:
      decider.fault(row, detail);
      return;
    case HEADING:
      decider.headed(row, refusal);
      return freeRow(s, row, null);
    case READING:
      decider.named(row, refusal);
      return freeRow(s, row, null);
    case SECURING:
      if (context === undefined) decider.fault(row, detail);
      else decider.secured(row, context, refusal);
      return freeRow(s, row, null);
    case PENDING: {
      decider.fault(row, detail);
      const listening = s.listening.get(table.socket[row] ?? -1);
      if (listening !== undefined) listening.queued = listening.queued.filter((one) => one !== row);
      return freeRow(s, row, null);
    }
    default:
      decider.fault(row, detail);
      return freeRow(s, row, "fault");
  }
}
