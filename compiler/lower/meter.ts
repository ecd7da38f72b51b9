// Measures the work of lowering the sets of a policy. Sets that overlap at random make a class of nearly every
// stretch of addresses, so work and tables are bounded, and the sets that use most of them are named.
import { MAX_EFFECTS, MAX_IDENTITY_NODES, MAX_LOWER_WORK, MAX_NAME_MEMBERS } from "../source/bounds.ts";
import type { AddressSet, HostSet, IdSet } from "../policy/policy.ts";
import { MAX_PAGES, PAGE_BYTES } from "../../runtime/abi/layout.ts";

/** Words that cells may take in a module: all of the most memory's bytes. */
export const MAX_CELL_WORDS = (MAX_PAGES * PAGE_BYTES) / 4;

export interface LowerBounds {
  readonly work: number;
  readonly cellWords: number;
  readonly effects: number;
  readonly nameMembers: number;
  readonly identityNodes: number;
  readonly identityWork: number;
}

export const LOWER_BOUNDS: LowerBounds = {
  work: MAX_LOWER_WORK,
  cellWords: MAX_CELL_WORDS,
  effects: MAX_EFFECTS,
  nameMembers: MAX_NAME_MEMBERS,
  identityNodes: MAX_IDENTITY_NODES,
  identityWork: MAX_LOWER_WORK,
};

/** The resource that is exceeded, and the sets that use the most of it, the largest share (0 to 1) first. */
export interface Excess {
  readonly what: keyof LowerBounds;
  readonly sets: readonly { readonly set: AddressSet | HostSet | IdSet; readonly share: number }[];
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

  /** Of the bound. */
  get spent(): number {
    return this.#spent.reduce((sum, n) => sum + n, 0);
  }

  /** The sets that have cost the most until now. */
  excess(what: keyof LowerBounds): Excess {
    return excessOf(what, [...this.#numbers.keys()], this.#spent);
  }
}

/** `sizes`: what each set uses of it. */
export function excessOf(what: keyof LowerBounds, sets: readonly (AddressSet | HostSet | IdSet)[], sizes: ArrayLike<number>): Excess {
  const rows = sets.map((set, i) => ({ set, size: sizes[i] ?? 0, i }));
  const all = rows.reduce((sum, { size }) => sum + size, 0);
  const most = rows.sort((x, y) => y.size - x.size || x.i - y.i).slice(0, MOST_NAMED);
  return { what, sets: most.map(({ set, size }) => ({ set, share: size / Math.max(1, all) })) };
}
