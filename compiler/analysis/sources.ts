// Sets of addresses as diagrams and back: one bit for the family, then the 32 bits of an IPv4 address or the 128 of an IPv6
// address, most significant first, at the same levels. The diagram is made from sorted ranges in one walk.
import { compare, STRIDE } from "../check/sets/intervals.ts";
import type { AddressSet, AddressWords } from "../policy/policy.ts";
import { ALWAYS, NEVER, type Diagram, type Diagrams } from "./diagrams.ts";
import { blockDiagram } from "./number_ranges.ts";

/** The family's bit and those of the address. */
export const SOURCE_LEVELS = 129;
const MAPPED = 0xffff;

/** `level`: of the family, whose bit is 1 for IPv6. */
export function sourceDiagram(diagrams: Diagrams, level: number, { bounds }: AddressSet): Diagram {
  const v4 = v4Part(bounds);
  const count = (v4.end - v4.from) / STRIDE;
  const [starts, ends] = [new Uint32Array(count), new Uint32Array(count)];
  for (let i = 0; i < count; i++) {
    starts[i] = bounds[v4.from + i * STRIDE + 3] ?? 0;
    ends[i] = bounds[v4.from + i * STRIDE + 7] ?? 0;
  }
  const v6 = count === 0 ? bounds : withoutPart(bounds, v4);
  const low = blockDiagram(diagrams, level + 1, 32, starts, ends);
  return diagrams.node(level, low, new WideBlocks(diagrams, level + 1, v6).diagram());
}

/** INVARIANT: no range crosses the edge of ::ffff:0:0/96. */
function v4Part(bounds: Uint32Array): { readonly from: number; readonly end: number } {
  const rank = (i: number): number => {
    const third = bounds[i + 2] ?? 0;
    if (bounds[i] !== 0 || bounds[i + 1] !== 0 || third > MAPPED) return 1;
    return third < MAPPED ? -1 : 0;
  };
  const firstWith = (least: number): number => {
    let [low, high] = [0, bounds.length / STRIDE];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (rank(middle * STRIDE) < least) low = middle + 1;
      else high = middle;
    }
    return low * STRIDE;
  };
  return { from: firstWith(0), end: firstWith(1) };
}

function withoutPart(bounds: Uint32Array, { from, end }: { readonly from: number; readonly end: number }): Uint32Array {
  const rest = new Uint32Array(bounds.length - (end - from));
  rest.set(bounds.subarray(0, from));
  rest.set(bounds.subarray(end), from);
  return rest;
}

/** As blockDiagram, for numbers of 128 bits. */
class WideBlocks {
  readonly #diagrams: Diagrams;
  readonly #level: number;
  readonly #bounds: Uint32Array;
  /** The first address of the block that is divided, and its last. */
  readonly #at = new Uint32Array(4);
  readonly #end = new Uint32Array(4);

  constructor(diagrams: Diagrams, level: number, bounds: Uint32Array) {
    this.#diagrams = diagrams;
    this.#level = level;
    this.#bounds = bounds;
  }

  diagram(): Diagram {
    return this.#build(0, 0, this.#bounds.length / STRIDE);
  }

  #build(depth: number, from: number, to: number): Diagram {
    if (from >= to) return NEVER;
    const bounds = this.#bounds;
    if (compare(bounds, from * STRIDE, this.#at, 0) <= 0) {
      this.#fillEnd(depth);
      if (compare(bounds, from * STRIDE + 4, this.#end, 0) >= 0) return ALWAYS;
    }
    const [word, bit] = [depth >>> 5, (0x80000000 >>> (depth & 31)) >>> 0];
    this.#at[word] = ((this.#at[word] ?? 0) | bit) >>> 0;
    let [low, high] = [from, to];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compare(bounds, middle * STRIDE, this.#at, 0) < 0) low = middle + 1;
      else high = middle;
    }
    const behind = low;
    const before = behind > from && compare(bounds, (behind - 1) * STRIDE + 4, this.#at, 0) >= 0 ? behind - 1 : behind;
    this.#at[word] = ((this.#at[word] ?? 0) & ~bit) >>> 0;
    const first = this.#build(depth + 1, from, behind);
    this.#at[word] = ((this.#at[word] ?? 0) | bit) >>> 0;
    const second = this.#build(depth + 1, before, to);
    this.#at[word] = ((this.#at[word] ?? 0) & ~bit) >>> 0;
    return this.#diagrams.node(this.#level + depth, first, second);
  }

  #fillEnd(depth: number): void {
    for (let w = 0; w < 4; w++) {
      const fixed = depth - 32 * w;
      const free =
        fixed <= 0 ? 0xffffffff
        : fixed >= 32 ? 0
        : 0xffffffff >>> fixed;
      this.#end[w] = ((this.#at[w] ?? 0) | free) >>> 0;
    }
  }
}

/** The addresses of a diagram that has only levels from the family's on. */
export function sourcesOf(diagrams: Diagrams, level: number, d: Diagram): AddressSet {
  const out = new Ranges();
  const walk = (node: Diagram, depth: number, bits: number, at: Uint32Array): void => {
    if (node === NEVER) return;
    if (node === ALWAYS) {
      out.block(at, depth + (128 - bits));
      return;
    }
    const inner = diagrams.levelOf(node) - level - 1;
    if (inner > depth) {
      // A level that is left out says the same of both halves.
      half(at, depth, bits, false);
      walk(node, depth + 1, bits, at);
      half(at, depth, bits, true);
      walk(node, depth + 1, bits, at);
      half(at, depth, bits, false);
      return;
    }
    walk(diagrams.lowOf(node), depth + 1, bits, at);
    half(at, depth, bits, true);
    walk(diagrams.highOf(node), depth + 1, bits, at);
    half(at, depth, bits, false);
  };
  const isFamily = diagrams.levelOf(d) === level;
  const [v4, v6] = isFamily ? [diagrams.lowOf(d), diagrams.highOf(d)] : [d, d];
  // IPv6 addresses below ::ffff:0:0/96, then IPv4, then the others: the order of the ranges.
  walk(v6, 0, 128, new Uint32Array(4));
  const six = out.take();
  walk(v4, 0, 32, Uint32Array.of(0, 0, MAPPED, 0));
  const four = out.take();
  return { bounds: inOrder(six, four) };
}

function half(at: Uint32Array, depth: number, bits: number, high: boolean): void {
  const place = depth + (128 - bits);
  const bit = (0x80000000 >>> (place & 31)) >>> 0;
  const word = at[place >>> 5] ?? 0;
  at[place >>> 5] = (high ? word | bit : word & ~bit) >>> 0;
}

function inOrder(six: Uint32Array, four: Uint32Array): Uint32Array {
  let below = 0;
  while (below < six.length && six[below] === 0 && six[below + 1] === 0 && (six[below + 2] ?? 0) < MAPPED) below += STRIDE;
  const bounds = new Uint32Array(six.length + four.length);
  bounds.set(six.subarray(0, below));
  bounds.set(four, below);
  bounds.set(six.subarray(below), below + four.length);
  return bounds;
}

/** Blocks in rising order, joined where they touch. */
class Ranges {
  #words = new Uint32Array(64);
  #used = 0;

  /** The addresses that have the first `length` bits of `at`. */
  block(at: Uint32Array, length: number): void {
    const n = this.#used;
    const touches = n > 0 && isAfter(at, this.#words, n - 4);
    if (!touches && n + STRIDE > this.#words.length) {
      const larger = new Uint32Array(2 * this.#words.length);
      larger.set(this.#words);
      this.#words = larger;
    }
    const end = touches ? n - 4 : n + 4;
    if (!touches) {
      this.#words.set(at, n);
      this.#used = n + STRIDE;
    }
    for (let w = 0; w < 4; w++) {
      const fixed = length - 32 * w;
      const free =
        fixed <= 0 ? 0xffffffff
        : fixed >= 32 ? 0
        : 0xffffffff >>> fixed;
      this.#words[end + w] = ((at[w] ?? 0) | free) >>> 0;
    }
  }

  take(): Uint32Array {
    const taken = this.#words.slice(0, this.#used);
    this.#used = 0;
    return taken;
  }
}

/** Whether `at` is the address behind the one at x[i]. */
function isAfter(at: Uint32Array, x: Uint32Array, i: number): boolean {
  let overflow = 1;
  for (let w = 3; w >= 0; w--) {
    const sum = (x[i + w] ?? 0) + overflow;
    overflow = sum > 0xffffffff ? 1 : 0;
    if (at[w] !== sum >>> 0) return false;
  }
  return overflow === 0;
}

/** The value of one bit of an address at a level behind the family's. */
export function sourceBit([a, b, c, d]: AddressWords, isV6: boolean, depth: number): boolean {
  const place = isV6 ? depth : depth + 96;
  const word = [a, b, c, d][place >>> 5] ?? 0;
  return ((word >>> (31 - (place & 31))) & 1) === 1;
}
