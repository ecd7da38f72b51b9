// A class table as a trie on its first 32 bits: 16 bits choose a root slot, then 8 and 8 a slot
// of a page. A page keeps where runs of equal slots start and one value a run; equal lower pages
// are one. A slot that is still mixed below 32 bits (IPv6 only) is a bucket of the low 96 bits.
import { ROOT_SLOTS, VALUE_BUCKET, VALUE_CLASS, VALUE_PAGE, VALUE_SHIFT } from "../../runtime/abi/layout.ts";
import { HashIndex } from "./hash_index.ts";
import type { ClassTable, Stretches, Trie } from "./tables.ts";
import { WordList } from "./word_list.ts";

/** Fewer stretches than this are searched: a root alone takes 256 KiB. */
export const TRIE_FROM_STRETCHES = 8192;
const PAGE_SLOTS = 256;
/** Eight groups of a bitmap and a rank. */
const PAGE_WORDS = 16;

export function withTrie(table: Stretches): ClassTable {
  return { ...table, trie: table.classes.length < TRIE_FROM_STRETCHES ? null : new TrieBuilder(table).build() };
}

/** VALUE_* and a number; both fit because numbers stay below 2^30 (the writer checks). */
function value(kind: number, number: number): number {
  return number * 2 ** VALUE_SHIFT + kind;
}

/** Pages of one depth, their values in a row. */
class Pages {
  readonly groups = new WordList();
  readonly values = new WordList();
  count = 0;
  readonly #index = new HashIndex();

  /** The page of some runs, `starts` rising from 0. */
  add(starts: Uint32Array, values: Uint32Array, runs: number): number {
    const at = this.groups.length;
    const before = this.values.length;
    let run = 0;
    for (let slot = 0; slot < PAGE_SLOTS; slot += 32) {
      let bits = 0;
      const rank = before + run;
      for (; run < runs && (starts[run] ?? 0) < slot + 32; run++) bits |= 1 << ((starts[run] ?? 0) - slot);
      this.groups.push(bits >>> 0);
      this.groups.push(rank);
    }
    for (let i = 0; i < runs; i++) this.values.push(values[i] ?? 0);
    if (this.groups.length !== at + PAGE_WORDS) throw new RangeError("a page has eight groups");
    return this.count++;
  }

  /** The same, or an equal one that is there. */
  intern(starts: Uint32Array, values: Uint32Array, runs: number): number {
    let hash = runs;
    for (let i = 0; i < runs; i++) {
      hash = Math.imul(hash ^ ((starts[i] ?? 0) + Math.imul(values[i] ?? 0, 0x85ebca6b)), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash >>>= 0;
    for (let page = this.#index.first(hash); page >= 0; page = this.#index.next(hash)) if (this.#same(page, starts, values, runs)) return page;
    this.#index.add(hash);
    return this.add(starts, values, runs);
  }

  #same(page: number, starts: Uint32Array, values: Uint32Array, runs: number): boolean {
    const at = page * PAGE_WORDS;
    const first = this.groups.at(at + 1);
    const end = page + 1 < this.count ? this.groups.at(at + PAGE_WORDS + 1) : this.values.length;
    if (end - first !== runs) return false;
    for (let i = 0; i < runs; i++) {
      const start = starts[i] ?? 0;
      if (this.values.at(first + i) !== values[i] || ((this.groups.at(at + 2 * (start >>> 5)) >>> (start & 31)) & 1) === 0) return false;
    }
    return true;
  }
}

class TrieBuilder {
  readonly #table: Stretches;
  readonly #upper = new Pages();
  readonly #lower = new Pages();
  /** Runs of the page that is being filled at each depth. */
  readonly #upperRuns = { starts: new Uint32Array(PAGE_SLOTS), values: new Uint32Array(PAGE_SLOTS) };
  readonly #lowerRuns = { starts: new Uint32Array(PAGE_SLOTS), values: new Uint32Array(PAGE_SLOTS) };
  readonly #buckets = new WordList();
  readonly #keys = new WordList();
  readonly #classes = new WordList();

  constructor(table: Stretches) {
    this.#table = table;
  }

  build(): Trie {
    const root = new Uint32Array(ROOT_SLOTS);
    this.#fill(0, this.#table.classes.length, 0, 16, root.length, (slot, end, v) => {
      root.fill(v, slot, end);
    });
    const [upper, lower] = [this.#upper, this.#lower];
    const pages = new Uint32Array((upper.count + lower.count) * PAGE_WORDS);
    pages.set(upper.groups.all());
    pages.set(lower.groups.all(), upper.count * PAGE_WORDS);
    // Lower pages and their values come after the upper ones.
    for (let at = upper.count * PAGE_WORDS + 1; at < pages.length; at += 2) pages[at] = (pages[at] ?? 0) + upper.values.length;
    const values = new Uint32Array(upper.values.length + lower.values.length);
    values.set(upper.values.all().map((v) => (v % 4 === VALUE_PAGE ? v + upper.count * 2 ** VALUE_SHIFT : v)));
    values.set(lower.values.all(), upper.values.length);
    return {
      root,
      pages,
      pageCount: upper.count + lower.count,
      upperPages: upper.count,
      values,
      buckets: this.#buckets.all(),
      keys: this.#keys.all(),
      classes: this.#classes.all(),
    };
  }

  /**
   * Says the value of each run of `slots` slots of 2 ** `bits` high words, the first of which begins at
   * `word`; the stretches from `from` to before `to` cover them, `from` their first address.
   */
  #fill(from: number, to: number, word: number, bits: number, slots: number, say: (slot: number, end: number, value: number) => void): void {
    const { classes } = this.#table;
    const size = 2 ** bits;
    let first = from;
    for (let slot = 0; slot < slots;) {
      const start = word + slot * size;
      if (first + 1 < to && this.#isStart(first + 1, start)) first++;
      // Slots without an edge inside are of one class, up to the one with the next edge.
      const next = first + 1 < to ? Math.floor((this.#high(first + 1) - word) / size) : slots;
      if (next > slot) {
        say(slot, next, value(VALUE_CLASS, classes[first] ?? 0));
        slot = next;
        continue;
      }
      let end = first + 1;
      while (end < to && this.#high(end) < start + size) end++;
      say(slot, slot + 1, this.#mixed(first, end, start, bits));
      first = end - 1;
      slot++;
    }
  }

  #high(i: number): number {
    return this.#table.starts[i * this.#table.words] ?? 0;
  }

  /** Does stretch `i` begin with the first address of the high word? */
  #isStart(i: number, word: number): boolean {
    const { starts, words } = this.#table;
    if ((starts[i * words] ?? 0) !== word) return false;
    return words === 1 || (starts[i * words + 1] === 0 && starts[i * words + 2] === 0 && starts[i * words + 3] === 0);
  }

  #mixed(first: number, end: number, word: number, bits: number): number {
    if (bits === 0) return this.#bucket(first, end);
    const { starts, values } = bits === 16 ? this.#upperRuns : this.#lowerRuns;
    let runs = 0;
    this.#fill(first, end, word, bits - 8, PAGE_SLOTS, (slot, _, v) => {
      if (runs > 0 && values[runs - 1] === v) return;
      starts[runs] = slot;
      values[runs++] = v;
    });
    return value(VALUE_PAGE, bits === 16 ? this.#upper.add(starts, values, runs) : this.#lower.intern(starts, values, runs));
  }

  #bucket(first: number, end: number): number {
    const { starts, classes } = this.#table;
    const number = this.#buckets.length / 2;
    this.#buckets.push(this.#classes.length);
    this.#buckets.push(end - first);
    for (let i = first; i < end; i++) {
      for (let w = 1; w < 4; w++) this.#keys.push(i === first ? 0 : (starts[i * 4 + w] ?? 0));
      this.#classes.push(classes[i] ?? 0);
    }
    return value(VALUE_BUCKET, number);
  }
}
