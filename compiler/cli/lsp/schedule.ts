// When the worker begins after a change: with `check` when the text has rested for 150 ms, with lint and tests after a second.
import type { Cancel, Timers } from "../../../runtime/shell/clock.ts";

export const CHECK_MS = 150;
export const LINT_MS = 1_000;

export class Schedule {
  readonly #timers: Timers;
  readonly #check: () => void;
  readonly #lint: () => void;
  #due: Cancel[] = [];

  constructor(timers: Timers, check: () => void, lint: () => void) {
    this.#timers = timers;
    this.#check = check;
    this.#lint = lint;
  }

  changed(): void {
    this.stop();
    this.#due = [this.#timers.after(CHECK_MS, this.#check), this.#timers.after(LINT_MS, this.#lint)];
  }

  stop(): void {
    for (const cancel of this.#due) cancel();
    this.#due = [];
  }
}
