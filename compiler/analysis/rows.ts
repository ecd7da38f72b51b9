// A set of requests as disjoint rows: moments, names, identities and sources, each row all combinations of its four. And one
// request of a set, as a witness.
import { fromV4, isV4 } from "../../runtime/net/address.ts";
import { contains } from "../check/sets/intervals.ts";
import type { AddressWords } from "../policy/policy.ts";
import { ALWAYS, NEVER, type Diagram, type Diagrams } from "./diagrams.ts";
import { NAMELESS } from "./names.ts";
import { joinedRanges, type NumberRange } from "./number_ranges.ts";
import type { Facts, Space } from "./space.ts";

export interface Row {
  /** Classes of moments; null: all. */
  readonly moments: readonly NumberRange[] | null;
  /** Classes of names; null: all, whether or not a name was sent. */
  readonly names: readonly NumberRange[] | null;
  /** A diagram of atoms and sources, with the atoms of this row's identities leading to `sources`. */
  readonly clients: Diagram;
  /** A diagram of sources alone. */
  readonly sources: Diagram;
}

/** Rows in the order of their first moments and names; together they are the set. Several moments with the same names, certificates and sources are one row. */
export function rowsOf(space: Space, d: Diagram): readonly Row[] {
  const { nameLevel, idLevel, times, names } = space;
  const rows = new Map<string, Omit<Row, "moments"> & { readonly moments: NumberRange[] }>();
  for (const [named, { ranges: moments }] of partsOf(space, d, 0, nameLevel, times.count)) {
    for (const [clients, { ranges, whole }] of partsOf(space, named, nameLevel, idLevel, names.count)) {
      const key = `${clients} ${ranges.map(({ first, last }) => `${first}-${last}`).join()}`;
      for (const sources of sourcesBelow(space, clients)) {
        const known = rows.get(`${sources} ${key}`);
        if (known === undefined) rows.set(`${sources} ${key}`, { moments: [...moments], names: whole ? null : ranges, clients, sources });
        else known.moments.push(...moments);
      }
    }
  }
  return [...rows.values()].map((row) => ({ ...row, moments: numbersOf(row.moments, times.count) }));
}

/** Null: all. */
function numbersOf(ranges: readonly NumberRange[], count: number): readonly NumberRange[] | null {
  const joined = joinedRanges(ranges);
  return joined.length === 1 && joined[0]?.first === 0 && joined[0].last === count - 1 ? null : joined;
}

interface Numbers {
  readonly ranges: readonly NumberRange[];
  readonly whole: boolean;
}

/** The parts of a diagram behind the bits of a number, and the numbers that lead to each. */
function partsOf(space: Space, d: Diagram, level: number, end: number, count: number): readonly (readonly [Diagram, Numbers])[] {
  const { diagrams } = space;
  const found = new Map<Diagram, NumberRange[]>();
  const walk = (node: Diagram, at: number, first: number): void => {
    if (node === NEVER || first >= count) return;
    const size = 2 ** (end - at);
    if (diagrams.levelOf(node) >= end) {
      const range = { first, last: Math.min(first + size, count) - 1 };
      const own = found.get(node);
      if (own === undefined) found.set(node, [range]);
      else own.push(range);
      return;
    }
    const here = diagrams.levelOf(node) === at;
    walk(here ? diagrams.lowOf(node) : node, at + 1, first);
    walk(here ? diagrams.highOf(node) : node, at + 1, first + size / 2);
  };
  walk(d, level, 0);
  return [...found].map(([node, ranges]) => [node, { ranges: joinedRanges(ranges), whole: numbersOf(ranges, count) === null }]);
}

/** The diagrams of sources that are below a diagram, but for the empty one: which of them have a source says all that the diagram says of it. */
export function sourcesBelow(space: Space, d: Diagram): readonly Diagram[] {
  const { diagrams, sourceLevel } = space;
  const found = new Set<Diagram>();
  const seen = new Set<Diagram>();
  const open = [d];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node === NEVER || seen.has(node)) continue;
    seen.add(node);
    if (diagrams.levelOf(node) >= sourceLevel) found.add(node);
    else open.push(diagrams.highOf(node), diagrams.lowOf(node));
  }
  return [...found];
}

/** The identities of a row, as a diagram of atoms alone. */
export function clientsOf(space: Space, { clients, sources }: Row): Diagram {
  const { diagrams, sourceLevel } = space;
  const made = new Map<Diagram, Diagram>();
  const resultOf = (node: Diagram): Diagram | undefined => {
    if (node === NEVER) return NEVER;
    if (diagrams.levelOf(node) < sourceLevel) return made.get(node);
    return node === sources ? ALWAYS : NEVER;
  };
  // Without recursion: a policy may have more atoms than the stack has frames.
  const open = [clients];
  for (let node = open.at(-1); node !== undefined; node = open.at(-1)) {
    if (resultOf(node) !== undefined) {
      open.pop();
      continue;
    }
    const [low, high] = [resultOf(diagrams.lowOf(node)), resultOf(diagrams.highOf(node))];
    if (low !== undefined && high !== undefined) made.set(node, diagrams.node(diagrams.levelOf(node), low, high));
    else open.push(diagrams.highOf(node), diagrams.lowOf(node));
  }
  return resultOf(clients) ?? NEVER;
}

/** A way to satisfy a diagram of atoms: those that a certificate must have, and those that it must not have. */
export interface Certificate {
  readonly has: readonly number[];
  readonly lacks: readonly number[];
}

/** The first ways through a diagram of atoms, which have no certificate in common; `most` of them. */
export function certificatesOf(space: Space, d: Diagram, most: number): readonly Certificate[] {
  const { diagrams, idLevel } = space;
  const found: Certificate[] = [];
  const open: { readonly node: Diagram; readonly has: readonly number[]; readonly lacks: readonly number[] }[] = [{ node: d, has: [], lacks: [] }];
  for (let at = open.pop(); at !== undefined && found.length < most; at = open.pop()) {
    const { node, has, lacks } = at;
    if (node === NEVER) continue;
    if (node === ALWAYS) {
      found.push({ has, lacks });
      continue;
    }
    const atom = diagrams.levelOf(node) - idLevel;
    open.push({ node: diagrams.highOf(node), has: [...has, atom], lacks }, { node: diagrams.lowOf(node), has, lacks: [...lacks, atom] });
  }
  return found;
}

/** How many ways there are; beyond 2^53 a number of that size. */
export function countCertificates({ diagrams }: Space, d: Diagram): number {
  const counts = new Map<Diagram, number>([
    [NEVER, 0],
    [ALWAYS, 1],
  ]);
  const open = [d];
  for (let node = open.at(-1); node !== undefined; node = open.at(-1)) {
    if (counts.has(node)) {
      open.pop();
      continue;
    }
    const [low, high] = [diagrams.lowOf(node), diagrams.highOf(node)];
    const [below, above] = [counts.get(low), counts.get(high)];
    if (below !== undefined && above !== undefined) counts.set(node, below + above);
    else open.push(low, high);
  }
  return counts.get(d) ?? 0;
}

/**
 * A request of one row: the lowest numbers, a known moment where the row is about some, and a host's address where it has one.
 * `start`: an address of the row, instead of its lowest.
 */
export function witnessOfRow(space: Space, row: Row, start: AddressWords | null = null): Facts {
  const { diagrams, times, names, ids, idLevel, sourceLevel } = space;
  const bits = new Set<number>();
  for (const part of [clientsOf(space, row), row.sources]) lowestPath(diagrams, part, bits);
  const known = row.moments?.find(({ last }) => last > 0);
  const name = row.names?.[0]?.first ?? NAMELESS;
  const source = start ?? sourceOfBits(bits, sourceLevel);
  const next = hostOf(source);
  return {
    source: isV4(source) === isV4(next) && contains(space.addressesOf(row.sources), next) ? next : source,
    name: name === NAMELESS ? null : names.witness(name),
    words: ids.atoms.flatMap(({ word }, atom) => (bits.has(idLevel + atom) ? [word] : [])),
    wallSeconds: known === undefined ? null : times.witness(Math.max(known.first, 1)),
  };
}

/** Adds the levels that are high on the lowest way through a diagram. */
function lowestPath(diagrams: Diagrams, d: Diagram, bits: Set<number>): void {
  for (let node = d; node > ALWAYS;) {
    const low = diagrams.lowOf(node);
    if (low === NEVER) bits.add(diagrams.levelOf(node));
    node = low === NEVER ? diagrams.highOf(node) : low;
  }
}

function numberOfBits(bits: ReadonlySet<number>, from: number, to: number): number {
  let value = 0;
  for (let level = from; level < to; level++) value = 2 * value + (bits.has(level) ? 1 : 0);
  return value;
}

function sourceOfBits(bits: ReadonlySet<number>, sourceLevel: number): AddressWords {
  const word = (i: number): number => numberOfBits(bits, sourceLevel + 1 + 32 * i, sourceLevel + 33 + 32 * i);
  return bits.has(sourceLevel) ? [word(0), word(1), word(2), word(3)] : fromV4(word(0));
}

/** People expect a host's address, and the first one of a prefix is none. */
function hostOf([a, b, c, d]: AddressWords): AddressWords {
  return [a, b, c, (d | 1) >>> 0];
}

/** A request of a set: the lowest numbers, and the second address of a range where it has several. Null: the set is empty. */
export function witnessOf(space: Space, d: Diagram): Facts | null {
  if (d === NEVER) return null;
  const { diagrams, times, names, ids, nameLevel, idLevel, sourceLevel } = space;
  const bits = new Set<number>();
  lowestPath(diagrams, preferred(space, d, bits), bits);
  const time = Math.min(numberOfBits(bits, 0, nameLevel), times.count - 1);
  const name = Math.min(numberOfBits(bits, nameLevel, idLevel), names.count - 1);
  const words = ids.atoms.flatMap(({ word }, atom) => (bits.has(idLevel + atom) ? [word] : []));
  const source = sourceOfBits(bits, sourceLevel);
  const facts = { source, name: name === NAMELESS ? null : names.witness(name), words, wallSeconds: times.witness(time) };
  const next: Facts = { ...facts, source: hostOf(source) };
  return isV4(source) === isV4(next.source) && space.has(d, next) ? next : facts;
}

/** Decides the moment: a known one, where the set has any. */
function preferred({ diagrams, times, nameLevel }: Space, d: Diagram, bits: Set<number>): Diagram {
  let [unknown, node]: [Diagram, Diagram] = [d, d];
  for (let level = 0; level < nameLevel; level++) if (diagrams.levelOf(unknown) === level) unknown = diagrams.lowOf(unknown);
  if (diagrams.levelOf(d) >= nameLevel) return d;
  for (let time = 1; time < times.count; time++) {
    node = d;
    const own: number[] = [];
    for (let level = 0; level < nameLevel; level++) {
      const high = ((time >>> (nameLevel - 1 - level)) & 1) === 1;
      if (high) own.push(level);
      if (diagrams.levelOf(node) === level) node = high ? diagrams.highOf(node) : diagrams.lowOf(node);
    }
    if (node === NEVER) continue;
    for (const level of own) bits.add(level);
    return node;
  }
  return unknown;
}
