// Sets of addresses in words: names of declared nets where a range equals one, `the whole internet`, else the fewest prefixes.
import { ANY, ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { equal, isEmpty, size, subtract } from "../check/sets/intervals.ts";
import { countAddresses } from "../lower/order.ts";
import type { AddressSet, AddressWords } from "../policy/policy.ts";
import { countPrefixes, partsOf, shownOf, smallestAround, type NamedNet, type Part } from "./largest_parts.ts";

export interface SourcesText {
  /** Disjoint, the largest first; at most as many as wanted. */
  readonly parts: readonly string[];
  /** Further prefixes. */
  readonly more: number;
  /** How many addresses all of them are, in words; null where the parts say it. */
  readonly size: string | null;
  /** The smallest declared net that has them all and more. */
  readonly within: NamedNet | null;
  /** The lowest address of the first part; null where that is the lowest of all. */
  readonly first: AddressWords | null;
}

const MOST_EXCEPTIONS = 4;

export function sourcesText(set: AddressSet, nets: readonly NamedNet[], most: number): SourcesText {
  const whole = wholeText(set);
  if (whole !== null) return { parts: [whole], more: 0, size: null, within: null, first: null };
  const exceptions = exceptionsText(set, nets);
  if (exceptions !== null) return { parts: [exceptions], more: 0, size: sizeText(set), within: null, first: null };
  const { parts, count, names, rest } = partsOf(set, nets, most);
  const part = isEmpty(rest) ? null : partOfNet(set, nets);
  if (part !== null) return part;
  const shown = shownOf(parts, most);
  const within = names > 0 ? null : smallestAround(set, nets);
  return { parts: textsOf(shown), more: count - shown.length, size: sizeText(set), within, first: shown[0]?.first ?? null };
}

function textsOf(parts: readonly Part[]): readonly string[] {
  return parts.map(({ text }) => text);
}

function wholeText(set: AddressSet): string | null {
  if (equal(set, ANY)) return "the whole internet";
  if (equal(set, ANY4)) return "all of IPv4";
  return equal(set, ANY6) ? "all of IPv6" : null;
}

/** `the whole internet but …`, or one family but …, where that is shorter. */
function exceptionsText(set: AddressSet, nets: readonly NamedNet[]): string | null {
  const [v4, v6] = [subtract(set, ANY6), subtract(set, ANY4)];
  const whole =
    isEmpty(v6) ? ANY4
    : isEmpty(v4) ? ANY6
    : ANY;
  const { parts, count } = partsOf(subtract(whole, set), nets, MOST_EXCEPTIONS, MOST_EXCEPTIONS + 1);
  if (count > MOST_EXCEPTIONS || countPrefixes(set) <= count) return null;
  return `${wholeText(whole) ?? ""} but ${listText(textsOf(parts))}`;
}

/** `office` but `guests`: a declared net without others. */
function partOfNet(set: AddressSet, nets: readonly NamedNet[]): SourcesText | null {
  const within = smallestAround(set, nets);
  if (within === null) return null;
  const { parts, rest } = partsOf(subtract(within.set, set), nets, 0);
  if (!isEmpty(rest) || parts.length === 0 || parts.length > MOST_EXCEPTIONS) return null;
  return { parts: [`\`${within.name}\` but ${listText(textsOf(parts))}`], more: 0, size: sizeText(set), within, first: null };
}

const IPV4 = 2 ** 32;
/** /64 prefixes of IPv6. */
const V6_NETS = 2 ** 64;

/** `16.7 M addresses`, `3.1 % of IPv4`; of IPv6 the number of /64 prefixes, or the part of it where that is much. */
export function sizeText(set: AddressSet): string {
  const [v4, v6] = [subtract(set, ANY6), subtract(set, ANY4)];
  const texts: string[] = [];
  if (size(v4) > 0) {
    const count = Number(countAddresses(v4));
    texts.push(
      count === IPV4 ? "all of IPv4"
      : count >= IPV4 / 100 ? `${rounded((100 * count) / IPV4)} % of IPv4`
      : `${shortNumber(count)} address${count === 1 ? "" : "es"}`,
    );
  }
  if (size(v6) > 0) {
    const count = countAddresses(v6);
    const nets = Number(count >> 64n);
    texts.push(
      equal(v6, ANY6) ? "all of IPv6"
      : nets >= V6_NETS / 100 ? `${rounded((100 * nets) / V6_NETS)} % of IPv6`
      : nets >= 1 ? `${shortNumber(nets)} /64 prefix${nets === 1 ? "" : "es"}`
      : `${shortNumber(Number(count))} IPv6 address${count === 1n ? "" : "es"}`,
    );
  }
  return texts.join(" and ");
}

/** `9999`, `10 k`, `2.5 M` */
export function shortNumber(n: number): string {
  if (n < 10_000) return String(n);
  const units = ["k", "M", "G", "T"];
  let [value, unit] = [n / 1000, 0];
  while (value >= 999.95 && unit < units.length - 1) [value, unit] = [value / 1000, unit + 1];
  return value >= 10_000 ? value.toExponential(1) : `${rounded(value)} ${units[unit] ?? ""}`;
}

function rounded(n: number): string {
  return n >= 99.95 && n < 100 ? "99.9" : n.toFixed(1).replace(/\.0$/, "");
}

/** `a, b and c` */
export function listText(parts: readonly string[], more = 0): string {
  if (more > 0) return `${parts.join(", ")} and ${more} more`;
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} and ${parts.at(-1) ?? ""}`;
}
