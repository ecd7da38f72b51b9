// Rows that share what they have in common: a row is a tree of pages, equal pages are one, and so
// are equal rows. Changing a few words of a row costs a few pages, however wide it is. The words
// of the lowest pages are the row's own, all others are page numbers of the level below.
//
// INVARIANT: pages are compared word by word; a hash only says where to look.

import { HashIndex } from "./hash_index.ts";
import type { CellTree } from "./tables.ts";

/** Distinct pages of one width, numbered as they came. */
export class PageStore {
  readonly width: number;
  readonly #index = new HashIndex();
  #words: Uint32Array;

  constructor(width: number) {
    this.width = width;
    this.#words = new Uint32Array(16 * width);
  }

  get count(): number {
    return this.#index.count;
  }

  word(page: number, slot: number): number {
    return this.#words[page * this.width + slot] ?? 0;
  }

  /** All words of all pages. */
  words(): Uint32Array {
    return this.#words.subarray(0, this.count * this.width);
  }

  copyTo(into: Uint32Array, page: number): void {
    for (let i = 0, at = page * this.width; i < this.width; i++, at++) into[i] = this.#words[at] ?? 0;
  }

  /** The number of the page with these words. */
  intern(words: Uint32Array): number {
    let hash = this.width;
    for (let i = 0; i < this.width; i++) {
      hash = Math.imul(hash ^ (words[i] ?? 0), 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    hash >>>= 0;
    for (let page = this.#index.first(hash); page >= 0; page = this.#index.next(hash)) if (this.#same(page, words)) return page;
    const page = this.#index.add(hash);
    const at = page * this.width;
    if (at === this.#words.length) {
      const wider = new Uint32Array(2 * at);
      wider.set(this.#words);
      this.#words = wider;
    }
    for (let i = 0; i < this.width; i++) this.#words[at + i] = words[i] ?? 0;
    return page;
  }

  #same(page: number, words: Uint32Array): boolean {
    for (let i = 0, at = page * this.width; i < this.width; i++, at++) if (this.#words[at] !== words[i]) return false;
    return true;
  }
}

/** Rows of one width. */
export class PageForest {
  readonly bits: number;
  /** Steps below a row. */
  readonly depth: number;
  /** The lowest first; the last one has the rows. */
  readonly levels: readonly PageStore[];
  readonly #buffers: readonly Uint32Array[];

  /** `bits`: a page has 2 ** bits words, a row at most so many. */
  constructor(width: number, bits: number) {
    const slots = 2 ** bits;
    let top = Math.max(width, 1);
    let depth = 0;
    for (; top > slots; depth++) top = Math.ceil(top / slots);
    this.bits = bits;
    this.depth = depth;
    this.levels = Array.from({ length: depth + 1 }, (_, level) => new PageStore(level === depth ? top : slots));
    this.#buffers = this.levels.map(({ width: own }) => new Uint32Array(own));
  }

  get rows(): number {
    return this.levels[this.depth]?.count ?? 0;
  }

  /** Words of all rows and pages. */
  get size(): number {
    return this.levels.reduce((sum, { count, width }) => sum + count * width, 0);
  }

  /** The row that has the same word everywhere. */
  uniform(word: number): number {
    return this.levels.reduce((below, store, level) => {
      const buffer = this.#buffers[level];
      return buffer === undefined ? below : store.intern(buffer.fill(below));
    }, word);
  }

  word(row: number, index: number): number {
    let word = row;
    for (let level = this.depth; level >= 0; level--) {
      word = this.levels[level]?.word(word, (index >>> (level * this.bits)) & (2 ** this.bits - 1)) ?? 0;
    }
    return word;
  }

  /**
   * The words of a row that are not zero, by their indexes.
   *
   * INVARIANT: the first row of the forest is that of zeros, so that page 0 has only zeros on every level.
   */
  visit(row: number, found: (index: number, word: number) => void): void {
    const walk = (level: number, page: number, first: number): void => {
      const store = this.levels[level];
      if (store === undefined) return;
      for (let slot = 0; slot < store.width; slot++) {
        const word = store.word(page, slot);
        if (word === 0) continue;
        const index = first + slot * 2 ** (level * this.bits);
        if (level === 0) found(index, word);
        else walk(level - 1, word, index);
      }
    };
    walk(this.depth, row, 0);
  }

  /** A row with other words at the first `count` of some indexes, which rise strictly. */
  patch(row: number, indexes: ArrayLike<number>, words: ArrayLike<number>, count: number): number {
    return count === 0 ? row : this.#patch(this.depth, row, indexes, words, 0, count);
  }

  #patch(level: number, page: number, indexes: ArrayLike<number>, words: ArrayLike<number>, from: number, to: number): number {
    const store = this.levels[level];
    const buffer = this.#buffers[level];
    if (store === undefined || buffer === undefined) return page;
    store.copyTo(buffer, page);
    const shift = level * this.bits;
    const mask = 2 ** this.bits - 1;
    for (let i = from; i < to;) {
      const slot = (indexes[i] ?? 0) >>> shift;
      if (level === 0) buffer[slot & mask] = words[i++] ?? 0;
      else {
        let end = i + 1;
        while (end < to && (indexes[end] ?? 0) >>> shift === slot) end++;
        buffer[slot & mask] = this.#patch(level - 1, buffer[slot & mask] ?? 0, indexes, words, i, end);
        i = end;
      }
    }
    return store.intern(buffer);
  }
}

/** Some rows of a forest and the pages that they need, numbered as runtime/abi/layout.ts has them. */
export function packRows(forest: PageForest, rows: ArrayLike<number>): CellTree {
  const { levels, depth } = forest;
  let packed = Uint32Array.from(rows);
  const parts: Uint32Array[] = [];
  const counts: number[] = [];
  for (let level = depth; level >= 0; level--) {
    const store = levels[level];
    if (store === undefined) break;
    const words = new Uint32Array(packed.length * store.width);
    packed.forEach((page, i) => {
      for (let slot = 0; slot < store.width; slot++) words[i * store.width + slot] = store.word(page, slot);
    });
    parts.push(words);
    counts.push(packed.length);
    if (level === 0) break;
    // Pages below are numbered in the order in which they are met.
    const numbers = new Uint32Array(levels[level - 1]?.count ?? 0);
    const met = new Uint32Array(numbers.length);
    let next = 0;
    words.forEach((page, i) => {
      let number = numbers[page] ?? 0;
      if (number === 0) {
        met[next] = page;
        number = numbers[page] = ++next;
      }
      words[i] = number - 1;
    });
    packed = met.slice(0, next);
  }
  const [top = new Uint32Array(0), ...below] = parts;
  // The lowest pages come first in the file, so numbers of a level count from the end of the one below.
  const ends: number[] = [];
  counts
    .slice(1)
    .reverse()
    .forEach((count, level) => ends.push((ends[level - 1] ?? 0) + count));
  const shifted = (words: Uint32Array, level: number): void => {
    const first = level >= 2 ? (ends[level - 2] ?? 0) : 0;
    if (first > 0)
      words.forEach((page, i) => {
        words[i] = page + first;
      });
  };
  [top, ...below].forEach((words, i) => {
    shifted(words, depth - i);
  });
  return { rowCount: counts[0] ?? 0, stride: levels[depth]?.width ?? 1, shift: depth * forest.bits, rows: top, pages: below.reverse(), ends };
}
