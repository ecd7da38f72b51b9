// The state that the functions over all flows share.
import type { GatewayClock } from "../clock.ts";
import type { Local } from "../connection/forwarder.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { Drop } from "../drop.ts";
import type { FlowDecider } from "./decider.ts";
import type { FlowTable } from "./flow_table.ts";
import type { DatagramEvents, DatagramTransport } from "./transport.ts";

/** In milliseconds; zero switches the lifetime off. */
export interface FlowTimers {
  readonly udp_fresh_ms: number;
  readonly udp_idle_ms: number;
  readonly lifetime_ms: number;
}

export interface FlowsSetup<A> {
  readonly table: ConnectionTable;
  readonly decider: FlowDecider;
  readonly clock: GatewayClock;
  readonly timers: FlowTimers;
  readonly transport: (events: DatagramEvents<A>) => DatagramTransport<A>;
  readonly dropped: (because: Drop) => void;
  /** Calls back after the events of this turn. */
  readonly afterTurn: (flush: () => void) => void;
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

export interface Desk<A> extends Pick<FlowsSetup<A>, "table" | "decider" | "clock" | "timers" | "dropped" | "afterTurn"> {
  readonly flows: FlowTable<A>;
  readonly transport: DatagramTransport<A>;
  readonly bound: Map<number, Bound>;
  /** Sockets with flows that are to be decided after this turn. */
  readonly queued: Set<Bound>;
  readonly drainers: (() => void)[];
  /** The generation whose listener numbers the fresh flows are filed under. */
  filed: number;
  live: number;
  retiredMs: number | null;
}
