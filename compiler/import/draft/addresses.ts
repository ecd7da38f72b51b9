// Addresses of other programs' configurations as sets: with or without bits behind the prefix length, ranges, and what is in two sets.
import { parseAddress, isV4, type Address } from "../../../runtime/net/address.ts";
import { ANY } from "../../check/sets/builtin_nets.ts";
import { EMPTY, isEmpty, STRIDE, subtract } from "../../check/sets/intervals.ts";
import { SetBuilder } from "../../check/sets/set_builder.ts";
import { prefixText } from "../../emit/prefixes.ts";
import type { AddressSet } from "../../policy/policy.ts";

export function intersect(a: AddressSet, b: AddressSet): AddressSet {
  if (a === ANY) return b;
  if (b === ANY) return a;
  if (isEmpty(a) || isEmpty(b)) return EMPTY;
  return subtract(a, subtract(a, b));
}

/** From `first` to `last`, of one family; null where the end is before the start. */
export function rangeSet(first: Address, last: Address): AddressSet | null {
  if (isV4(first) !== isV4(last)) return null;
  for (let i = 0; i < 4; i++) {
    const difference = (first[i] ?? 0) - (last[i] ?? 0);
    if (difference > 0) return null;
    if (difference < 0) break;
  }
  const builder = new SetBuilder();
  if (isV4(first)) builder.addV4(first[3], last[3]);
  else builder.addV6(first, last);
  return builder.done();
}

/** The prefix of a length around an address; bits behind the length are ignored, as other programs do. */
export function blockSet(address: Address, length: number): AddressSet | null {
  const bits = isV4(address) ? length + 96 : length;
  if (!Number.isInteger(length) || length < 0 || bits > 128) return null;
  const masks = [0, 1, 2, 3].map((word) => {
    const kept = Math.min(32, Math.max(0, bits - 32 * word));
    return kept === 0 ? 0 : (0xffffffff << (32 - kept)) >>> 0;
  });
  const at = (i: number): number => ((address[i] ?? 0) & (masks[i] ?? 0)) >>> 0;
  const end = (i: number): number => ((address[i] ?? 0) | ~(masks[i] ?? 0)) >>> 0;
  return rangeSet([at(0), at(1), at(2), at(3)], [end(0), end(1), end(2), end(3)]);
}

/** `10.0.0.0/8`, `2001:db8::1`; null for anything else. */
export function prefixSet(text: string): AddressSet | null {
  const [, address = "", length] = /^([0-9A-Fa-f.:]+)(?:\/(\d{1,3}))?$/.exec(text) ?? [];
  const parsed = parseAddress(address);
  if (parsed === null) return null;
  const whole = isV4(parsed) ? 32 : 128;
  if (length === undefined) return blockSet(parsed, whole);
  // A prefix of IPv4 in IPv6 counts its 96 bits too.
  const bits = isV4(parsed) && address.includes(":") ? Number(length) - 96 : Number(length);
  return blockSet(parsed, bits);
}

/** The set with the gaps of IPv4 in it that have at most `most` addresses. */
export function withoutGaps({ bounds }: AddressSet, most: number): AddressSet {
  const builder = new SetBuilder();
  const isV4At = (i: number): boolean => bounds[i] === 0 && bounds[i + 1] === 0 && bounds[i + 2] === 0xffff;
  for (let i = 0; i < bounds.length; i += STRIDE) {
    const [first, last, next] = [bounds[i + 3] ?? 0, bounds[i + 7] ?? 0, bounds[i + STRIDE + 3] ?? 0];
    if (!isV4At(i))
      builder.addV6([bounds[i] ?? 0, bounds[i + 1] ?? 0, bounds[i + 2] ?? 0, first], [bounds[i + 4] ?? 0, bounds[i + 5] ?? 0, bounds[i + 6] ?? 0, last]);
    else builder.addV4(first, i + STRIDE < bounds.length && isV4At(i + STRIDE) && next - last - 1 <= most ? next - 1 : last);
  }
  return builder.done();
}

/** The fewest prefixes of a set, as a policy writes them. */
export function prefixesOf(set: AddressSet): readonly string[] {
  if (isEmpty(set)) return [];
  const text = new TextDecoder().decode(prefixText(set).lines).trim();
  return text.split("\n").map((line) => line.replace(/^(\d+\.\d+\.\d+\.\d+)\/32$/, "$1").replace(/^(.*:.*)\/128$/, "$1"));
}
