// A clock that a test moves by hand.
import type { GatewayClock } from "../gateway/clock.ts";

export interface ManualClock extends GatewayClock {
  /** Moves both clocks and runs what falls due, in order. */
  advance(ms: number): void;
}

/** `wall` takes the place of the wall clock that moves with the other one. */
export function manualClock(wall: (() => number) | null = null): ManualClock {
  let now = 1_000_000;
  let numbers = 0;
  const due = new Map<number, { at: number; every: number; tick: () => void }>();
  const arm = (ms: number, every: number, tick: () => void): (() => void) => {
    const number = numbers++;
    due.set(number, { at: now + ms, every, tick });
    return () => void due.delete(number);
  };
  return {
    monoMs: () => now,
    wallMs: wall ?? ((): number => Date.UTC(2030, 0, 1) + now),
    every: (ms, tick) => arm(ms, ms, tick),
    after: (ms, tick) => arm(ms, 0, tick),
    advance(ms) {
      const end = now + ms;
      for (;;) {
        const next = [...due].filter(([, t]) => t.at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
        if (next === undefined) break;
        const [number, timer] = next;
        now = Math.max(now, timer.at);
        if (timer.every > 0) timer.at = now + timer.every;
        else due.delete(number);
        timer.tick();
      }
      now = end;
    },
  };
}
