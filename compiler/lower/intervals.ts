// The edges of address sets in one family: where each set begins or has just ended, in order.
import type { AddressSet } from "../policy/policy.ts";

export interface Edges {
  /** `words` words an edge, rising. */
  readonly keys: Uint32Array;
  /** The set that begins or ends there, by its index; those of one address rise. */
  readonly owners: Uint32Array;
  readonly count: number;
}

export function sortedEdges(sets: readonly AddressSet[], words: 1 | 4): Edges {
  const edges = collectEdges(sets, words);
  return words === 1 ? sortNarrow(edges) : sortWide(edges);
}

function collectEdges(sets: readonly AddressSet[], words: 1 | 4): Edges {
  let most = 0;
  for (const { bounds } of sets) for (let i = 0; i < bounds.length; i += 8) if (isV4(bounds, i) === (words === 1)) most += 2;
  const keys = new Uint32Array(most * words);
  const owners = new Uint32Array(most);
  let count = 0;
  sets.forEach(({ bounds: b }, owner) => {
    for (let i = 0; i < b.length; i += 8) {
      if (isV4(b, i) !== (words === 1)) continue;
      for (let w = 0; w < words; w++) keys[count * words + w] = b[i + 4 - words + w] ?? 0;
      owners[count++] = owner;
      // The edge behind the last address; behind the last of all there is none.
      let overflow = 1;
      for (let w = words - 1; w >= 0; w--) {
        const sum = (b[i + 8 - words + w] ?? 0) + overflow;
        overflow = sum > 0xffffffff ? 1 : 0;
        keys[count * words + w] = sum;
      }
      if (overflow === 0) owners[count++] = owner;
    }
  });
  return { keys, owners, count };
}

function isV4(bounds: Uint32Array, i: number): boolean {
  return bounds[i] === 0 && bounds[i + 1] === 0 && bounds[i + 2] === 0xffff;
}

/** A digit of a key: its lowest bit in the word, and the mask of its bits. */
interface Digits {
  readonly shifts: readonly number[];
  readonly mask: number;
}

/** From so many edges on, two passes over 65,536 counters take less time than four over 256. */
const MANY = 4096;
const BYTES: Digits = { shifts: [0, 8, 16, 24], mask: 0xff };
const HALVES: Digits = { shifts: [0, 16], mask: 0xffff };

/** Where the edges of each digit of word `w` begin, or null where all have the same one. */
function places(keys: Uint32Array, count: number, words: number, w: number, shift: number, mask: number): Uint32Array | null {
  const starts = new Uint32Array(mask + 2);
  for (let i = 0; i < count; i++) {
    const digit = ((keys[i * words + w] ?? 0) >>> shift) & mask;
    starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
  }
  if (starts[(((keys[w] ?? 0) >>> shift) & mask) + 1] === count) return null;
  for (let d = 0; d <= mask; d++) starts[d + 1] = (starts[d + 1] ?? 0) + (starts[d] ?? 0);
  return starts;
}

/** A radix sort, one digit at a time from the least significant, that moves keys and owners along. */
function sortNarrow({ keys, owners, count }: Edges): Edges {
  let from: Pick<Edges, "keys" | "owners"> = { keys, owners };
  let to: typeof from = { keys: new Uint32Array(count), owners: new Uint32Array(count) };
  const { shifts, mask } = count < MANY ? BYTES : HALVES;
  for (const shift of shifts) {
    const starts = places(from.keys, count, 1, 0, shift, mask);
    if (starts === null) continue;
    for (let i = 0; i < count; i++) {
      const key = from.keys[i] ?? 0;
      const digit = (key >>> shift) & mask;
      const place = starts[digit] ?? 0;
      starts[digit] = place + 1;
      to.keys[place] = key;
      to.owners[place] = from.owners[i] ?? 0;
    }
    [from, to] = [to, from];
  }
  return { ...from, count };
}

/** The same over an order of the edges, because a key is four words. */
function sortWide({ keys, owners, count }: Edges): Edges {
  let order = new Uint32Array(count);
  for (let i = 0; i < count; i++) order[i] = i;
  let other = new Uint32Array(count);
  const { shifts, mask } = count < MANY ? BYTES : HALVES;
  for (let w = 3; w >= 0; w--) {
    for (const shift of shifts) {
      const starts = places(keys, count, 4, w, shift, mask);
      if (starts === null) continue;
      for (const i of order) {
        const digit = ((keys[i * 4 + w] ?? 0) >>> shift) & mask;
        const place = starts[digit] ?? 0;
        starts[digit] = place + 1;
        other[place] = i;
      }
      [order, other] = [other, order];
    }
  }
  const sorted = new Uint32Array(count * 4);
  order.forEach((i, at) => {
    for (let w = 0; w < 4; w++) sorted[at * 4 + w] = keys[i * 4 + w] ?? 0;
  });
  return { keys: sorted, owners: order.map((i) => owners[i] ?? 0), count };
}
