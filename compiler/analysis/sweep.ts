// Many sets of addresses at once: one walk over the edges of all of them, in which each stretch of addresses between two edges is met once.
import { compare, copyAfter, copyBefore, joined, size, STRIDE } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";

export interface Walk {
  /** A set begins, or ends, at the next stretch. */
  begin(set: number): void;
  end(set: number): void;
  /** The first address of a stretch and its last, four words each, which are good until this returns. It is in some set. */
  stretch(first: Uint32Array, last: Uint32Array): void;
}

/** Stretches come in rising order; none crosses an edge of a set. */
export function walk(sets: readonly AddressSet[], { begin, end: endOf, stretch }: Walk): void {
  const count = sets.reduce((n, set) => n + size(set), 0);
  const bounds = new Uint32Array(count * STRIDE);
  const owner = new Int32Array(count);
  let used = 0;
  for (const [i, set] of sets.entries()) {
    bounds.set(set.bounds, used * STRIDE);
    owner.fill(i, used, used + size(set));
    used += size(set);
  }
  const [starts, ends] = [inOrder(bounds, count, 0), inOrder(bounds, count, 4)];
  const [first, last] = [new Uint32Array(4), new Uint32Array(4)];
  let [active, isPastAll] = [0, false];
  for (let i = 0, j = 0; j < count;) {
    const [from, to] = [starts[i] ?? 0, ends[j] ?? 0];
    const [start, end] = [from * STRIDE, to * STRIDE + 4];
    if (i < count && compare(bounds, start, bounds, end) <= 0) {
      if (active > 0 && compare(bounds, start, first, 0) > 0) {
        copyBefore(last, 0, bounds, start);
        stretch(first, last);
      }
      first.set(bounds.subarray(start, start + 4));
      begin(owner[from] ?? 0);
      active++;
      i++;
      continue;
    }
    if (!isPastAll && compare(bounds, end, first, 0) >= 0) {
      last.set(bounds.subarray(end, end + 4));
      stretch(first, last);
      isPastAll = last.every((word) => word === 0xffffffff);
      copyAfter(first, 0, bounds, end);
    }
    endOf(owner[to] ?? 0);
    active--;
    j++;
  }
}

/** The intervals by their first addresses (`at` 0) or their last ones (4). Those of one set are in order already, which the sort makes use of. */
function inOrder(bounds: Uint32Array, count: number, at: number): readonly number[] {
  return Array.from({ length: count }, (_, i) => i).sort((x, y) => compare(bounds, x * STRIDE + at, bounds, y * STRIDE + at));
}

/** Stretches of a walk, as a set. */
export class Region {
  #words = new Uint32Array(8 * STRIDE);
  #used = 0;

  add(first: Uint32Array, last: Uint32Array): void {
    if (this.#used === this.#words.length) {
      const wider = new Uint32Array(2 * this.#words.length);
      wider.set(this.#words);
      this.#words = wider;
    }
    this.#words.set(first, this.#used);
    this.#words.set(last, this.#used + 4);
    this.#used += STRIDE;
  }

  set(): AddressSet {
    return { bounds: joined(this.#words.subarray(0, this.#used)) };
  }
}
