// Intervals of addresses as the fewest prefixes, in text: `10.0.0.0/8`, and IPv6 as RFC 5952 has it.
// Written as bytes, since sets have millions of prefixes and their text is hashed and stored as
// such.
import type { AddressSet } from "../check/policy.ts";

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

export function prefixText(set: AddressSet): PrefixText {
  const out = new PrefixWriter();
  const b = set.bounds;
  const first = new Uint32Array(4);
  const last = new Uint32Array(4);
  for (let i = 0; i < b.length; i += 8) {
    if (b[i] === 0 && b[i + 1] === 0 && b[i + 2] === 0xffff) splitV4(b[i + 3] ?? 0, b[i + 7] ?? 0, out);
    else {
      first.set(b.subarray(i, i + 4));
      last.set(b.subarray(i + 4, i + 8));
      splitV6(first, last, out);
    }
  }
  return out.done();
}

class PrefixWriter {
  #bytes = new Uint8Array(256);
  #used = 0;
  #count = 0;

  v4(bits: number, length: number): void {
    this.#begin();
    this.#decimal(bits >>> 24);
    this.#byte(DOT);
    this.#decimal((bits >>> 16) & 255);
    this.#byte(DOT);
    this.#decimal((bits >>> 8) & 255);
    this.#byte(DOT);
    this.#decimal(bits & 255);
    this.#end(length);
  }

  /** The longest run of two zero groups or more is `::`, the first of several. */
  v6(words: Uint32Array, length: number): void {
    this.#begin();
    const { from, to } = zeroRun(words);
    for (let i = 0; i < 8; i++) {
      if (i === from) {
        this.#byte(COLON);
        this.#byte(COLON);
        i = to - 1;
        continue;
      }
      if (i > 0 && i !== to) this.#byte(COLON);
      this.#hexadecimal(groupOf(words, i));
    }
    this.#end(length);
  }

  done(): PrefixText {
    return { lines: this.#bytes.slice(0, this.#used), count: this.#count };
  }

  #begin(): void {
    if (this.#used + LONGEST > this.#bytes.length) {
      const larger = new Uint8Array(this.#bytes.length * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    if (this.#count++ > 0) this.#byte(NEWLINE);
  }

  #end(length: number): void {
    this.#byte(SLASH);
    this.#decimal(length);
  }

  #byte(byte: number): void {
    this.#bytes[this.#used++] = byte;
  }

  /** 0 to 255. */
  #decimal(n: number): void {
    if (n >= 100) this.#byte(48 + Math.floor(n / 100));
    if (n >= 10) this.#byte(48 + (Math.floor(n / 10) % 10));
    this.#byte(48 + (n % 10));
  }

  /** 0 to 65535, lower case, without leading zeros. */
  #hexadecimal(n: number): void {
    for (let shift = n > 0xfff ? 12 : n > 0xff ? 8 : n > 0xf ? 4 : 0; shift >= 0; shift -= 4) {
      const digit = (n >>> shift) & 15;
      this.#byte(digit + (digit < 10 ? 48 : 87));
    }
  }
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
  for (let at = first; at <= last; ) {
    // The largest block that begins here and ends within the interval.
    let host = at === 0 ? 32 : 31 - Math.clz32(at & -at);
    while (at + 2 ** host - 1 > last) host--;
    out.v4(at, 32 - host);
    at += 2 ** host;
  }
}

/** Leaves `at` anywhere. */
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
    const low = free <= 0 ? 0 : free >= 32 ? 0xffffffff : 2 ** free - 1;
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
  let carry = 1;
  for (let w = 3; w >= 0; w--) {
    const sum = (end[w] ?? 0) + carry;
    carry = sum > 0xffffffff ? 1 : 0;
    a[w] = sum;
  }
}
