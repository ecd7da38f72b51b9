// Prefixes in any order -> the set of them. IPv4 is kept as pairs of words until the end, so that a
// list of a million prefixes takes eight megabytes and is sorted as numbers of 64 bits.
import { STRIDE, compare, joined } from "./intervals.ts";
import type { Prefix } from "../names/literals.ts";
import type { AddressSet, AddressWords } from "../../policy/policy.ts";
import { scanPrefix } from "./prefix_scan.ts";

const MAX = 0xffffffff;

/** Which word of a pair is the upper half of its 64 bits, so that a sort by number is one by first address. */
const FIRST = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1 ? 1 : 0;
const LAST = 1 - FIRST;

export class SetBuilder {
  /** Two words an interval. */
  #v4 = new Uint32Array(0);
  #v4Used = 0;
  /** Eight words an interval, as in a set. */
  #v6 = new Uint32Array(0);
  #v6Used = 0;

  /** Adds an IPv6 prefix as written: `::/0` is IPv6 and contains no IPv4 address. */
  addV6(first: AddressWords, last: AddressWords): void {
    if (!isBelowV4(first) || isBelowV4(last)) return this.#push(first, last);
    this.#push(first, BEFORE_V4);
    if (isAboveV4(last)) this.#push(AFTER_V4, last);
  }

  addV4(first: number, last: number): void {
    const at = this.#v4Used;
    if (at === this.#v4.length) this.#v4 = grown(this.#v4);
    this.#v4[at + FIRST] = first;
    this.#v4[at + LAST] = last;
    this.#v4Used = at + 2;
  }

  /** Adds what `scanPrefix` reads in a text; false, and nothing, where it reads nothing. */
  scan(text: string, start: number, end: number): boolean {
    const family = scanPrefix(text, start, end, scanned);
    if (family === 4) this.addV4(scanned[3] ?? 0, scanned[7] ?? 0);
    else if (family === 6) this.addV6(addressAt(scanned, 0), addressAt(scanned, 4));
    return family !== 0;
  }

  addPrefix({ family, first, last }: Prefix): void {
    if (family === 4) this.addV4(first[3], last[3]);
    else this.addV6(first, last);
  }

  /** Ends the builder's life. */
  done(): AddressSet {
    const v4 = joinedPairs(sortedPairs(this.#v4.subarray(0, this.#v4Used)));
    const v6 = joined(sortedIntervals(this.#v6.subarray(0, this.#v6Used)));
    if (v4.length === 0) return { bounds: v6 };
    const bounds = new Uint32Array(4 * v4.length + v6.length);
    let below = 0;
    while (below < v6.length && isBelowV4(addressAt(v6, below))) below += STRIDE;
    bounds.set(v6.subarray(0, below));
    let at = below;
    for (let i = 0; i < v4.length; i += 2, at += STRIDE) {
      bounds[at + 2] = 0xffff;
      bounds[at + 3] = v4[i + FIRST] ?? 0;
      bounds[at + 6] = 0xffff;
      bounds[at + 7] = v4[i + LAST] ?? 0;
    }
    bounds.set(v6.subarray(below), at);
    return { bounds };
  }

  #push(first: AddressWords, last: AddressWords): void {
    const at = this.#v6Used;
    if (at === this.#v6.length) this.#v6 = grown(this.#v6);
    this.#v6.set(first, at);
    this.#v6.set(last, at + 4);
    this.#v6Used = at + STRIDE;
  }
}

const scanned = new Uint32Array(STRIDE);

function addressAt(words: Uint32Array, i: number): AddressWords {
  return [words[i] ?? 0, words[i + 1] ?? 0, words[i + 2] ?? 0, words[i + 3] ?? 0];
}

function grown(words: Uint32Array): Uint32Array<ArrayBuffer> {
  const larger = new Uint32Array(Math.max(2 * STRIDE, words.length * 2));
  larger.set(words);
  return larger;
}

const BEFORE_V4: AddressWords = [0, 0, 0xfffe, MAX];
const AFTER_V4: AddressWords = [0, 0, 0x10000, 0];

function isBelowV4(a: AddressWords): boolean {
  return a[0] === 0 && a[1] === 0 && a[2] < 0xffff;
}

function isAboveV4(a: AddressWords): boolean {
  return a[0] !== 0 || a[1] !== 0 || a[2] > 0xffff;
}

/** In place. */
function sortedPairs(pairs: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  for (let i = 2; i < pairs.length; i += 2) {
    if ((pairs[i - 2 + FIRST] ?? 0) <= (pairs[i + FIRST] ?? 0)) continue;
    new BigUint64Array(pairs.buffer, pairs.byteOffset, pairs.length / 2).sort();
    break;
  }
  return pairs;
}

/** In place: joins sorted pairs that overlap or touch. */
function joinedPairs(pairs: Uint32Array<ArrayBuffer>): Uint32Array<ArrayBuffer> {
  let end = 0;
  for (let i = 0; i < pairs.length; i += 2) {
    const first = pairs[i + FIRST] ?? 0;
    const last = pairs[i + LAST] ?? 0;
    const before = end > 0 ? (pairs[end - 2 + LAST] ?? 0) : -2;
    if (first <= before + 1) {
      if (last > before) pairs[end - 2 + LAST] = last;
      continue;
    }
    pairs[end + FIRST] = first;
    pairs[end + LAST] = last;
    end += 2;
  }
  return pairs.subarray(0, end);
}

/** Intervals of a set's form in the order of their first addresses. */
function sortedIntervals(words: Uint32Array): Uint32Array {
  if (isSorted(words)) return words;
  const starts = Uint32Array.from({ length: words.length / STRIDE }, (_, i) => i * STRIDE);
  const order = starts.length < FEW ? starts.sort((x, y) => compare(words, x, words, y)) : radixSorted(words, starts);
  const out = new Uint32Array(words.length);
  order.forEach((from, i) => {
    for (let w = 0; w < STRIDE; w++) out[i * STRIDE + w] = words[from + w] ?? 0;
  });
  return out;
}

/** A radix sort costs sixteen passes over 256 counters, however few there are. */
const FEW = 128;

/** A byte at a time, from the last one. */
function radixSorted(words: Uint32Array, unsorted: Uint32Array<ArrayBuffer>): Uint32Array {
  const n = unsorted.length;
  let order = unsorted;
  let other = new Uint32Array(n);
  for (let byte = 0; byte < 16; byte++) {
    const word = 3 - (byte >>> 2);
    const shift = 8 * (byte & 3);
    const starts = new Uint32Array(257);
    for (let i = word; i < words.length; i += STRIDE) {
      const digit = ((words[i] ?? 0) >>> shift) & 255;
      starts[digit + 1] = (starts[digit + 1] ?? 0) + 1;
    }
    if (starts.includes(n)) continue; // all have the same digit
    for (let d = 0; d < 256; d++) starts[d + 1] = (starts[d + 1] ?? 0) + (starts[d] ?? 0);
    for (let i = 0; i < n; i++) {
      const at = order[i] ?? 0;
      const digit = ((words[at + word] ?? 0) >>> shift) & 255;
      const place = starts[digit] ?? 0;
      starts[digit] = place + 1;
      other[place] = at;
    }
    [order, other] = [other, order];
  }
  return order;
}

function isSorted(words: Uint32Array): boolean {
  for (let i = STRIDE; i < words.length; i += STRIDE) if (compare(words, i - STRIDE, words, i) > 0) return false;
  return true;
}
