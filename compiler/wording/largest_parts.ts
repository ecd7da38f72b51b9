// A set of addresses as parts, the largest first: a whole family, nets by their names, and the fewest prefixes of the rest.
import { ANY, ANY4, ANY6, builtinNet } from "../check/sets/builtin_nets.ts";
import { contains, equal, isEmpty, STRIDE, subtract } from "../check/sets/intervals.ts";
import { prefixText } from "../emit/prefixes.ts";
import { countAddresses } from "../lower/order.ts";
import type { AddressSet, AddressWords } from "../policy/policy.ts";
import { parseAddress } from "../../runtime/net/address.ts";

export interface NamedNet {
  /** As the policy calls it in its own file. */
  readonly name: string;
  /** `nets.ingress:4` */
  readonly place: string;
  readonly set: AddressSet;
}

export interface Part {
  readonly text: string;
  /** Its lowest address, of IPv4 where it has both. */
  readonly first: AddressWords | null;
  readonly weight: bigint;
  readonly hasV4: boolean;
  readonly hasV6: boolean;
}

export interface Parts {
  /** The whole families, then the largest of the others; of both families as many as wanted, if there are. */
  readonly parts: readonly Part[];
  /** How many parts there are. */
  readonly count: number;
  /** How many of them are nets. */
  readonly names: number;
  /** Without the families and nets. */
  readonly rest: AddressSet;
}

/** Nets that are tried as parts of a set that is more than one net. */
const MOST_TRIED = 256;
const BUILTINS = ["internet", "private", "loopback", "linklocal"] as const;
const FAMILIES = [
  { set: ANY4, text: "all of IPv4" },
  { set: ANY6, text: "all of IPv6" },
] as const;

/** How much a set is: a /64 of IPv6 counts as one address of IPv4. In addresses of IPv6. */
export function weightOf(set: AddressSet): bigint {
  const { bounds } = set;
  let [v4, isAllV4] = [0, true];
  for (let i = 0; i < bounds.length; i += STRIDE) {
    if (bounds[i] === 0 && bounds[i + 1] === 0 && bounds[i + 2] === MAPPED) v4 += (bounds[i + 7] ?? 0) - (bounds[i + 3] ?? 0) + 1;
    else isAllV4 = false;
  }
  return (BigInt(v4) << 64n) + (isAllV4 ? 0n : countAddresses(subtract(set, ANY4)));
}

/** Less than zero where `x` is the larger one. */
export function byWeight(x: { readonly weight: bigint }, y: { readonly weight: bigint }): number {
  return x.weight > y.weight ? -1 : Number(x.weight < y.weight);
}

/** Of more than `mostNames` nets only these many are parts, and the rest is what they don't have. */
export function partsOf(set: AddressSet, nets: readonly NamedNet[], most: number, mostNames = Infinity): Parts {
  const families = FAMILIES.filter((family) => isInside(family.set, set));
  const others = families.reduce((left, family) => subtract(left, family.set), set);
  const named = namedParts(others, nets, mostNames);
  const { found, count } = largestPrefixes(named.rest, most);
  const sorted = [...named.parts, ...found].sort(byWeight);
  return {
    parts: [...families.map((family) => partOf(family.text, family.set)), ...sorted],
    count: families.length + named.parts.length + count,
    names: named.parts.length,
    rest: named.rest,
  };
}

/** The first parts, and of each family the largest one. */
export function shownOf(parts: readonly Part[], most: number): readonly Part[] {
  const shown = parts.slice(0, most);
  const later = parts.slice(most);
  for (const has of ["hasV4", "hasV6"] as const) {
    const next = shown.some((part) => part[has]) ? undefined : later.find((part) => part[has]);
    if (next !== undefined && most > 1) shown.splice(most - 1, 1, next);
  }
  return shown;
}

function partOf(text: string, set: AddressSet): Part {
  const v4 = subtract(set, ANY6);
  return { text, first: firstOf(isEmpty(v4) ? set : v4), weight: weightOf(set), hasV4: !isEmpty(v4), hasV6: !isEmpty(subtract(set, ANY4)) };
}

/** Nets that are wholly in a set, the largest first, and what they don't have of it. */
function namedParts(set: AddressSet, nets: readonly NamedNet[], most: number): { readonly parts: readonly Part[]; readonly rest: AddressSet } {
  if (isEmpty(set)) return { parts: [], rest: set };
  const same = equalNet(set, nets);
  if (same !== null) return { parts: [partOf(`\`${same.name}\``, set)], rest: subtract(set, set) };
  const tried = nets.slice(0, MOST_TRIED).map(({ name, set: net }) => ({ name, net }));
  const known = [...tried, ...BUILTINS.map((name) => ({ name, net: builtinNet(name) ?? ANY }))];
  const inside = known.filter(({ net }) => !isEmpty(net) && isInside(net, set));
  const sized = inside.map((net) => ({ ...net, weight: weightOf(net.net) })).sort(byWeight);
  const parts: Part[] = [];
  let rest = set;
  for (const { name, net } of sized) {
    if (isEmpty(rest) || parts.length >= most) break;
    if (!isInside(net, rest)) continue;
    parts.push(partOf(`\`${name}\``, net));
    rest = subtract(rest, net);
  }
  // The rest may be a net behind those that were tried.
  const last = parts.length === 0 || isEmpty(rest) ? null : equalNet(rest, nets);
  return last === null ? { parts, rest } : { parts: [...parts, partOf(`\`${last.name}\``, rest)], rest: subtract(rest, rest) };
}

/** Whether all of `inner` is in `outer`. Most sets that are not have their first address outside. */
function isInside(inner: AddressSet, outer: AddressSet): boolean {
  return isEmpty(inner) || (hasFirstOf(inner, outer) && isEmpty(subtract(inner, outer)));
}

function hasFirstOf(set: AddressSet, outer: AddressSet): boolean {
  return contains(outer, firstOf(set));
}

function firstOf({ bounds: [a = 0, b = 0, c = 0, d = 0] }: AddressSet): AddressWords {
  return [a, b, c, d];
}

export function smallestAround(set: AddressSet, nets: readonly NamedNet[]): NamedNet | null {
  const around = nets
    .filter((net) => hasFirstOf(set, net.set))
    .slice(0, MOST_TRIED)
    .filter((net) => isEmpty(subtract(set, net.set)) && !equal(net.set, ANY));
  return around.map((net) => ({ net, weight: weightOf(net.set) })).sort((x, y) => byWeight(y, x))[0]?.net ?? null;
}

const byHash = new WeakMap<readonly NamedNet[], ReadonlyMap<number, readonly NamedNet[]>>();

/** The first net that is the same set; all nets count. */
function equalNet(set: AddressSet, nets: readonly NamedNet[]): NamedNet | null {
  const known = byHash.get(nets) ?? grouped(nets);
  byHash.set(nets, known);
  return known.get(hashOf(set))?.find((net) => equal(net.set, set)) ?? null;
}

function grouped(nets: readonly NamedNet[]): ReadonlyMap<number, readonly NamedNet[]> {
  const found = new Map<number, NamedNet[]>();
  for (const net of nets) {
    const hash = hashOf(net.set);
    const own = found.get(hash);
    if (own === undefined) found.set(hash, [net]);
    else own.push(net);
  }
  return found;
}

/** Of its size, its first range and its last: all of a list of a million prefixes need not be read to find one that is equal. */
function hashOf({ bounds }: AddressSet): number {
  let hash = bounds.length;
  for (const word of bounds.subarray(0, STRIDE)) hash = Math.imul(hash ^ word, 0x01000193);
  for (const word of bounds.subarray(-STRIDE)) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

const MAPPED = 0xffff;
const DECODER = new TextDecoder();
const [NEWLINE, SLASH] = [10, 47];

/** The largest of the fewest prefixes, `most` of each family, those of one size in the order of their addresses; and how many there are. */
function largestPrefixes(set: AddressSet, most: number): { readonly found: readonly Part[]; readonly count: number } {
  const v6 = largestOf(withoutHole(subtract(set, ANY4)), most, true);
  const v4 = largestOf(subtract(set, ANY6), most, false);
  return { found: [...v4.found, ...v6.found].sort(byWeight), count: v4.count + v6.count };
}

export function countPrefixes(set: AddressSet): number {
  return prefixText(withoutHole(subtract(set, ANY4))).count + prefixText(subtract(set, ANY6)).count;
}

function largestOf(set: AddressSet, most: number, isV6: boolean): { readonly found: readonly Part[]; readonly count: number } {
  if (isEmpty(set)) return { found: [], count: 0 };
  const { lines, count } = prefixText(set);
  // By length: where the first of them begin.
  const starts: number[][] = [];
  for (let at = 0; at < lines.length;) {
    const slash = lines.indexOf(SLASH, at);
    const newline = lines.indexOf(NEWLINE, slash);
    const end = newline < 0 ? lines.length : newline;
    let length = 0;
    for (let i = slash + 1; i < end; i++) length = 10 * length + (lines[i] ?? 0) - 48;
    const own = (starts[length] ??= []);
    if (own.length < most) own.push(at);
    at = end + 1;
  }
  const found = starts.flatMap((own, length) =>
    own.map((at): Part => {
      const newline = lines.indexOf(NEWLINE, at);
      const text = DECODER.decode(lines.subarray(at, newline < 0 ? lines.length : newline));
      const address = text.slice(0, text.indexOf("/"));
      const shown = length === (isV6 ? 128 : 32) ? address : text;
      return { text: `\`${shown}\``, first: parseAddress(address), weight: 1n << BigInt(isV6 ? 128 - length : 96 - length), hasV4: !isV6, hasV6: isV6 };
    }),
  );
  return { found: found.slice(0, most), count };
}

/** The IPv4-mapped addresses split a range of IPv6 in two; the two are one here, as a policy writes it: `::/1`. */
function withoutHole({ bounds }: AddressSet): AddressSet {
  for (let i = 0; i + STRIDE < bounds.length; i += STRIDE) {
    const [a, b, c, d, e, f, g, h] = bounds.subarray(i + 4, i + 12);
    if (a === 0 && b === 0 && c === 0xfffe && d === 0xffffffff && e === 0 && f === 0 && g === 0x10000 && h === 0)
      return { bounds: Uint32Array.from([...bounds.subarray(0, i + 4), ...bounds.subarray(i + 12)]) };
  }
  return { bounds };
}
