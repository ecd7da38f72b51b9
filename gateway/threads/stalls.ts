// A worker that runs no more, in a loop or in a call of the kernel that does not return, is found by what it does not read.
// Its connections can't be ended by anybody else, so the process ends, as it does where a worker dies.
import type { GatewayClock } from "../clock.ts";
import * as m from "./messages.ts";
import type { RingWriter } from "./ring.ts";

/** The longest time in which a worker reads none of the commands that it has. */
export const STALL_MS = 10_000;
/** How often that is looked at. A machine that slept has the time of many looks and made none. */
export const LOOK_MS = 1_000;
const LOOKS = STALL_MS / LOOK_MS;

export interface StallsSetup {
  readonly commands: readonly RingWriter[];
  readonly clock: Pick<GatewayClock, "monoMs" | "every">;
  /** `thread` counts from 0. */
  readonly stalled: (thread: number) => void;
}

interface Seen {
  readTo: number;
  sinceMs: number;
  looks: number;
}

/** Looks until the answer is called. */
export function watchForStalls({ commands, clock, stalled }: StallsSetup): () => void {
  const seen = commands.map((): Seen => ({ readTo: -1, sinceMs: 0, looks: 0 }));
  return clock.every(LOOK_MS, () => {
    const now = clock.monoMs();
    for (const [thread, last] of seen.entries()) {
      const ring = commands[thread];
      if (ring === undefined) continue;
      const { readTo, isUnread } = ring.progress();
      if (!isUnread || readTo !== last.readTo) Object.assign(last, { readTo, sinceMs: now, looks: 0 });
      else if (++last.looks >= LOOKS && now - last.sinceMs >= STALL_MS) stalled(thread);
      if (isUnread) continue;
      // So that there is always something for it to read.
      ring.write(m.TICK, m.NO_ROW, 0);
      ring.wake();
    }
  });
}
