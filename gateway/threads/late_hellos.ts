// Second hellos that workers wait for, and since when: only the main thread has the gateway's time.
import type { GatewayClock } from "../clock.ts";

/** How often they are looked at. */
const LOOK_MS = 250;

export interface LateHellosSetup {
  readonly helloMs: () => number;
  readonly clock: Pick<GatewayClock, "monoMs" | "every">;
  readonly late: (row: number) => void;
}

export class LateHellos {
  readonly #setup: LateHellosSetup;
  readonly #sinceMs = new Map<number, number>();
  readonly stop: () => void;

  constructor(setup: LateHellosSetup) {
    this.#setup = setup;
    this.stop = setup.clock.every(LOOK_MS, () => this.#look());
  }

  due(row: number): void {
    this.#sinceMs.set(row, this.#setup.clock.monoMs());
  }

  /** It makes no difference any more. */
  over(row: number): void {
    this.#sinceMs.delete(row);
  }

  #look(): void {
    const { helloMs, clock, late } = this.#setup;
    const now = clock.monoMs();
    for (const [row, sinceMs] of this.#sinceMs) {
      if (now - sinceMs < helloMs()) continue;
      this.#sinceMs.delete(row);
      late(row);
    }
  }
}
