// The guard's clocks: the one file of it that reads the time.
import { heldWall } from "../host/heldWall.ts";

export interface Clock {
  /** Whole milliseconds since a fixed moment. */
  readonly monoMs: () => number;
  /** UTC milliseconds; never less than an earlier answer. */
  readonly wallMs: () => number;
}

export function systemClock(): Clock {
  return { monoMs: () => Math.floor(performance.now()), wallMs: heldWall(() => Date.now()) };
}
