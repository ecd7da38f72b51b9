// What the sets of a policy cost to lower. Sets that overlap at random make a class of nearly every
// stretch of addresses, so work and tables are bounded, and the sets that use most of them are named.
import type { AddressSet } from "../check/policy.ts";

/** Words of tables and slots that lowering may touch: some seconds of work. */
export const MAX_LOWER_WORK = 400_000_000;
/** Words that cells may take in a module: a quarter of the most memory's bytes. */
export const MAX_CELL_WORDS = 64 * 1024 * 1024;
/** Places at which all rules together may take effect: (listener, rule) pairs, shadows too. */
export const MAX_EFFECTS = 20_000_000;

export interface LowerBounds {
  readonly work: number;
  readonly cellWords: number;
  readonly effects: number;
}

export const LOWER_BOUNDS: LowerBounds = { work: MAX_LOWER_WORK, cellWords: MAX_CELL_WORDS, effects: MAX_EFFECTS };

/** What is too large, and the sets that use the most of it, the largest share first. */
export interface Excess {
  readonly kind: "excess";
  readonly what: keyof LowerBounds;
  readonly sets: readonly { readonly set: AddressSet; readonly share: number }[];
}

const MOST_NAMED = 3;

export class Meter {
  #left: number;
  readonly #numbers: ReadonlyMap<AddressSet, number>;
  readonly #spent: Float64Array;

  /** `numbers`: every set by its number. */
  constructor(numbers: ReadonlyMap<AddressSet, number>, work: number) {
    this.#left = work;
    this.#numbers = numbers;
    this.#spent = new Float64Array(numbers.size);
  }

  numberOf(set: AddressSet): number {
    return this.#numbers.get(set) ?? -1;
  }

  get over(): boolean {
    return this.#left < 0;
  }

  spend(work: number, set: number): void {
    this.#left -= work;
    this.#spent[set] = (this.#spent[set] ?? 0) + work;
  }

  /** The sets that have cost the most until now. */
  excess(what: keyof LowerBounds): Excess {
    const all = this.#spent.reduce((sum, n) => sum + n, 0);
    const sets = [...this.#numbers].map(([set, number]) => ({ set, share: (this.#spent[number] ?? 0) / Math.max(1, all), number }))
      .sort((x, y) => y.share - x.share || x.number - y.number).slice(0, MOST_NAMED);
    return { kind: "excess", what, sets };
  }
}
