// Ranges of addresses of one family as whole numbers, for pictures: the cuts that sets make in it, and their text.
import { ANY4, fromV4, formatAddress, isV4, type Address } from "../../../../runtime/net/address.ts";
import type { Prefix } from "../../../../runtime/net/prefix.ts";

/** Both ends are part of it. */
export interface Range {
  readonly first: bigint;
  readonly last: bigint;
}

export type Family = 4 | 6;

const BITS = { 4: 32n, 6: 128n } as const;
/** The IPv4 addresses among the others, which are no IPv6 addresses. */
const MAPPED: Range = { first: numberOf(ANY4), last: numberOf(ANY4) + (1n << 32n) - 1n };

function numberOf(address: Address): bigint {
  return address.reduce((sum, word) => (sum << 32n) | BigInt(word), 0n);
}

/** The ranges of a family. */
function wholeOf(family: Family): readonly Range[] {
  const whole = { first: 0n, last: (1n << BITS[family]) - 1n };
  return family === 4 ?
      [whole]
    : [
        { first: whole.first, last: MAPPED.first - 1n },
        { first: MAPPED.last + 1n, last: whole.last },
      ];
}

export function addressAt(family: Family, at: bigint): Address {
  if (family === 4) return fromV4(Number(at));
  const word = (i: bigint): number => Number((at >> (96n - 32n * i)) & 0xffffffffn);
  return [word(0n), word(1n), word(2n), word(3n)];
}

/** The part of some prefixes that is in a family, as disjoint ranges that don't touch. The prefixes rise. */
export function rangesOf(prefixes: readonly Prefix[], family: Family): readonly Range[] {
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const { first, last } of prefixes) {
    if (isV4(first) !== (family === 4)) continue;
    const [low, high] = family === 4 ? [BigInt(first[3]), BigInt(last[3])] : [numberOf(first), numberOf(last)];
    const before = ranges.at(-1);
    if (before !== undefined && before.last + 1n === low) before.last = high;
    else ranges.push({ first: low, last: high });
  }
  return ranges;
}

/** The whole family, cut at each edge of the sets. */
export function cutsOf(family: Family, sets: readonly (readonly Range[])[]): readonly Range[] {
  const starts = new Set<bigint>();
  for (const set of sets) for (const { first, last } of set) starts.add(first).add(last + 1n);
  const sorted = [...starts].sort((x, y) => (x < y ? -1 : Number(x > y)));
  return wholeOf(family).flatMap(({ first, last }) => {
    const inner = sorted.filter((at) => at > first && at <= last);
    return [first, ...inner].map((start, i) => ({ first: start, last: (inner[i] ?? last + 1n) - 1n }));
  });
}

/** Whether a set has a number. */
export function has(set: readonly Range[], at: bigint): boolean {
  let [low, high] = [0, set.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const range = set[middle];
    if (range === undefined || range.first > at) high = middle;
    else if (range.last < at) low = middle + 1;
    else return true;
  }
  return false;
}

/** `10.0.0.0/8` where it is one prefix, else `10.0.0.0 to 10.0.1.7`. */
export function rangeText(family: Family, { first, last }: Range): string {
  const size = last - first + 1n;
  const low = formatAddress(addressAt(family, first));
  if ((size & (size - 1n)) === 0n && first % size === 0n) {
    const host = BigInt(size.toString(2).length - 1);
    return host === 0n ? low : `${low}/${BITS[family] - host}`;
  }
  return `${low} to ${formatAddress(addressAt(family, last))}`;
}

/** How many addresses, in words where the number is long. */
export function sizeText({ first, last }: Range): string {
  const size = last - first + 1n;
  if (size < 1_000_000_000n) return String(size).replace(/\B(?=(?:\d{3})+$)/g, ",");
  const power = size.toString(2).length - 1;
  return `${(size & (size - 1n)) === 0n ? "" : "more than "}2^${power}`;
}
