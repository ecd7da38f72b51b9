// The desk is what all functions over flows work on. Here flows end, too.
import type { GatewayClock } from "../clock.ts";
import type { Local } from "../connection/forwarder.ts";
import { CONNECTING, FREE, OPEN, PENDING } from "../connection/states.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { Drop } from "../drop.ts";
import type { End } from "../end.ts";
import type { FlowDecider } from "./decider.ts";
import type { FlowTable } from "./flow_table.ts";
import type { DatagramTransport } from "./transport.ts";

/** In milliseconds; zero switches the lifetime off. */
export interface FlowTimers {
  readonly udp_fresh_ms: number;
  readonly udp_idle_ms: number;
  readonly lifetime_ms: number;
}

/** A bound socket. */
export interface Bound {
  readonly number: number;
  readonly local: Local;
  queued: number[];
  paused: boolean;
  /** It closes with its last flow. */
  closing: boolean;
  flows: number;
}

export interface Desk<A> {
  readonly table: ConnectionTable;
  readonly decider: FlowDecider;
  readonly clock: GatewayClock;
  readonly timers: FlowTimers;
  readonly dropped: (because: Drop) => void;
  /** Calls back after the events of this turn. */
  readonly afterTurn: (flush: () => void) => void;
  readonly flows: FlowTable<A>;
  readonly transport: DatagramTransport<A>;
  readonly bound: Map<number, Bound>;
  /** Sockets with flows that are to be decided after this turn. */
  readonly queued: Set<Bound>;
  readonly drainers: (() => void)[];
  /** The generation whose listener numbers the fresh flows are filed under. */
  filed: number;
  live: number;
  /** Since when another gateway receives; null: this one does. */
  retiredMs: number | null;
}

/** A request, which any state may get: what is free, or not yet decided, has nothing to cut. */
export function end<A>(d: Desk<A>, row: number, because: End): void {
  const state = d.table.state[row];
  if (d.table.isFlow[row] === 1 && (state === CONNECTING || state === OPEN)) free(d, row, because);
}

/** `because` is null where it was never admitted. */
export function free<A>(d: Desk<A>, row: number, because: End | null): void {
  const { table } = d;
  if (table.state[row] === FREE) return;
  const wasLive = table.state[row] !== PENDING;
  const bound = d.bound.get(table.socket[row] ?? -1);
  d.transport.close(row);
  d.decider.closed(row, because);
  d.flows.give(row);
  if (bound !== undefined) {
    bound.flows--;
    unbindIfOver(d, bound);
  }
  if (!wasLive) return;
  d.live--;
  if (d.live === 0) for (const resolve of d.drainers.splice(0)) resolve();
}

export function endAll<A>(d: Desk<A>, bound: Bound): void {
  for (const row of [...d.flows.rows()]) if (d.table.socket[row] === bound.number) free(d, row, d.table.state[row] === PENDING ? null : "cut");
  bound.queued = [];
  unbindIfOver(d, bound);
}

export function unbindIfOver<A>(d: Desk<A>, bound: Bound): void {
  if (!bound.closing || bound.flows > 0 || !d.bound.delete(bound.number)) return;
  d.transport.unbind(bound.number);
}
