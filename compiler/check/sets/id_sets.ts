// The algebra of sets of identities. Two patterns have one pattern in common or nothing, so a set is
// patterns that each say whether the set includes what they match: of those that match an identity the
// narrowest decides. Where several match and none of them is the narrowest, they say the same. A pattern
// that says no more than the wider ones is omitted, so equal sets are equal lists. (That `a*`
// is `a0`, `a0*`, `a1` and so on through all characters is not looked for.) Everything here is pure.
import { IdIndex, type IdEntry, type IdWork } from "./id_index.ts";
import { coversId, idParts, idWord, narrowness, sharedId, type ReadId } from "./id_patterns.ts";
import type { IdPattern, IdSet } from "../../policy/policy.ts";

/** In no order; none is there twice. */
export type Ids = readonly IdEntry[];

export const idOf = (pattern: ReadId): Ids => [{ pattern, word: idWord(pattern), included: true }];

/** Maps what two sets say of an identity to what their union, or the first without the second, says of it. */
interface Operation {
  readonly says: (a: boolean, b: boolean) => boolean;
  /** An identity of which the sets say this is decided by either alone. */
  readonly decides: { readonly a: boolean; readonly b: boolean };
  /** Whether it includes what `b` includes and `a` says nothing of. */
  readonly keepsB: boolean;
}

const UNION: Operation = { says: (a, b) => a || b, decides: { a: true, b: true }, keepsB: true };
const EXCEPT: Operation = { says: (a, b) => a && !b, decides: { a: false, b: true }, keepsB: false };

/** A pattern that two others have in common is kept in memory: as many steps as it costs. */
const SHARED_STEPS = 50;

/** The union of `members` without that of `except`; null when the work is used up. */
export function combineIds(members: readonly Ids[], except: readonly Ids[], work: IdWork): Ids | null {
  const all = united(members, work);
  const value = except.length === 0 ? all : combined(all, united(except, work), EXCEPT, work);
  return work.left < 0 ? null : value;
}

function united(sets: readonly Ids[], work: IdWork): Ids {
  const [only] = sets;
  if (sets.length === 1 && only !== undefined) return only;
  const isPlain = (ids: Ids): boolean => ids.every(({ included }) => included);
  // Where nothing is taken out, both include what two patterns have in common.
  const plain = new Map(
    sets
      .filter(isPlain)
      .flat()
      .map((entry) => [entry.word, entry]),
  );
  work.left -= sets.reduce((n, set) => n + set.length, 0);
  let level = [reduced([...plain.values()], work), ...sets.filter((set) => !isPlain(set))];
  // Pair by pair, so that what is written first is not looked at again for each set that follows.
  while (level.length > 1) {
    const next: Ids[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const [a = [], b = []] = level.slice(i, i + 2);
      next.push(combined(a, b, UNION, work));
    }
    level = next;
  }
  return level[0] ?? [];
}

function combined(a: Ids, b: Ids, operation: Operation, work: IdWork): Ids {
  const { says, decides, keepsB } = operation;
  const [metA, metB] = [new Set<IdEntry>(), new Set<IdEntry>()];
  const patterns = new Map<string, ReadId>();
  eachMeeting(a, b, work, (x, y) => {
    metA.add(x);
    metB.add(y);
    if (x.word === y.word || (x.included === decides.a && y.included === decides.b)) return;
    const shared = sharedId(x.pattern, y.pattern);
    const word = shared === null ? null : idWord(shared);
    if (shared === null || word === null || word === x.word || word === y.word || patterns.has(word)) return;
    patterns.set(word, shared);
    work.left -= SHARED_STEPS;
  });
  for (const { word, pattern } of [...metA, ...metB]) patterns.set(word, pattern);
  // A pattern that meets nothing of the other set lies in nothing that does, and says what it said before.
  const before = [...a.filter((entry) => !metA.has(entry)), ...(keepsB ? b.filter((entry) => !metB.has(entry)) : [])];
  const [inA, inB] = [new IdIndex([...metA], work), new IdIndex([...metB], work)];
  const entries = [...patterns].map(([word, pattern]): IdEntry => ({ word, pattern, included: says(saidBy(inA, pattern), saidBy(inB, pattern)) }));
  return [...before, ...reduced(entries, work)];
}

/** Each pair of entries that have an identity in common. */
function eachMeeting(a: Ids, b: Ids, work: IdWork, met: (x: IdEntry, y: IdEntry) => void): void {
  const [small, large, isA] = a.length <= b.length ? [a, b, true] : [b, a, false];
  const pair = (one: IdEntry, other: IdEntry): void => (isA ? met(one, other) : met(other, one));
  // An index of the larger set costs more than to look at all of it a few times.
  const index = small.length <= FEW ? null : new IdIndex(large, work);
  for (const one of small) {
    if (work.left < 0) return;
    if (index !== null) for (const other of index.meeting(one.pattern)) pair(one, other);
    else for (const other of large) if (sharedId(one.pattern, other.pattern) !== null) pair(one, other);
    work.left -= index === null ? large.length : 1;
  }
}

const FEW = 8;

/** Whether a set includes the identities of a pattern that none of its narrower ones divides. */
function saidBy(index: IdIndex, pattern: ReadId): boolean {
  return narrowest(index.covering(pattern))[0]?.included ?? false;
}

/** Drops entries that say no more than those around them. */
function reduced(entries: readonly IdEntry[], work: IdWork): Ids {
  const kept: IdEntry[] = [];
  const index = new IdIndex([], work);
  for (const { entry } of entries.map((e) => ({ entry: e, at: narrowness(e.pattern) })).sort((x, y) => x.at - y.at)) {
    if (work.left < 0) return [];
    const around = narrowest(index.covering(entry.pattern));
    if (around.length === 0 ? !entry.included : around.every(({ included }) => included === entry.included)) continue;
    kept.push(entry);
    index.add(entry);
  }
  return kept;
}

/** Of patterns that include all of one pattern, those that include all of no other one. */
function narrowest(entries: readonly IdEntry[]): readonly IdEntry[] {
  if (entries.length < 2) return entries;
  // Patterns that are open at one segment, and deep ones, lie in each other; the one without either lies in all.
  const places = new Map<number, IdEntry>();
  for (const entry of entries) {
    const { deep, segments } = entry.pattern;
    const place = deep ? DEEP : segments.findIndex(({ open }) => open);
    if (place === NOT_OPEN) return [entry];
    const known = places.get(place);
    if (known === undefined || coversId(known.pattern, entry.pattern)) places.set(place, entry);
  }
  const deep = places.get(DEEP);
  const open = [...places.values()].filter((entry) => entry !== deep);
  return deep === undefined || open.some(({ pattern }) => coversId(deep.pattern, pattern)) ? open : [...open, deep];
}

/** As `findIndex` says it. */
const NOT_OPEN = -1;
const DEEP = -2;

const sets = new WeakMap<Ids, IdSet>();
const parts = new WeakMap<ReadId, IdPattern>();

/** Made once for each pattern, of which many sets may have the same one. */
function partsOf(pattern: ReadId): IdPattern {
  const known = parts.get(pattern) ?? idParts(pattern);
  parts.set(pattern, known);
  return known;
}

/** A set with its words; made once for each list. */
export function idSet(ids: Ids): IdSet {
  let set = sets.get(ids);
  if (set === undefined) {
    const rows = ids.map((entry) => ({ ...entry, at: narrowness(entry.pattern) })).sort((x, y) => x.at - y.at || (x.word < y.word ? -1 : 1));
    set = {
      members: rows.map(({ pattern, included }) => ({ pattern: partsOf(pattern), included })),
      words: ids.map(({ word, included }) => (included ? word : `!${word}`)).sort(),
    };
    sets.set(ids, set);
  }
  return set;
}
