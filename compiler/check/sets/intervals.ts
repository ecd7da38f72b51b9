// The algebra of address sets: sorted, disjoint, non-adjacent intervals over 128 bits in typed
// arrays, so that lists of a million prefixes are merged in one pass. The layout is defined in
// policy.ts. Everything here is pure.
import type { AddressSet, AddressWords } from "../../policy/policy.ts";

/** u32 words of one interval: four of its first address, four of its last. */
export const STRIDE = 8;
const MAX = 0xffffffff;

export const EMPTY: AddressSet = { bounds: new Uint32Array(0) };

export function size(set: AddressSet): number {
  return set.bounds.length / STRIDE;
}

export function isEmpty(set: AddressSet): boolean {
  return set.bounds.length === 0;
}

/** The union; sets that are sorted already are merged pair by pair, without a sort. */
export function union(sets: readonly AddressSet[]): AddressSet {
  let level = sets.filter((s) => !isEmpty(s));
  while (level.length > 1) {
    const next: AddressSet[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const a = level[i] ?? EMPTY;
      const b = level[i + 1];
      next.push(b === undefined ? a : { bounds: merged(a.bounds, b.bounds) });
    }
    level = next;
  }
  return level[0] ?? EMPTY;
}

/** The addresses that are in `a` and not in `b`. */
export function subtract(a: AddressSet, b: AddressSet): AddressSet {
  if (isEmpty(a) || isEmpty(b)) return a;
  const x = a.bounds;
  const y = b.bounds;
  // Each interval of `b` can split one of `a`, so the result has at most the sum of both.
  const out = new Uint32Array(x.length + y.length);
  const current = new Uint32Array(STRIDE);
  let n = 0;
  let j = 0;
  for (let i = 0; i < x.length; i += STRIDE) {
    current.set(x.subarray(i, i + STRIDE));
    let left = true;
    while (j < y.length && compare(y, j + 4, current, 0) < 0) j += STRIDE;
    let k = j;
    while (left && k < y.length && compare(y, k, current, 4) <= 0) {
      if (compare(y, k, current, 0) > 0) {
        out.set(current.subarray(0, 4), n);
        copyBefore(out, n + 4, y, k);
        n += STRIDE;
      }
      if (compare(y, k + 4, current, 4) >= 0) left = false;
      else {
        copyAfter(current, 0, y, k + 4);
        k += STRIDE;
      }
    }
    j = k;
    if (left) {
      out.set(current, n);
      n += STRIDE;
    }
  }
  return { bounds: out.slice(0, n) };
}

/** The addresses that are in both. The shorter set is walked and the longer one searched, so that a few addresses cost little in a long list. */
export function intersect(a: AddressSet, b: AddressSet): AddressSet {
  const [x, y] = a.bounds.length <= b.bounds.length ? [a.bounds, b.bounds] : [b.bounds, a.bounds];
  let out = new Uint32Array(2 * x.length);
  let [n, j] = [0, 0];
  for (let i = 0; i < x.length; i += STRIDE) {
    j = firstEndingAt(y, j, x, i);
    for (; j < y.length && compare(y, j, x, i + 4) <= 0; j += STRIDE) {
      if (n === out.length) {
        const larger = new Uint32Array(2 * n);
        larger.set(out);
        out = larger;
      }
      const [first, startsLater] = compare(x, i, y, j) >= 0 ? [i, x] : [j, y];
      const [last, endsEarlier] = compare(x, i + 4, y, j + 4) <= 0 ? [i, x] : [j, y];
      for (let w = 0; w < 4; w++) {
        out[n + w] = word(startsLater, first + w);
        out[n + 4 + w] = word(endsEarlier, last + 4 + w);
      }
      n += STRIDE;
      // The next interval of `x` may have more of this one.
      if (endsEarlier === x) break;
    }
  }
  return { bounds: out.slice(0, n) };
}

/** The first interval of `y`, from the one at `from` on, that ends at or behind the address at x[i]. */
function firstEndingAt(y: Uint32Array, from: number, x: Uint32Array, i: number): number {
  // Steps that double, so that a walk through both costs no search for each.
  let [low, step] = [from, STRIDE];
  while (low + step <= y.length && compare(y, low + step - STRIDE + 4, x, i) < 0) {
    low += step;
    step *= 2;
  }
  let high = Math.min(y.length, low + step);
  while (low < high) {
    const middle = low + STRIDE * (((high - low) / STRIDE) >>> 1);
    if (compare(y, middle + 4, x, i) < 0) low = middle + STRIDE;
    else high = middle;
  }
  return low;
}

export function intersects(a: AddressSet, b: AddressSet): boolean {
  const x = a.bounds;
  const y = b.bounds;
  let i = 0;
  let j = 0;
  while (i < x.length && j < y.length) {
    if (compare(x, i + 4, y, j) < 0) i += STRIDE;
    else if (compare(y, j + 4, x, i) < 0) j += STRIDE;
    else return true;
  }
  return false;
}

export function equal(a: AddressSet, b: AddressSet): boolean {
  return a.bounds.length === b.bounds.length && a.bounds.every((w, i) => w === b.bounds[i]);
}

export function contains(set: AddressSet, address: AddressWords): boolean {
  const wanted = Uint32Array.from(address);
  let low = 0;
  let high = size(set);
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(set.bounds, middle * STRIDE + 4, wanted, 0) < 0) low = middle + 1;
    else high = middle;
  }
  return low < size(set) && compare(set.bounds, low * STRIDE, wanted, 0) <= 0;
}

/** Negative, zero or positive as the address at x[i] is below, equal to or above that at y[j]. */
export function compare(x: Uint32Array, i: number, y: Uint32Array, j: number): number {
  for (let w = 0; w < 4; w++) {
    const d = word(x, i + w) - word(y, j + w);
    if (d !== 0) return d;
  }
  return 0;
}

function word(x: Uint32Array, i: number): number {
  return x[i] ?? 0;
}

/** Two sorted sequences as one, joined on the way. */
function merged(x: Uint32Array, y: Uint32Array): Uint32Array {
  const out = new Uint32Array(x.length + y.length);
  let n = 0;
  for (let i = 0, j = 0; i < x.length || j < y.length;) {
    if (j >= y.length || (i < x.length && compare(x, i, y, j) <= 0)) {
      n = append(out, n, x, i);
      i += STRIDE;
    } else {
      n = append(out, n, y, j);
      j += STRIDE;
    }
  }
  return n === out.length ? out : out.slice(0, n);
}

/** Joins sorted intervals that overlap or touch; never over the edge of IPv4. */
export function joined(words: Uint32Array): Uint32Array {
  const out = new Uint32Array(words.length);
  let n = 0;
  for (let i = 0; i < words.length; i += STRIDE) n = append(out, n, words, i);
  return n === out.length ? out : out.slice(0, n);
}

/** Puts an interval, which starts no earlier than the last one, behind the `n` words of `out`; their new number. */
function append(out: Uint32Array, n: number, words: Uint32Array, i: number): number {
  if (n > 0 && touches(out, n - STRIDE, words, i)) {
    if (compare(words, i + 4, out, n - 4) > 0) for (let w = 0; w < 4; w++) out[n - 4 + w] = word(words, i + 4 + w);
    return n;
  }
  for (let w = 0; w < STRIDE; w++) out[n + w] = word(words, i + w);
  return n + STRIDE;
}

const after = new Uint32Array(4);

/** Whether the interval at y[j], which starts no earlier, belongs to the one at x[i]. */
function touches(x: Uint32Array, i: number, y: Uint32Array, j: number): boolean {
  if (compare(y, j, x, i + 4) <= 0) return true;
  if (isV4At(x, i + 4) !== isV4At(y, j)) return false;
  copyAfter(after, 0, x, i + 4);
  return compare(after, 0, y, j) === 0;
}

function isV4At(x: Uint32Array, i: number): boolean {
  return word(x, i) === 0 && word(x, i + 1) === 0 && word(x, i + 2) === 0xffff;
}

/** The address after y[j]; the very last one has none, and no caller needs it. */
export function copyAfter(x: Uint32Array, i: number, y: Uint32Array, j: number): void {
  let substitution = 1;
  for (let w = 3; w >= 0; w--) {
    const sum = word(y, j + w) + substitution;
    substitution = sum > MAX ? 1 : 0;
    x[i + w] = sum >>> 0;
  }
}

/** The address before y[j]; the very first one has none, and no caller needs it. */
export function copyBefore(x: Uint32Array, i: number, y: Uint32Array, j: number): void {
  let lack = 1;
  for (let w = 3; w >= 0; w--) {
    const difference = word(y, j + w) - lack;
    lack = difference < 0 ? 1 : 0;
    x[i + w] = difference >>> 0;
  }
}
