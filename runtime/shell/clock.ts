// Time for every program that runs for long. This is the one file that reads the real clocks and arms
// real timers; everything else is given a clock, so a test moves time by hand.

import { monotonicWall } from "../host/wall_clock.ts";

/** The part that only reads the time. */
export interface Moments {
  /** Monotonic milliseconds since a fixed moment; whole, >= 0. */
  monoMs(): number;
  /** UTC milliseconds. INVARIANT: never less than an earlier answer of the same run. */
  wallMs(): number;
}

export interface Timers {
  /** Runs `tick` every `ms` until cancelled; does not keep the process alive. */
  every(ms: number, tick: () => void): Cancel;
  /** Runs `tick` once after `ms`; does not keep the process alive. */
  after(ms: number, tick: () => void): Cancel;
}

export type Clock = Moments & Timers;

export type Cancel = () => void;

/** The kernel's CLOCK_MONOTONIC in microseconds, which other processes of this machine can compare with their own. */
export function kernelMicroseconds(): bigint {
  return process.hrtime.bigint() / 1000n;
}

export function systemClock(): Clock {
  return {
    monoMs: () => Math.floor(performance.now()),
    wallMs: monotonicWall(() => Date.now()),
    every(ms, tick) {
      const timer = setInterval(tick, ms);
      timer.unref();
      return () => clearInterval(timer);
    },
    after(ms, tick) {
      const timer = setTimeout(tick, ms);
      timer.unref();
      return () => clearTimeout(timer);
    },
  };
}
