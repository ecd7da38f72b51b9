// Sets of addresses as texts of one family each, as other programs write them, and back.
import { formatAddress, isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import { ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { compare, equal, isEmpty, STRIDE, subtract } from "../check/sets/intervals.ts";
import { SetBuilder } from "../check/sets/set_builder.ts";
import { prefixText } from "../emit/prefixes.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";

export type Family = 4 | 6;
export const FAMILIES = [4, 6] as const;

export function ofFamily(set: AddressSet, family: Family): AddressSet {
  return subtract(set, family === 4 ? ANY6 : ANY4);
}

export function intersection(a: AddressSet, b: AddressSet): AddressSet {
  return subtract(a, subtract(a, b));
}

export function isWhole(set: AddressSet, family: Family): boolean {
  return equal(set, family === 4 ? ANY4 : ANY6);
}

/**
 * IPv6 ranges that have the IPv4 addresses between them, as one: no connection has such a source, since ::ffff:0:0/96 is how programs
 * write IPv4.
 */
function closed({ bounds }: AddressSet): AddressSet {
  const gap = Uint32Array.of(0, 0, 0xfffe, 0xffffffff, 0, 0, 0x10000, 0);
  for (let i = 4; i + STRIDE <= bounds.length; i += STRIDE) {
    if (!gap.every((word, n) => bounds[i + n] === word)) continue;
    const merged = new Uint32Array(bounds.length - STRIDE);
    merged.set(bounds.subarray(0, i));
    merged.set(bounds.subarray(i + STRIDE), i);
    return { bounds: merged };
  }
  return { bounds };
}

/** `192.0.2.1`, `192.0.2.0-192.0.2.9` */
export function rangeTexts(set: AddressSet): readonly string[] {
  const { bounds } = closed(set);
  const out: string[] = [];
  for (let i = 0; i < bounds.length; i += STRIDE) {
    const [first, last] = [formatAddress(addressAt(bounds, i)), formatAddress(addressAt(bounds, i + 4))];
    out.push(first === last ? first : `${first}-${last}`);
  }
  return out;
}

/** The fewest prefixes: `192.0.2.0/24`. */
export function prefixTexts(set: AddressSet): readonly string[] {
  return isEmpty(set) ? [] : new TextDecoder().decode(prefixText(closed(set)).lines).split("\n");
}

/** The set of `192.0.2.1`, `192.0.2.0/24` and `192.0.2.0-192.0.2.9`; null where one is none of these. */
export function setOfTexts(texts: readonly string[]): AddressSet | null {
  const builder = new SetBuilder();
  return texts.every((text) => builder.scan(text, 0, text.length) || addRange(builder, text)) ? builder.done() : null;
}

function addRange(builder: SetBuilder, text: string): boolean {
  const [from = "", to = "", ...more] = text.split("-");
  const [first, last] = [parseAddress(from), parseAddress(to)];
  if (first === null || last === null || more.length > 0 || isV4(first) !== isV4(last)) return false;
  if (compare(Uint32Array.from(first), 0, Uint32Array.from(last), 0) > 0) return false;
  if (isV4(first)) builder.addV4(first[3], last[3]);
  else builder.addV6(first, last);
  return true;
}

function addressAt(bounds: Uint32Array, i: number): Address {
  return [bounds[i] ?? 0, bounds[i + 1] ?? 0, bounds[i + 2] ?? 0, bounds[i + 3] ?? 0];
}

/** `443`, `9500-9509` */
export function portTexts(ports: readonly PortRange[]): readonly string[] {
  return ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`));
}
