// Address classes: two addresses are of one class when every rule treats them alike. A sweep
// over all edges finds which sets hold each stretch; stretches held by the same sets share a
// membership, and memberships that lead to the same row of decisions share a class.
import type { AddressSet } from "../check/policy.ts";
import { collectEdges, sortEdges } from "./intervals.ts";
import type { Stretches } from "./tables.ts";

/** Memberships that were met: each is the ascending list of the sets that hold an address. */
export class Memberships {
  readonly lists: number[][] = [];
  readonly #byHash = new Map<number, number[]>();

  /** The number of the membership with exactly these sets; `list` is ascending. */
  intern(hash: number, active: ReadonlySet<number>): number {
    const candidates = this.#byHash.get(hash);
    for (const number of candidates ?? []) {
      // INVARIANT: equal hashes are never trusted; the sets themselves are compared.
      const known = this.lists[number] ?? [];
      if (known.length === active.size && known.every((set) => active.has(set))) return number;
    }
    const number = this.lists.push([...active].sort((x, y) => x - y)) - 1;
    if (candidates === undefined) this.#byHash.set(hash, [number]);
    else candidates.push(number);
    return number;
  }
}

/** Stretches of one family with their memberships; neighbours differ. */
export function sweep(sets: readonly AddressSet[], words: 1 | 4, memberships: Memberships): Stretches {
  const edges = collectEdges(sets, words);
  const order = sortEdges(edges);
  const starts = new Uint32Array((edges.count + 1) * words);
  const members = new Uint32Array(edges.count + 1);
  const active = new Set<number>();
  let hash = 0;
  let stretches = 0;
  const note = (edge: number): void => {
    const membership = memberships.intern(hash, active);
    const before = stretches - 1;
    if (before >= 0 && sameKey(starts, before, edges.keys, edge, words)) {
      members[before] = membership;
      return;
    }
    for (let w = 0; w < words; w++) starts[stretches * words + w] = edge < 0 ? 0 : edges.keys[edge * words + w] ?? 0;
    members[stretches++] = membership;
  };
  note(-1);
  for (let at = 0; at < order.length; ) {
    const edge = order[at] ?? 0;
    // All that begins or ends at this address takes effect together.
    do {
      const set = edges.sets[order[at] ?? 0] ?? 0;
      if (!active.delete(set)) active.add(set);
      hash ^= mark(set);
      at++;
    } while (at < order.length && sameKey(edges.keys, edge, edges.keys, order[at] ?? 0, words));
    note(edge);
  }
  return { words, starts: starts.subarray(0, stretches * words), classes: members.subarray(0, stretches) };
}

function sameKey(x: Uint32Array, i: number, y: Uint32Array, j: number, words: number): boolean {
  for (let w = 0; w < words; w++) if (x[i * words + w] !== (j < 0 ? 0 : y[j * words + w])) return false;
  return true;
}

/** A well-mixed 32-bit number of a set (the finalizer of MurmurHash3). */
function mark(set: number): number {
  let h = Math.imul(set + 1, 0x9e3779b1);
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}

/** Replaces memberships by classes and joins neighbours that became one. */
export function toClasses(table: Stretches, classOf: Uint32Array): Stretches {
  const { words } = table;
  let kept = 0;
  const starts = new Uint32Array(table.starts.length);
  const classes = new Uint32Array(table.classes.length);
  table.classes.forEach((membership, i) => {
    const number = classOf[membership] ?? 0;
    if (kept > 0 && classes[kept - 1] === number) return;
    for (let w = 0; w < words; w++) starts[kept * words + w] = table.starts[i * words + w] ?? 0;
    classes[kept++] = number;
  });
  return { words, starts: starts.slice(0, kept * words), classes: classes.slice(0, kept) };
}
