// Sweep over the edges of address sets: which sets hold each stretch of one family's space.
import type { AddressSet } from "../check/policy.ts";

/** Edges of one family: where a set begins or has just ended. */
export interface Edges {
  readonly words: 1 | 4;
  /** `words` words an edge, unsorted. */
  readonly keys: Uint32Array;
  /** The set that begins or ends there, by its index. */
  readonly sets: Uint32Array;
  readonly count: number;
}

export function collectEdges(sets: readonly AddressSet[], words: 1 | 4): Edges {
  let most = 0;
  for (const set of sets) most += set.bounds.length / 4;
  const keys = new Uint32Array(most * words);
  const owners = new Uint32Array(most);
  let count = 0;
  sets.forEach((set, owner) => {
    const b = set.bounds;
    for (let i = 0; i < b.length; i += 8) {
      const v4 = b[i] === 0 && b[i + 1] === 0 && b[i + 2] === 0xffff;
      if (v4 !== (words === 1)) continue;
      for (let w = 0; w < words; w++) keys[count * words + w] = b[i + 4 - words + w] ?? 0;
      owners[count++] = owner;
      // The edge behind the last address; behind the last of all there is none.
      let carry = 1;
      for (let w = words - 1; w >= 0; w--) {
        const sum = (b[i + 8 - words + w] ?? 0) + carry;
        carry = sum > 0xffffffff ? 1 : 0;
        keys[count * words + w] = sum;
      }
      if (carry === 0) owners[count++] = owner;
    }
  });
  return { words, keys, sets: owners, count };
}

/** Order of the edges by key: a radix sort, 16 bits at a time from the least significant. */
export function sortEdges(edges: Edges): Uint32Array {
  let order = Uint32Array.from({ length: edges.count }, (_, i) => i);
  let other = new Uint32Array(edges.count);
  for (let w = edges.words - 1; w >= 0; w--) {
    for (const shift of [0, 16]) {
      const starts = new Uint32Array(65537);
      for (let i = 0; i < edges.count; i++) {
        const digit = ((edges.keys[i * edges.words + w] ?? 0) >>> shift) & 0xffff;
        starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
      }
      if (starts.includes(edges.count, 1)) continue; // all have the same digit
      for (let d = 0; d < 65536; d++) starts[d + 1] = (starts[d + 1] ?? 0) + (starts[d] ?? 0);
      for (const i of order) {
        const digit = ((edges.keys[i * edges.words + w] ?? 0) >>> shift) & 0xffff;
        const place = starts[digit] ?? 0;
        starts[digit] = place + 1;
        other[place] = i;
      }
      [order, other] = [other, order];
    }
  }
  return order;
}
