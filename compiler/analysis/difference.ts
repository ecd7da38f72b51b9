// The exact difference of two policies: per pair of listeners that share protocol, port, local address and names, the
// requests that only the second admits and those that only the first admitted; and what else the policies say of the pair.
import { isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet, HostNode, PortRange } from "../policy/policy.ts";
import { cellsOf } from "./cells.ts";
import { ChangedSources } from "./changed_sources.ts";
import { NEVER, type Diagram } from "./diagrams.ts";
import { factChanges, INVALID_NAMES, type FactChange } from "./facts.ts";
import { readsNames, type ListenerModel, type PolicyModel } from "./model.ts";
import { NAMELESS } from "./names.ts";
import { pairsOf, type Pair, type TwoSides } from "./pairs.ts";
import { Permitted, type Rules } from "./permitted.ts";
import { Space } from "./space.ts";

/** Where a listener is, or two are. */
export interface PlaceOf {
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  /** Null: any address of the host. */
  readonly local: AddressSet | null;
  /** Several listeners are there, or the only one has `for`. */
  readonly isShared: boolean;
}

export interface ListenerChange {
  /** Numbers of listeners in the two policies; null: none is there. */
  readonly before: number | null;
  readonly after: number | null;
  readonly places: readonly PlaceOf[];
  /** Requests that only the second policy admits, and that only the first did. */
  readonly opened: Diagram;
  readonly closed: Diagram;
  /** The same of the shadow: with the `dryrun` rules. Empty where neither policy has such a rule. */
  readonly shadowOpened: Diagram;
  readonly shadowClosed: Diagram;
  /** Only of a pair: everything else that differs. */
  readonly facts: readonly FactChange[];
}

export interface Difference {
  readonly space: Space;
  readonly before: Permitted;
  readonly after: Permitted;
  /** Only those in which something differs. */
  readonly listeners: readonly ListenerChange[];
  /** Listeners of each policy that share a place with one of the other, by number. */
  readonly pairedBefore: ReadonlySet<number>;
  readonly pairedAfter: ReadonlySet<number>;
  readonly dialsAdded: readonly string[];
  readonly dialsRemoved: readonly string[];
}

/** `names`: sets of server names that are compared with the difference. Throws OutOfNodes where the budget is used up. */
export function differenceOf(before: PolicyModel, after: PolicyModel, mostNodes?: number, names: readonly HostNode[] = []): Difference {
  const space = new Space([before, after], mostNodes, { hosts: names, ids: new Map() });
  const sides = sidesOf(space, before, after);
  const hasShadow = [before, after].some((model) => [...model.denies, ...model.listeners.flatMap((l) => [...l.allows, ...l.denies])].some((r) => r.dryrun));
  const changes = new Map<string, ListenerChange & { readonly places: PlaceOf[] }>();
  const [pairedBefore, pairedAfter] = [new Set<number>(), new Set<number>()];
  for (const cell of cellsOf([before, after])) {
    for (const pair of pairsOf(sides, cell)) {
      if (pair.before !== null && pair.after !== null) {
        pairedBefore.add(pair.before);
        pairedAfter.add(pair.after);
      }
      const { opened, closed } = moved(sides, pair, "enforced");
      const shadow = hasShadow ? moved(sides, pair, "with dryrun") : UNMOVED;
      const invalid = invalidNames(sides, pair);
      const key = [pair.before, pair.after, opened, closed, shadow.opened, shadow.closed, invalid?.effect].join();
      const place = { proto: cell.proto, ports: cell.ports, local: cell.local, isShared: pair.names !== null };
      const known = changes.get(key);
      if (known !== undefined) {
        known.places.push(place);
        continue;
      }
      const facts = [...factsOf(before.listeners[pair.before ?? -1], after.listeners[pair.after ?? -1]), ...(invalid === null ? [] : [invalid])];
      const { before: old, after: now } = pair;
      changes.set(key, { before: old, after: now, places: [place], opened, closed, shadowOpened: shadow.opened, shadowClosed: shadow.closed, facts });
    }
  }
  return {
    space,
    before: sides.before,
    after: sides.after,
    listeners: withFactsOnce([...changes.values()]).filter(isChange),
    pairedBefore,
    pairedAfter,
    dialsAdded: after.dials.filter((service) => !before.dials.includes(service)),
    dialsRemoved: before.dials.filter((service) => !after.dials.includes(service)),
  };
}

/** A pair that differs in several ways at its places has the same facts at all of them, so they are said once of all these places. */
function withFactsOnce(changes: readonly ListenerChange[]): readonly ListenerChange[] {
  const pairs = new Map<string, ListenerChange[]>();
  for (const change of changes) {
    const key = `${change.before} ${change.after}`;
    const same = pairs.get(key);
    if (same === undefined) pairs.set(key, [change]);
    else same.push(change);
  }
  return [...pairs.values()].flatMap((own) => {
    const [first] = own;
    if (first === undefined || own.length === 1) return own;
    const facts = new Map<string, { readonly fact: FactChange; readonly places: PlaceOf[] }>();
    for (const { facts: said, places } of own) {
      for (const fact of said) {
        const key = JSON.stringify(fact);
        const known = facts.get(key);
        if (known === undefined) facts.set(key, { fact, places: [...places] });
        else known.places.push(...places);
      }
    }
    const apart = [...facts.values()].map(({ fact, places }): ListenerChange => ({
      ...first,
      places,
      opened: NEVER,
      closed: NEVER,
      shadowOpened: NEVER,
      shadowClosed: NEVER,
      facts: [fact],
    }));
    return [...own.map((change) => ({ ...change, facts: [] })), ...apart];
  });
}

/** A listener that appears or disappears is one, also where nobody is admitted. */
function isChange({ before, after, opened, closed, shadowOpened, shadowClosed, facts }: ListenerChange): boolean {
  return before === null || after === null || facts.length > 0 || [opened, closed, shadowOpened, shadowClosed].some((d) => d !== NEVER);
}

interface Sides extends TwoSides {
  readonly moves: Moves;
}

function sidesOf(space: Space, old: PolicyModel, now: PolicyModel): Sides {
  const [before, after] = [new Permitted(space, old), new Permitted(space, now)];
  return { space, before, after, moves: new Moves(space, before, after) };
}

interface Moved {
  readonly opened: Diagram;
  readonly closed: Diagram;
}

const UNMOVED: Moved = { opened: NEVER, closed: NEVER };

/** The requests that open and close between a listener of each policy, whatever names lead to them. */
class Moves {
  readonly #space: Space;
  readonly #before: Permitted;
  readonly #after: Permitted;
  readonly #sources: ChangedSources;
  readonly #known = new Map<string, Moved>();

  constructor(space: Space, before: Permitted, after: Permitted) {
    this.#space = space;
    this.#before = before;
    this.#after = after;
    this.#sources = new ChangedSources(before, after);
  }

  between(before: number, after: number, rules: Rules): Moved {
    const key = `${before} ${after} ${rules}`;
    const moved = this.#known.get(key) ?? this.#between(before, after, rules);
    this.#known.set(key, moved);
    return moved;
  }

  #between(before: number, after: number, rules: Rules): Moved {
    const sources = this.#sources.of(before, after, rules);
    if (isEmpty(sources)) return UNMOVED;
    const { diagrams } = this.#space;
    const [was, is] = [this.#before.listenerFrom(sources, before, rules), this.#after.listenerFrom(sources, after, rules)];
    return { opened: diagrams.minus(is, was), closed: diagrams.minus(was, is) };
  }
}

/** Where names decide, and where a rule looks at them, a client whose name is no host name is refused; at other listeners it counts as one without a name. */
function invalidNames({ space, before, after }: Sides, { before: old, after: now, isShared }: Pair): FactChange | null {
  const [x, y] = [before.model.listeners[old ?? -1], after.model.listeners[now ?? -1]];
  if (x === undefined || y === undefined || !readsNames(x.mode) || !readsNames(y.mode)) return null;
  const [was, is] = [x.refusesInvalidNames || isShared[0], y.refusesInvalidNames || isShared[1]];
  if (was === is) return null;
  // Where clients without a name are refused, these are in any case.
  const permitted = was ? after.listener(now ?? -1) : before.listener(old ?? -1);
  if (space.diagrams.and(permitted, space.named([{ first: NAMELESS, last: NAMELESS }])) === NEVER) return null;
  return { what: INVALID_NAMES, effect: was ? "opens" : "closes", before: was ? "refused" : "no name", after: is ? "refused" : "no name" };
}

/** Among the names that lead to both, or to the only one. */
function moved({ space, before, after, moves }: Sides, pair: Pair, rules: Rules): Moved {
  const { opened, closed } =
    pair.before !== null && pair.after !== null ?
      moves.between(pair.before, pair.after, rules)
    : {
        opened: pair.after === null ? NEVER : after.listener(pair.after, rules),
        closed: pair.before === null ? NEVER : before.listener(pair.before, rules),
      };
  const within = (d: Diagram): Diagram => (pair.names === null ? d : space.diagrams.and(d, space.named(pair.names)));
  return { opened: within(opened), closed: within(closed) };
}

function factsOf(before: ListenerModel | undefined, after: ListenerModel | undefined): readonly FactChange[] {
  return before === undefined || after === undefined ? [] : factChanges(before, after);
}
