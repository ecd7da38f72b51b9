// Sets of addresses in words: names of declared nets where a range equals one, `the whole internet`, else the fewest prefixes.
import { ANY, ANY4, ANY6, builtinNet } from "../../check/sets/builtin_nets.ts";
import { equal, isEmpty, size, subtract } from "../../check/sets/intervals.ts";
import { prefixText } from "../../emit/prefixes.ts";
import { countAddresses } from "../../lower/order.ts";
import type { AddressSet } from "../../policy/policy.ts";

export interface NamedNet {
  /** As the policy calls it in its own file. */
  readonly name: string;
  /** `nets.ingress:4` */
  readonly place: string;
  readonly set: AddressSet;
}

export interface SourcesText {
  /** Disjoint; at most as many as wanted. */
  readonly parts: readonly string[];
  /** Further prefixes. */
  readonly more: number;
  /** How many addresses all of them are, in words; null where the parts say it. */
  readonly size: string | null;
  /** The smallest declared net that has them all and more. */
  readonly within: NamedNet | null;
}

const MOST_EXCEPTIONS = 4;
/** Nets that are tried as parts. */
const MOST_TRIED = 256;
const BUILTINS = ["internet", "private", "loopback", "linklocal"] as const;
const LONGEST_PREFIX = 44;

export function sourcesText(set: AddressSet, nets: readonly NamedNet[], most: number): SourcesText {
  const whole = wholeText(set);
  if (whole !== null) return { parts: [whole], more: 0, size: null, within: null };
  const except = subtract(ANY, set);
  const exceptions = exceptionsText(except, set, nets);
  if (exceptions !== null) return { parts: [exceptions], more: 0, size: sizeText(set), within: null };
  const { names, rest } = namedParts(set, nets);
  const part = isEmpty(rest) ? null : partOfNet(set, nets);
  if (part !== null) return part;
  const { texts, count } = prefixesOf(rest, Math.max(1, most - names.length));
  const parts = [...names.slice(0, most), ...texts].slice(0, most);
  const within = names.length > 0 ? null : smallestAround(set, nets);
  return { parts, more: names.length + count - parts.length, size: sizeText(set), within };
}

function wholeText(set: AddressSet): string | null {
  if (equal(set, ANY)) return "the whole internet";
  if (equal(set, ANY4)) return "all of IPv4";
  return equal(set, ANY6) ? "all of IPv6" : null;
}

/** `the whole internet but …`, where that is shorter. */
function exceptionsText(except: AddressSet, set: AddressSet, nets: readonly NamedNet[]): string | null {
  const { names, rest } = namedParts(except, nets);
  const { texts, count } = prefixesOf(rest, MOST_EXCEPTIONS);
  if (names.length + count > MOST_EXCEPTIONS || prefixesOf(set, 1).count <= names.length + count) return null;
  return `the whole internet but ${listText([...names, ...texts])}`;
}

/** `office` but `guests`: a declared net without others. */
function partOfNet(set: AddressSet, nets: readonly NamedNet[]): SourcesText | null {
  const within = smallestAround(set, nets);
  if (within === null) return null;
  const { names, rest } = namedParts(subtract(within.set, set), nets);
  if (!isEmpty(rest) || names.length === 0 || names.length > MOST_EXCEPTIONS) return null;
  return { parts: [`\`${within.name}\` but ${listText(names)}`], more: 0, size: sizeText(set), within };
}

/** Declared nets that are wholly in a set, the largest first, and what they don't have of it. */
function namedParts(set: AddressSet, nets: readonly NamedNet[]): { readonly names: readonly string[]; readonly rest: AddressSet } {
  const known = [...nets.map(({ name, set: net }) => ({ name, net })), ...BUILTINS.map((name) => ({ name, net: builtinNet(name) ?? ANY }))].slice(
    0,
    MOST_TRIED,
  );
  const sized = known.map((net) => ({ ...net, count: countAddresses(net.net) })).sort((x, y) => (x.count > y.count ? -1 : Number(x.count < y.count)));
  const names: string[] = [];
  let rest = set;
  for (const { name, net } of sized) {
    if (isEmpty(rest)) break;
    if (isEmpty(net) || !isEmpty(subtract(net, rest))) continue;
    names.push(`\`${name}\``);
    rest = subtract(rest, net);
  }
  return { names, rest };
}

function smallestAround(set: AddressSet, nets: readonly NamedNet[]): NamedNet | null {
  const around = nets.slice(0, MOST_TRIED).filter((net) => isEmpty(subtract(set, net.set)) && !equal(net.set, ANY));
  const sized = around.map((net) => ({ net, count: countAddresses(net.set) })).sort((x, y) => (x.count < y.count ? -1 : Number(x.count > y.count)));
  return sized[0]?.net ?? null;
}

/** The first of the fewest prefixes, and how many there are. */
function prefixesOf(set: AddressSet, most: number): { readonly texts: readonly string[]; readonly count: number } {
  if (isEmpty(set)) return { texts: [], count: 0 };
  const { lines, count } = prefixText(set);
  const texts = new TextDecoder().decode(lines.subarray(0, (most + 1) * LONGEST_PREFIX)).split("\n");
  return { texts: texts.slice(0, Math.min(most, count)).map((text) => `\`${text.replace(/(\.\d+)\/32$|(:\w*)\/128$/, "$1$2")}\``), count };
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
    texts.push(count >= IPV4 / 100 ? `${rounded((100 * count) / IPV4)} % of IPv4` : `${shortNumber(count)} address${count === 1 ? "" : "es"}`);
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

function shortNumber(n: number): string {
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
