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
  const { words, starts, classes } = table;
  const upper: Uint32Array[] = [];
  const lower: Uint32Array[] = [];
  const lowerOf = new Map<string, number>();
  const buckets: { first: number; count: number }[] = [];
  const keys: number[] = [];
  const bucketClasses: number[] = [];
  const count = classes.length;
  const high = (i: number): number => starts[i * words] ?? 0;
  const exact = (i: number, word: number): boolean => {
    if (high(i) !== word) return false;
    for (let w = 1; w < words; w++) if (starts[i * words + w] !== 0) return false;
    return true;
  };

  /** Stretches that touch 2^bits values of the high word from `word` on: [first, end). */
  const touching = (from: number, word: number, size: number): readonly [number, number] => {
    let first = from;
    while (first + 1 < count && (high(first + 1) < word || exact(first + 1, word))) first++;
    let end = first + 1;
    while (end < count && high(end) < word + size) end++;
    return [first, end];
  };

  const bucket = (first: number, end: number): number => {
    buckets.push({ first: bucketClasses.length, count: end - first });
    for (let i = first; i < end; i++) {
      for (let w = 1; w < 4; w++) keys.push(i === first ? 0 : starts[i * 4 + w] ?? 0);
      bucketClasses.push(classes[i] ?? 0);
    }
    return value(VALUE_BUCKET, buckets.length - 1);
  };

  const fill = (slots: Uint32Array, from: number, word: number, size: number, mixed: (first: number, end: number, word: number) => number): void => {
    let first = from;
    let end = from;
    for (let slot = 0; slot < slots.length; slot++) {
      const start = word + slot * size;
      [first, end] = touching(first, start, size);
      slots[slot] = end - first === 1 ? value(VALUE_CLASS, classes[first] ?? 0) : mixed(first, end, start);
    }
  };
  const lowerPage = (first: number, _end: number, word: number): number => {
    const slots = new Uint32Array(PAGE_SLOTS);
    fill(slots, first, word, 1, bucket);
    const text = slots.join();
    const known = lowerOf.get(text) ?? lower.push(slots) - 1;
    lowerOf.set(text, known);
    return value(VALUE_PAGE, known);
  };
  const upperPage = (first: number, _end: number, word: number): number => {
    const slots = new Uint32Array(PAGE_SLOTS);
    fill(slots, first, word, PAGE_SLOTS, lowerPage);
    return value(VALUE_PAGE, upper.push(slots) - 1);
  };
  const root = new Uint32Array(ROOT_SLOTS);
  fill(root, 0, 0, PAGE_SLOTS * PAGE_SLOTS, upperPage);

  // Lower pages are numbered behind the upper ones.
  for (const page of upper) {
    page.forEach((v, slot) => {
      if (v % 4 === VALUE_PAGE) page[slot] = v + upper.length * 2 ** VALUE_SHIFT;
    });
  }
  return {
    root, pages: [...upper, ...lower], upperPages: upper.length, buckets,
    keys: Uint32Array.from(keys), classes: Uint32Array.from(bucketClasses),
  };
}
