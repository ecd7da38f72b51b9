// Intervals of addresses as the fewest prefixes, in text: `10.0.0.0/8`, and IPv6 as RFC 5952 has it.
// Written as bytes, since sets have millions of prefixes and their text is hashed and stored as
// such.
import type { AddressSet } from "../policy/policy.ts";

/** The longest: `ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128` and a line end. */
const LONGEST = 44;
const NEWLINE = 10;
const DOT = 46;
const SLASH = 47;
const COLON = 58;

export interface PrefixText {
  /** One prefix a line; no line end behind the last. */
  readonly lines: Uint8Array;
  readonly count: number;
}

/** Used again by each call, because a policy may have many thousand small sets. */
const intervalFirst = new Uint32Array(4);
const intervalLast = new Uint32Array(4);
let scratch = new Uint8Array(4096);
/** A larger buffer is not kept. */
const MOST_KEPT = 1024 * 1024;

export function prefixText(set: AddressSet): PrefixText {
  const out = new PrefixWriter();
  const b = set.bounds;
  for (let i = 0; i < b.length; i += 8) {
    if (b[i] === 0 && b[i + 1] === 0 && b[i + 2] === 0xffff) splitV4(b[i + 3] ?? 0, b[i + 7] ?? 0, out);
    else {
      intervalFirst.set(b.subarray(i, i + 4));
      intervalLast.set(b.subarray(i + 4, i + 8));
      splitV6(intervalFirst, intervalLast, out);
    }
  }
  return out.done();
}

class PrefixWriter {
  #bytes = scratch;
  #used = 0;
  #count = 0;

  v4(bits: number, length: number): void {
    this.#begin();
    const bytes = this.#bytes;
    let at = decimal(bytes, this.#used, bits >>> 24);
    bytes[at++] = DOT;
    at = decimal(bytes, at, (bits >>> 16) & 255);
    bytes[at++] = DOT;
    at = decimal(bytes, at, (bits >>> 8) & 255);
    bytes[at++] = DOT;
    this.#end(decimal(bytes, at, bits & 255), length);
  }

  /** The longest run of two zero groups or more is `::`, the first of several. */
  v6(words: Uint32Array, length: number): void {
    this.#begin();
    const bytes = this.#bytes;
    let at = this.#used;
    const { from, to } = zeroRun(words);
    for (let i = 0; i < 8; i++) {
      if (i === from) {
        bytes[at++] = COLON;
        bytes[at++] = COLON;
        i = to - 1;
        continue;
      }
      if (i > 0 && i !== to) bytes[at++] = COLON;
      at = hexadecimal(bytes, at, groupOf(words, i));
    }
    this.#end(at, length);
  }

  done(): PrefixText {
    if (this.#bytes.length <= MOST_KEPT) scratch = this.#bytes;
    return { lines: this.#bytes.slice(0, this.#used), count: this.#count };
  }

  #begin(): void {
    if (this.#used + LONGEST > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    if (this.#count++ > 0) this.#bytes[this.#used++] = NEWLINE;
  }

  #end(at: number, length: number): void {
    this.#bytes[at] = SLASH;
    this.#used = decimal(this.#bytes, at + 1, length);
  }
}

/** Writes a number of up to three digits; where it ends. */
function decimal(bytes: Uint8Array, start: number, n: number): number {
  let at = start;
  if (n >= 100) bytes[at++] = n >= 200 ? 50 : 49;
  if (n >= 10) bytes[at++] = 48 + (Math.trunc(n / 10) % 10);
  bytes[at++] = 48 + (n % 10);
  return at;
}

/** Writes a number of 16 bits, lower case, without leading zeros; where it ends. */
function hexadecimal(bytes: Uint8Array, start: number, n: number): number {
  let at = start;
  for (
    let shift =
      n > 0xfff ? 12
      : n > 0xff ? 8
      : n > 0xf ? 4
      : 0;
    shift >= 0;
    shift -= 4
  ) {
    const digit = (n >>> shift) & 15;
    bytes[at++] = digit + (digit < 10 ? 48 : 87);
  }
  return at;
}

function groupOf(words: Uint32Array, i: number): number {
  const word = words[i >>> 1] ?? 0;
  return (i & 1) === 0 ? word >>> 16 : word & 0xffff;
}

/** Half-open; 8 and 8 where no two groups in a row are zero. */
function zeroRun(words: Uint32Array): { readonly from: number; readonly to: number } {
  let from = 8;
  let to = 8;
  for (let i = 0; i < 8; i++) {
    const start = i;
    while (i < 8 && groupOf(words, i) === 0) i++;
    if (i - start > Math.max(1, to - from)) [from, to] = [start, i];
  }
  return { from, to };
}

function splitV4(first: number, last: number, out: PrefixWriter): void {
  for (let at = first; at <= last;) {
    // The largest block that begins here and ends within the interval.
    let size = at === 0 ? 0x1_0000_0000 : (at & -at) >>> 0;
    while (at + size - 1 > last) size /= 2;
    // The length is 0 for all of 2^32 addresses, whose low word is none.
    out.v4(at, size === 0x1_0000_0000 ? 0 : 1 + Math.clz32(size));
    at += size;
  }
}

/** The value of `at` afterwards is undefined. */
function splitV6(at: Uint32Array, last: Uint32Array, out: PrefixWriter): void {
  const end = new Uint32Array(4);
  for (;;) {
    let host = trailingZeros(at);
    fill(end, at, host);
    while (compare(end, last) > 0) fill(end, at, --host);
    out.v6(at, 128 - host);
    if (compare(end, last) >= 0) return;
    advance(at, end);
  }
}

function trailingZeros(a: Uint32Array): number {
  for (let w = 3, host = 0; w >= 0; w--, host += 32) {
    const word = a[w] ?? 0;
    if (word !== 0) return host + 31 - Math.clz32(word & -word);
  }
  return 128;
}

/** The last address of the block with `host` free bits at `a`. */
function fill(end: Uint32Array, a: Uint32Array, host: number): void {
  for (let w = 0; w < 4; w++) {
    const free = host - 32 * (3 - w);
    const low =
      free <= 0 ? 0
      : free >= 32 ? 0xffffffff
      : 0xffffffff >>> (32 - free);
    end[w] = (a[w] ?? 0) | low;
  }
}

function compare(x: Uint32Array, y: Uint32Array): number {
  for (let w = 0; w < 4; w++) {
    const difference = (x[w] ?? 0) - (y[w] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** The address behind one that is not the very last. */
function advance(a: Uint32Array, end: Uint32Array): void {
  let overflow = 1;
  for (let w = 3; w >= 0; w--) {
    const sum = (end[w] ?? 0) + overflow;
    overflow = sum > 0xffffffff ? 1 : 0;
    a[w] = sum;
  }
}
