// The rules of a listener as redundant.ts judges them. Where they are about sources alone, as most are, one walk over the edges of their
// sets says which of them decide a request alone, and diagrams are made of the others only, as far as these matter.
import type { AddressSet } from "../policy/policy.ts";
import { NEVER, type Diagram } from "./diagrams.ts";
import { Region, walk } from "./sweep.ts";

export class Item {
  readonly text: number;
  readonly dryrun: boolean;
  /** Of a plain listener; else null. */
  sources: AddressSet | null;
  /** Requests that come to the listener and that the text matches; null: not made yet. */
  matched: Diagram | null;
  /** The part of these that decides whether the text has an effect, as far as it is less. */
  decisive: Diagram | null = null;
  /** Of a plain listener: it decides a request that no other text of its action decides in the same way. */
  decidesAlone = false;

  constructor(text: number, dryrun: boolean, sources: AddressSet | null, matched: Diagram | null) {
    this.text = text;
    this.dryrun = dryrun;
    this.sources = sources;
    this.matched = matched;
  }
}

/** The allows of a listener, or the denies that apply to it, in the order of their texts. */
export class RuleList {
  readonly items: Item[] = [];
  /** The union of those that are enforced, and of all; of a plain listener as far as a candidate of the other action matches. */
  enforced: Diagram = NEVER;
  all: Diagram = NEVER;
  /** The requests that two or more of those that are enforced match, and two or more of all. */
  twiceEnforced: Diagram = NEVER;
  twice: Diagram = NEVER;
  /** Of each item the union of the candidates before it. */
  readonly before: Diagram[] = [];
  /** The union of those that are known to have an effect, as far as candidates match the same. */
  keptEnforced: Diagram = NEVER;
  keptDryrun: Diagram = NEVER;
}

export interface ListenerRules {
  readonly allow: RuleList;
  readonly deny: RuleList;
  /** The requests that come to it. */
  readonly reached: Diagram;
  /** Something comes to it, and all its rules are about sources alone. */
  readonly isPlain: boolean;
}

/** How many items of a list are active, and one number for all of them: of a single one its own. */
class Active {
  count = 0;
  sum = 0;

  change(item: number, by: 1 | -1): void {
    this.count += by;
    this.sum += by * item;
  }
}

/** Sets `decidesAlone` of the items of a plain listener. */
export function findDeciding({ allow, deny }: ListenerRules): void {
  const items = [...allow.items, ...deny.items];
  const allows = { enforced: new Active(), all: new Active() };
  const denies = { enforced: new Active(), all: new Active() };
  const change = (i: number, by: 1 | -1): void => {
    const { enforced, all } = i < allow.items.length ? allows : denies;
    all.change(i, by);
    if (items[i]?.dryrun !== true) enforced.change(i, by);
  };
  const alone = ({ count, sum }: Active, wanted: (item: Item) => boolean): void => {
    const item = count === 1 ? items[sum] : undefined;
    if (item !== undefined && wanted(item)) item.decidesAlone = true;
  };
  walk(items.map(sourcesOf), {
    begin: (i) => change(i, 1),
    end: (i) => change(i, -1),
    stretch() {
      if (denies.enforced.count === 0) alone(allows.enforced, () => true);
      if (denies.all.count === 0) alone(allows.all, ({ dryrun }) => dryrun);
      if (allows.all.count > 0) alone(denies.all, () => true);
      if (allows.enforced.count > 0) alone(denies.enforced, () => true);
    },
  });
}

/** The parts of a list by which candidates are judged. */
interface Regions {
  readonly keptEnforced: Region;
  readonly keptDryrun: Region;
  /** Where a candidate of the other action matches too. */
  readonly enforced: Region;
  readonly all: Region;
}

class Counted {
  enforced = 0;
  dryrun = 0;
  candidates = 0;
  keptEnforced = 0;
  keptDryrun = 0;
  readonly regions: Regions = { keptEnforced: new Region(), keptDryrun: new Region(), enforced: new Region(), all: new Region() };

  change({ dryrun }: Item, isCandidate: boolean, by: 1 | -1): void {
    if (dryrun) this.dryrun += by;
    else this.enforced += by;
    if (isCandidate) this.candidates += by;
    else if (dryrun) this.keptDryrun += by;
    else this.keptEnforced += by;
  }

  stretch(first: Uint32Array, last: Uint32Array, isOther: boolean): void {
    const { keptEnforced, keptDryrun, enforced, all } = this.regions;
    if (this.candidates > 0 && this.keptEnforced > 0) keptEnforced.add(first, last);
    if (this.candidates > 0 && this.keptDryrun > 0) keptDryrun.add(first, last);
    if (isOther && this.enforced > 0) enforced.add(first, last);
    if (isOther && this.enforced + this.dryrun > 0) all.add(first, last);
  }
}

/**
 * Sets what the candidates of a plain listener are judged by. `made`: the requests of a set of sources. `spend` counts work.
 */
export function settle(
  { allow, deny }: ListenerRules,
  candidates: ReadonlySet<number>,
  made: (sources: AddressSet) => Diagram,
  spend: (steps: number) => void,
): void {
  const items = [...allow.items, ...deny.items];
  if (!items.some(({ text }) => candidates.has(text))) return;
  const [allows, denies] = [new Counted(), new Counted()];
  const open = new Set<Item>();
  const decisive = new Map<Item, Region>();
  const change = (i: number, by: 1 | -1): void => {
    const item = items[i];
    if (item === undefined) return;
    const isCandidate = candidates.has(item.text);
    const isDeny = i >= allow.items.length;
    (isDeny ? denies : allows).change(item, isCandidate, by);
    if (!isDeny || !isCandidate) return;
    if (by === 1) open.add(item);
    else open.delete(item);
  };
  walk(items.map(sourcesOf), {
    begin: (i) => change(i, 1),
    end: (i) => change(i, -1),
    stretch(first, last) {
      allows.stretch(first, last, denies.candidates > 0);
      denies.stretch(first, last, allows.candidates > 0);
      if (allows.enforced + allows.dryrun === 0) return;
      // A deny decides only where something is allowed.
      spend(open.size);
      for (const item of open) {
        const region = decisive.get(item) ?? new Region();
        decisive.set(item, region);
        region.add(first, last);
      }
    },
  });
  for (const item of deny.items) if (candidates.has(item.text)) item.decisive = made((decisive.get(item) ?? new Region()).set());
  for (const [list, { regions }] of [
    [allow, allows],
    [deny, denies],
  ] as const) {
    list.keptEnforced = made(regions.keptEnforced.set());
    list.keptDryrun = made(regions.keptDryrun.set());
    list.enforced = made(regions.enforced.set());
    list.all = made(regions.all.set());
  }
}

function sourcesOf({ sources }: Item): AddressSet {
  return sources ?? { bounds: new Uint32Array(0) };
}
