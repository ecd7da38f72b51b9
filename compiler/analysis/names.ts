// Classes of server names: every set of a policy has all names of a class or none. The labels of all sets together are one
// trie, and each of its places has at most three classes: the name itself, a name with one more label that the trie doesn't
// have, and one with more labels. Class 0 is a client that sends no name.
//
// Below a place the numbers are in an order in which `*.s` and `**.s` are one range each:
//   one more label | the names of the children | more labels | what is below the first child | below the second …
import { canonicalNode, hostSet } from "../check/sets/host_trie.ts";
import type { HostNode, HostSet } from "../policy/policy.ts";
import { joinedRanges, type NumberRange } from "./number_ranges.ts";

/** Of a name in a client's hello. */
const MOST_NAME_BYTES = 255;
/** No name has this class: all that are short enough have another one. */
const NONE = -1;
export const NAMELESS = 0;
const CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-_";

interface Place {
  readonly children: Map<string, Place>;
  /** The labels joined by dots; empty at the root. */
  readonly name: string;
  self: number;
  one: number;
  deep: number;
  /** The numbers of everything below are first … last, of which `deepFirst` … are those with more than one label more. */
  first: number;
  deepFirst: number;
  last: number;
}

/** A class as a pattern. */
export interface NamePattern {
  /** `www.example.com`, `*.example.com` (one label more) or `**.example.com` (two or more labels more). */
  readonly pattern: string;
  readonly number: number;
  /** The pattern that fits its names too and comes next; null: there is none. */
  readonly wider: string | null;
}

interface Trie {
  readonly children: ReadonlyMap<string, Trie>;
}

export class NameClasses {
  readonly count: number;
  readonly #root: Place = placeOf("");
  /** By class; null where the client sends no name. */
  readonly #witnesses: (string | null)[] = [null];

  constructor(sets: Iterable<HostNode>) {
    for (const set of sets) insert(this.#root, set);
    this.#number(this.#root);
    this.count = this.#witnesses.length;
  }

  /** Of a canonical name; null: none was sent. */
  classOf(name: string | null): number {
    if (name === null) return NAMELESS;
    const labels = name.split(".").reverse();
    let place = this.#root;
    for (const [i, label] of labels.entries()) {
      const child = place.children.get(label);
      if (child === undefined) return i === labels.length - 1 ? place.one : place.deep;
      place = child;
    }
    return place.self;
  }

  /** A name of the class. */
  witness(number: number): string | null {
    return this.#witnesses[number] ?? null;
  }

  rangesOf(set: HostNode): readonly NumberRange[] {
    const out: NumberRange[] = [];
    below(this.#root, set, out);
    return joinedRanges(out);
  }

  /** The same of one pattern: `www.example.com`, `*.example.com` or `**.example.com`. */
  rangesOfPattern(pattern: string): readonly NumberRange[] {
    const labels = pattern.split(".").reverse();
    const wild = labels.at(-1) === "*" || labels.at(-1) === "**" ? labels.pop() : null;
    let place: Place | undefined = this.#root;
    for (const label of labels) place = place?.children.get(label);
    if (place === undefined) return [];
    const range =
      wild === null ? { first: place.self, last: place.self }
      : wild === "*" ? { first: place.first, last: place.deepFirst - 1 }
      : { first: place.first, last: place.last };
    return range.first <= range.last && range.last !== NONE ? [range] : [];
  }

  /** Each class of names as a pattern, the narrowest first: of the patterns that fit a name, the first one is its class. */
  patterns(): readonly NamePattern[] {
    const found: (NamePattern & { readonly rank: number })[] = [];
    const visit = (place: Place, depth: number, parent: string | null): void => {
      const below = place.name === "" ? "" : `.${place.name}`;
      const wider = parent === null ? null : `**${parent}`;
      const add = (pattern: string, number: number, next: string | null, kind: number): void => {
        if (number !== NONE) found.push({ pattern, number, wider: next, rank: 3 * depth - kind });
      };
      if (parent !== null) add(place.name, place.self, `*${parent}`, 0);
      add(`*${below}`, place.one, wider, 1);
      add(`**${below}`, place.deep, wider, 2);
      for (const child of place.children.values()) visit(child, depth + 1, below);
    };
    visit(this.#root, 0, null);
    return found.sort((x, y) => y.rank - x.rank).map(({ pattern, number, wider }) => ({ pattern, number, wider }));
  }

  /** The names of some classes, as the canonical words of a set; classes without a name are omitted. */
  wordsOf(ranges: readonly NumberRange[]): HostSet {
    const has = new Uint8Array(this.count);
    for (const { first, last } of ranges) has.fill(1, first, last + 1);
    return hostSet(nodeOf(this.#root, (number, otherwise) => (number === NONE ? otherwise : has[number] === 1)));
  }

  #number(place: Place): void {
    const fresh = freshLabel(place.children);
    const below = place.name === "" ? "" : `.${place.name}`;
    place.first = this.#witnesses.length;
    place.one = this.#give(`${fresh}${below}`);
    for (const child of place.children.values()) child.self = this.#give(child.name);
    place.deepFirst = this.#witnesses.length;
    place.deep = this.#give(`${CHARACTERS[0] ?? ""}.${fresh}${below}`);
    for (const child of place.children.values()) this.#number(child);
    place.last = this.#witnesses.length - 1;
  }

  #give(witness: string): number {
    return witness.length > MOST_NAME_BYTES ? NONE : this.#witnesses.push(witness) - 1;
  }
}

function placeOf(name: string): Place {
  return { children: new Map(), name, self: NONE, one: NONE, deep: NONE, first: 0, deepFirst: 0, last: 0 };
}

/** The numbers depend on the order of the sets, which the canonical form of a policy fixes. */
function insert(place: Place, set: Trie): void {
  for (const [label, inner] of set.children) {
    let child = place.children.get(label);
    if (child === undefined) place.children.set(label, (child = placeOf(place.name === "" ? label : `${label}.${place.name}`)));
    insert(child, inner);
  }
}

/** The shortest label that is no child. */
function freshLabel(children: ReadonlyMap<string, Place>): string {
  for (let n = 0; ; n++) {
    let label = "";
    for (let rest = n; rest >= 0; rest = Math.floor(rest / CHARACTERS.length) - 1) label = (CHARACTERS[rest % CHARACTERS.length] ?? "") + label;
    if (!children.has(label)) return label;
  }
}

/** The numbers below a place of the names that a set has there. The place has every child of the set. */
function below(place: Place, set: HostNode, out: NumberRange[]): void {
  const named = [...set.children].flatMap(([label, said]) => {
    const child = place.children.get(label);
    return child === undefined ? [] : [{ child, said }];
  });
  // Children that the set does not name are what it says of the place.
  if (set.one) {
    const holes = named.map(({ child }) => ({ first: child.self, last: child.self }));
    addWithout({ first: place.first, last: place.deepFirst - 1 }, holes, out);
  }
  if (set.deep) {
    const holes = named.map(({ child }) => ({ first: child.first, last: child.last }));
    addWithout({ first: place.deepFirst, last: place.last }, holes, out);
  }
  for (const { child, said } of named) {
    if (said.self) out.push({ first: child.self, last: child.self });
    below(child, said, out);
  }
}

function addWithout({ first, last }: NumberRange, holes: readonly NumberRange[], out: NumberRange[]): void {
  let at = first;
  for (const hole of [...holes].sort((x, y) => x.first - y.first)) {
    if (hole.last < hole.first) continue;
    if (at < hole.first) out.push({ first: at, last: hole.first - 1 });
    at = hole.last + 1;
  }
  if (at <= last) out.push({ first: at, last });
}

function nodeOf(place: Place, has: (number: number, otherwise: boolean) => boolean): HostNode {
  const deep = has(place.deep, false);
  const one = has(place.one, deep);
  const children = new Map([...place.children].map(([label, child]) => [label, nodeOf(child, has)]));
  return canonicalNode({ self: has(place.self, false), one, deep: has(place.deep, one), children });
}

/** The trie of a set's canonical words: the narrowest word that matches a name says whether it is in the set. */
export function hostsOfWords(words: readonly string[]): HostNode {
  const root = growing(false, false, false);
  const read = words.map((word) => {
    const included = !word.startsWith("!");
    const labels = (included ? word : word.slice(1)).split(".").reverse();
    const last = labels.at(-1);
    const wild =
      last === "*" ? 1
      : last === "**" ? 0
      : 2;
    if (wild < 2) labels.pop();
    // The wider ones first: `**.s`, `*.s`, and the names that have one label more than s.
    return { included, labels, wild, rank: 3 * (wild < 2 ? labels.length : labels.length - 1) + wild };
  });
  for (const { included, labels, wild } of read.sort((x, y) => x.rank - y.rank)) {
    let node = root;
    for (const label of labels) {
      let child = node.children.get(label);
      if (child === undefined) node.children.set(label, (child = growing(node.one, node.deep, node.deep)));
      node = child;
    }
    if (wild === 2) node.self = included;
    else node.one = included;
    if (wild === 0) node.deep = included;
  }
  return root;
}

interface Growing {
  self: boolean;
  one: boolean;
  deep: boolean;
  readonly children: Map<string, Growing>;
}

function growing(self: boolean, one: boolean, deep: boolean): Growing {
  return { self, one, deep, children: new Map() };
}
