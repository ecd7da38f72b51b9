// A class table as a trie on its first 32 bits: 16 bits choose a root slot, then 8 and 8 a slot
// of a page. Runs of equal slots are stored once, equal lower pages too. What is still mixed
// below 32 bits (IPv6 only) is a bucket of the low 96 bits.
import { ROOT_SLOTS, VALUE_BUCKET, VALUE_CLASS, VALUE_PAGE, VALUE_SHIFT } from "../../runtime/abi/layout.ts";
import type { ClassTable, Stretches, Trie } from "./tables.ts";

/** Fewer stretches than this are searched: a root alone takes 256 KiB. */
export const TRIE_FROM_STRETCHES = 8192;
const PAGE_SLOTS = 256;

export function withTrie(table: Stretches): ClassTable {
  return { ...table, trie: table.classes.length < TRIE_FROM_STRETCHES ? null : buildTrie(table) };
}

/** VALUE_* and a number; both fit because numbers stay below 2^30 (the writer checks). */
function value(kind: number, number: number): number {
  return number * 2 ** VALUE_SHIFT + kind;
}

function buildTrie(table: Stretches): Trie {
  const builder = new TrieBuilder(table);
  const root = new Uint32Array(ROOT_SLOTS);
  builder.fill(root, 0, 0, 1);
  const { upper, lower, buckets, keys, classes } = builder;
  // Lower pages are numbered behind the upper ones.
  for (const page of upper) {
    page.forEach((v, slot) => {
      if (v % 4 === VALUE_PAGE) page[slot] = v + upper.length * 2 ** VALUE_SHIFT;
    });
  }
  return {
    root, pages: [...upper, ...lower], upperPages: upper.length, buckets,
    keys: Uint32Array.from(keys), classes: Uint32Array.from(classes),
  };
}

class TrieBuilder {
  readonly upper: Uint32Array[] = [];
  readonly lower: Uint32Array[] = [];
  readonly buckets: { first: number; count: number }[] = [];
  readonly keys: number[] = [];
  readonly classes: number[] = [];
  readonly #lowerOf = new Map<string, number>();
  readonly #table: Stretches;

  constructor(table: Stretches) {
    this.#table = table;
  }

  /**
   * Fills the slots of the root (depth 1), an upper (2) or a lower page (3), the first of which
   * stands for the high word `word`; stretch `from` begins at or before it.
   */
  fill(slots: Uint32Array, from: number, word: number, depth: 1 | 2 | 3): void {
    const { classes } = this.#table;
    const size = depth === 1 ? PAGE_SLOTS * PAGE_SLOTS : depth === 2 ? PAGE_SLOTS : 1;
    let first = from;
    for (let slot = 0; slot < slots.length; slot++) {
      const start = word + slot * size;
      while (first + 1 < classes.length && this.#beginsBy(first + 1, start)) first++;
      let end = first + 1;
      while (end < classes.length && this.#high(end) < start + size) end++;
      slots[slot] = end - first === 1 ? value(VALUE_CLASS, classes[first] ?? 0) : this.#mixed(first, end, start, depth);
    }
  }

  #high(i: number): number {
    return this.#table.starts[i * this.#table.words] ?? 0;
  }

  /** Does stretch `i` hold the first address of the high word? */
  #beginsBy(i: number, word: number): boolean {
    const { starts, words } = this.#table;
    const high = starts[i * words] ?? 0;
    if (high !== word || words === 1) return high <= word;
    return starts[i * words + 1] === 0 && starts[i * words + 2] === 0 && starts[i * words + 3] === 0;
  }

  #mixed(first: number, end: number, word: number, depth: 1 | 2 | 3): number {
    if (depth === 3) return this.#bucket(first, end);
    const slots = new Uint32Array(PAGE_SLOTS);
    if (depth === 1) {
      this.fill(slots, first, word, 2);
      return value(VALUE_PAGE, this.upper.push(slots) - 1);
    }
    this.fill(slots, first, word, 3);
    const text = slots.join();
    const known = this.#lowerOf.get(text) ?? this.lower.push(slots) - 1;
    this.#lowerOf.set(text, known);
    return value(VALUE_PAGE, known);
  }

  #bucket(first: number, end: number): number {
    const { starts, classes } = this.#table;
    const number = this.buckets.push({ first: this.classes.length, count: end - first }) - 1;
    for (let i = first; i < end; i++) {
      for (let w = 1; w < 4; w++) this.keys.push(i === first ? 0 : starts[i * 4 + w] ?? 0);
      this.classes.push(classes[i] ?? 0);
    }
    return value(VALUE_BUCKET, number);
  }
}
