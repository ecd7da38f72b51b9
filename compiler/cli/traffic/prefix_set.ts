// Sources as they come, in typed arrays that are merged whenever they are full: memory follows the number of different
// addresses, not of records.
import { STRIDE, compare, size, union } from "../../check/sets/intervals.ts";
import { SetBuilder } from "../../check/sets/set_builder.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { isV4, type Address } from "../../../runtime/net/address.ts";

/** Addresses between two merges. */
const BATCH = 65_536;

/** The room that all sets of sources share. */
export interface Room {
  /** Intervals that may still be kept. */
  left: number;
}

export class Sources {
  #set: AddressSet = { bounds: new Uint32Array(0) };
  #builder = new SetBuilder();
  #pending = 0;
  #batch = 64;
  readonly #room: Room;

  constructor(room: Room) {
    this.#room = room;
  }

  add(address: Address): void {
    if (isV4(address)) this.#builder.addV4(address[3], address[3]);
    else this.#builder.addV6(address, address);
    if (++this.#pending >= this.#batch) this.#merge();
  }

  set(): AddressSet {
    this.#merge();
    return this.#set;
  }

  #merge(): void {
    if (this.#pending === 0) return;
    const before = size(this.#set);
    this.#set = union([this.#set, this.#builder.done()]);
    this.#room.left -= size(this.#set) - before;
    this.#builder = new SetBuilder();
    this.#pending = 0;
    // A merge costs the whole set, so that a larger one is merged less often.
    this.#batch = Math.max(64, Math.min(BATCH, size(this.#set)));
  }
}

export interface Rounding {
  /** Bits that a prefix keeps; null: sources of that kind are not widened. */
  readonly v4: number | null;
  readonly v6: number | null;
  /** Addresses that must have been seen in a prefix. */
  readonly min: number;
}

export interface Rounded {
  readonly set: AddressSet;
  /** Prefixes that were widened, and that were not because a deny refuses a source in them. */
  readonly widened: number;
  readonly spared: number;
}

/** Widens each prefix in which at least `min` addresses of the set are, and none of `never`. */
export function rounded(set: AddressSet, never: AddressSet, { v4, v6, min }: Rounding): Rounded {
  const builder = new SetBuilder();
  let [widened, spared] = [0, 0];
  const { bounds } = set;
  // The part of the interval at `i` that is in no prefix yet.
  let [i, from] = [0, bounds.length > 0 ? number(at(bounds, 0)) : 0n];
  const next = (): void => {
    i += STRIDE;
    if (i < bounds.length) from = number(at(bounds, i));
  };
  while (i < bounds.length) {
    const isFour = bounds[i] === 0 && bounds[i + 1] === 0 && bounds[i + 2] === 0xffff;
    const length = isFour ? v4 : v6;
    if (length === null) {
      next();
      continue;
    }
    const bits = BigInt(isFour ? 32 - length : 128 - length);
    const first = (from >> bits) << bits;
    const last = first + (1n << bits) - 1n;
    let seen = 0n;
    while (i < bounds.length && from <= last) {
      const end = number(at(bounds, i + 4));
      seen += (end < last ? end : last) - from + 1n;
      if (end <= last) next();
      else from = last + 1n;
    }
    if (seen < BigInt(min) || seen > last - first) continue;
    const whole = { first: words(first), last: words(last) };
    if (hasAnyOf(never, whole)) {
      spared++;
      continue;
    }
    widened++;
    if (isFour) builder.addV4(whole.first[3], whole.last[3]);
    else builder.addV6(whole.first, whole.last);
  }
  return { set: union([set, builder.done()]), widened, spared };
}

interface Whole {
  readonly first: Address;
  readonly last: Address;
}

/** Whether an interval of the set has an address of the range. */
function hasAnyOf({ bounds }: AddressSet, { first, last }: Whole): boolean {
  const range = Uint32Array.of(...first, ...last);
  let [low, high] = [0, bounds.length / STRIDE];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compare(bounds, middle * STRIDE + 4, range, 0) < 0) low = middle + 1;
    else high = middle;
  }
  return low < bounds.length / STRIDE && compare(bounds, low * STRIDE, range, 4) <= 0;
}

function at(bounds: Uint32Array, i: number): Address {
  return [bounds[i] ?? 0, bounds[i + 1] ?? 0, bounds[i + 2] ?? 0, bounds[i + 3] ?? 0];
}

function number([a, b, c, d]: Address): bigint {
  return (BigInt(a) << 96n) | (BigInt(b) << 64n) | (BigInt(c) << 32n) | BigInt(d);
}

function words(n: bigint): Address {
  const word = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}
