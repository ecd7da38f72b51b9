// The timers of a worker, which has no event loop: the next one bounds its wait for the kernel.
import type { Cancel, GatewayClock } from "../clock.ts";

interface Timer {
  readonly atMs: number;
  readonly call: () => void;
}

export class WorkerTimers {
  readonly #clock: Pick<GatewayClock, "monoMs">;
  readonly #all = new Set<Timer>();

  constructor(clock: Pick<GatewayClock, "monoMs">) {
    this.#clock = clock;
  }

  later(ms: number, call: () => void): Cancel {
    const timer: Timer = { atMs: this.#clock.monoMs() + ms, call };
    this.#all.add(timer);
    return () => void this.#all.delete(timer);
  }

  /** Until the first timer, or until `otherAtMs` where that is earlier; -1: there is neither. */
  untilNext(otherAtMs: number | null): number {
    let atMs = otherAtMs ?? Infinity;
    for (const timer of this.#all) atMs = Math.min(atMs, timer.atMs);
    return atMs === Infinity ? -1 : Math.max(0, atMs - this.#clock.monoMs());
  }

  run(): void {
    if (this.#all.size === 0) return;
    const now = this.#clock.monoMs();
    for (const timer of [...this.#all]) if (timer.atMs <= now && this.#all.delete(timer)) timer.call();
  }
}
