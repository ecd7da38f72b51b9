// Clients for the acceptance of a target: at every edge of the sets, or at drawn ones, and random ones.
import type { Place } from "../../compiler/emitters/plan.ts";
import { STRIDE } from "../../compiler/check/sets/intervals.ts";
import type { AddressSet } from "../../compiler/policy/policy.ts";
import { isV4, parseAddress, type Address } from "../../runtime/net/address.ts";
import type { Chance } from "../oracle/random.ts";
import type { Visit } from "./policies.ts";

/** Sets with more ranges have only some of their edges drawn. */
const WHOLE_SETS = 500;
const LOCALS = ["10.1.2.3", "192.168.1.1", "203.0.113.1", "172.16.0.9", "127.0.0.1", "2001:db8::5", "2001:db9::5", "fd00::7"].map(address);

export interface Extent {
  readonly random: number;
  /** Edges of each set that is drawn. */
  readonly drawn: number;
}

export function address(text: string): Address {
  const parsed = parseAddress(text);
  if (parsed === null) throw new Error(`${text} is no address`);
  return parsed;
}

/** Clients at every edge of the sets, or at drawn ones, and random clients. `hello`: where they say one though no name decides. */
export function visitsOf(places: readonly Place[], { random, drawn }: Extent, c: Chance, hello: (place: Place) => boolean = () => false): readonly Visit[] {
  const all = [...edgeVisits(places, drawn, c), ...randomVisits(places, random, c)];
  return all.map(({ place, visit }) =>
    visit.name === undefined && hello(place) && !c.oneIn(10) ? { ...visit, name: c.pick([null, "www.example.com"]) } : visit,
  );
}

interface PlacedVisit {
  readonly place: Place;
  readonly visit: Visit;
}

/** The first and last address of each range, and those beside them, at a place where the set decides. */
function edgeVisits(places: readonly Place[], drawn: number, c: Chance): readonly PlacedVisit[] {
  return places.flatMap((place) => {
    const named = [...(place.names ?? []).map(({ pattern, grants }) => ({ pattern, grants })), { pattern: null, grants: place.grants }];
    const sets = named.flatMap(({ pattern, grants }) => grants.map(({ sources }) => ({ pattern, edges: edgesOf(sources) })));
    const sources = sets.flatMap(({ pattern, edges }) => {
      const some = edges.length <= 4 * WHOLE_SETS || drawn === Infinity ? edges : Array.from({ length: drawn }, () => c.pick(edges));
      return some.map((source) => ({ pattern, source }));
    });
    const seen = new Set<string>();
    const once = sources.filter(({ pattern, source }) => !seen.has(`${pattern} ${source.join()}`) && seen.add(`${pattern} ${source.join()}`));
    return once.flatMap(({ pattern, source }) => visitsAt(place, source, place.names === null ? undefined : nameOf(pattern, c), c));
  });
}

function edgesOf({ bounds }: AddressSet): readonly Address[] {
  const out: Address[] = [];
  for (let i = 0; i < bounds.length; i += STRIDE) {
    const at = (n: number): Address => [bounds[n] ?? 0, bounds[n + 1] ?? 0, bounds[n + 2] ?? 0, bounds[n + 3] ?? 0];
    const [first, last] = [at(i), at(i + 4)];
    out.push(first, last, beside(first, -1n), beside(last, 1n));
  }
  return out;
}

function beside([a, b, d, e]: Address, step: bigint): Address {
  const n = BigInt.asUintN(128, [a, b, d, e].reduce((sum, word) => (sum << 32n) | BigInt(word), 0n) + step);
  const word = (shift: bigint): number => Number((n >> shift) & 0xffffffffn);
  return [word(96n), word(64n), word(32n), word(0n)];
}

function randomVisits(places: readonly Place[], count: number, c: Chance): readonly PlacedVisit[] {
  const edges = places
    .flatMap((place) => [...(place.names ?? []).flatMap(({ grants }) => grants), ...place.grants].flatMap(({ sources }) => edgesOf(sources).slice(0, 400)))
    .filter(isUsual);
  const names = [...new Set(places.flatMap((place) => (place.names ?? []).map(({ pattern }) => pattern)))];
  return Array.from({ length: places.length === 0 ? 0 : count }, () => {
    const place = c.pick(places);
    const name = c.oneIn(5) ? null : nameOf(c.oneIn(6) || names.length === 0 ? null : c.pick(names), c);
    const plain = place.names === null || c.oneIn(20);
    return visitsAt(place, c.oneIn(2) && edges.length > 0 ? c.pick(edges) : randomSource(c), plain ? undefined : name, c);
  }).flat();
}

function randomSource(c: Chance): Address {
  if (c.oneIn(3)) return [c.oneIn(2) ? 0x20010db8 : (0x20000000 | (c.word() & 0x1fffffff)) >>> 0, c.word(), c.word(), c.word()];
  return [
    0,
    0,
    0xffff,
    c.pick([0x0a000000, 0xc6336400, 0xcb007100, 0xc0a80000, 0]) === 0 ?
      c.word()
    : (c.pick([0x0a000000, 0xc6336400, 0xcb007100, 0xc0a80000]) | (c.word() & 0xffff)) >>> 0,
  ];
}

const ODD_NAMES = ["A.example", "127.1", "a..b", "a.", "x".repeat(64), "a b", "xn--bcher-kva.example", "example.com.evil.example"];

/** A name that a pattern fits, in some case; or one that no policy expects. */
function nameOf(pattern: string | null, c: Chance): string | null {
  if (pattern === null) return c.oneIn(2) ? null : c.pick([...ODD_NAMES, "www.example.com", "q.example"]);
  const label = c.pick(["q", "z9", "a-b"]);
  const name =
    pattern.startsWith("**") ? `${label}.r${pattern.slice(2)}`
    : pattern.startsWith("*") ? `${label}${pattern.slice(1)}`
    : pattern;
  return c.oneIn(6) ? name.toUpperCase() : name;
}

/** At a port and a local address of the place, or beside it, of the source's family. */
function visitsAt(place: Place, source: Address, name: string | null | undefined, c: Chance): readonly PlacedVisit[] {
  const { proto, ports, local } = place;
  const { first, last } = c.pick(ports);
  const port = c.pick([first, last]);
  const own = local === null ? [] : edgesOf(local).filter(isUsual).slice(0, 64);
  const locals = [...own, ...LOCALS].filter((a) => isV4(a) === isV4(source));
  return locals.length === 0 ? [] : [{ place, visit: { proto, source, local: c.pick(locals), port, ...(name === undefined ? {} : { name }) } }];
}

/** Not multicast, broadcast, link-local or the wildcard, which no host has. */
function isUsual(a: Address): boolean {
  if (isV4(a)) return a[3] >>> 24 > 0 && a[3] >>> 24 < 224;
  return a[0] >>> 24 < 0xfe && (a[0] | a[1] | a[2] | a[3]) !== 0;
}
