// The space of requests that one or several policies distinguish, and the levels of its diagrams: classes of moments, classes of
// names, atoms of identities, and last the bits of the source. Ports and local addresses come before all of these, as a table
// (cells.ts), because a listener has the same rules at each of them.
import { isV4 } from "../../runtime/net/address.ts";
import { equal } from "../check/sets/intervals.ts";
import type { AddressSet, AddressWords, HostNode } from "../policy/policy.ts";
import { ALWAYS, NEVER, Diagrams, type Diagram } from "./diagrams.ts";
import { IdentityClasses } from "./identities.ts";
import type { PolicyModel, RuleModel } from "./model.ts";
import { NameClasses, hostsOfWords } from "./names.ts";
import { bitsFor, numbersDiagram, type NumberRange } from "./number_ranges.ts";
import { SOURCE_LEVELS, sourceBit, sourceDiagram, sourcesOf } from "./sources.ts";
import { TimeClasses } from "./times.ts";

/** The facts of a client, and a moment. */
export interface Facts {
  readonly source: AddressWords;
  /** Canonical; null: none was sent. */
  readonly name: string | null;
  /** The words of the certificate; of a client that shows none they are empty. */
  readonly words: readonly string[];
  /** UTC seconds; null: the clock is not known. */
  readonly wallSeconds: number | null;
}

/** Sets beside those of the rules. */
export interface MoreSets {
  readonly hosts: readonly HostNode[];
  /** Words by a key that is that of no set of a policy. */
  readonly ids: ReadonlyMap<string, readonly string[]>;
}

const NO_MORE: MoreSets = { hosts: [], ids: new Map() };

export class Space {
  readonly diagrams: Diagrams;
  readonly times: TimeClasses;
  readonly names: NameClasses;
  readonly ids: IdentityClasses;
  readonly nameLevel: number;
  readonly idLevel: number;
  readonly sourceLevel: number;
  /** All identities that a certificate can have. */
  readonly possible: Diagram;
  readonly #idSets: ReadonlyMap<string, number>;
  readonly #sources = new WeakMap<AddressSet, Diagram>();
  /** By a hash of their words: two policies that are compared have most sets in common, but not the objects. */
  readonly #equalSets = new Map<number, { readonly set: AddressSet; readonly diagram: Diagram }[]>();

  /** Throws OutOfNodes where the identities alone are too many. */
  constructor(models: readonly PolicyModel[], mostNodes?: number, more: MoreSets = NO_MORE) {
    this.diagrams = new Diagrams(mostNodes);
    const rules = models.flatMap((model) => rulesOf(model).map((rule) => ({ model, rule })));
    this.times = new TimeClasses(rules.map(({ rule }) => rule));
    const hosts = new Map<string, HostNode>();
    const ids = new Map(more.ids);
    for (const { model, rule } of rules) {
      if (rule.sni !== null && !hosts.has(rule.sni)) hosts.set(rule.sni, model.hosts(rule.sni));
      if (rule.client !== null && !ids.has(rule.client)) ids.set(rule.client, model.ids(rule.client));
    }
    this.names = new NameClasses([...hosts.values(), ...models.flatMap(leadSets), ...more.hosts]);
    this.#idSets = new Map([...ids.keys()].map((key, i) => [key, i]));
    this.ids = new IdentityClasses([...ids.values()], (steps) => this.diagrams.spend(steps));
    this.nameLevel = bitsFor(this.times.count);
    this.idLevel = this.nameLevel + bitsFor(this.names.count);
    this.sourceLevel = this.idLevel + this.ids.atoms.length;
    this.possible = this.#oneFingerprint();
  }

  /** One more than the last level. */
  get levels(): number {
    return this.sourceLevel + SOURCE_LEVELS;
  }

  sources(set: AddressSet): Diagram {
    const known = this.#sources.get(set) ?? this.#equalOrMade(set);
    this.#sources.set(set, known);
    return known;
  }

  #equalOrMade(set: AddressSet): Diagram {
    const hash = hashOf(set);
    const same = this.#equalSets.get(hash) ?? [];
    const found = same.find((other) => equal(other.set, set));
    if (found !== undefined) return found.diagram;
    const diagram = sourceDiagram(this.diagrams, this.sourceLevel, set);
    if (same.push({ set, diagram }) === 1) this.#equalSets.set(hash, same);
    return diagram;
  }

  /** The addresses of a diagram without other conditions. */
  addressesOf(d: Diagram): AddressSet {
    return sourcesOf(this.diagrams, this.sourceLevel, d);
  }

  moments(ranges: readonly NumberRange[]): Diagram {
    return numbersDiagram(this.diagrams, 0, this.times.count, ranges);
  }

  named(ranges: readonly NumberRange[]): Diagram {
    return numbersDiagram(this.diagrams, this.nameLevel, this.names.count, ranges);
  }

  /** Clients that have a name in a set of identities. */
  clients(key: string): Diagram {
    const atoms = this.ids.atomsOf(this.#idSets.get(key) ?? -1);
    return [...atoms].sort((x, y) => y - x).reduce((rest, atom) => this.diagrams.node(this.idLevel + atom, rest, ALWAYS), NEVER);
  }

  has(d: Diagram, { source, name, words, wallSeconds }: Facts): boolean {
    const time = this.times.classOf(wallSeconds);
    const nameClass = this.names.classOf(name);
    const atoms = this.ids.atomsIn(words);
    const isV6 = !isV4(source);
    return this.diagrams.has(d, (level) => {
      if (level < this.nameLevel) return bitOf(time, this.nameLevel - 1 - level);
      if (level < this.idLevel) return bitOf(nameClass, this.idLevel - 1 - level);
      if (level < this.sourceLevel) return atoms.has(level - this.idLevel);
      return level === this.sourceLevel ? isV6 : sourceBit(source, isV6, level - this.sourceLevel - 1);
    });
  }

  /** At most one hash of a certificate. */
  #oneFingerprint(): Diagram {
    const { atoms } = this.ids;
    let [none, one] = [ALWAYS, ALWAYS];
    for (let atom = atoms.length - 1; atom >= 0; atom--) {
      if (atoms[atom]?.isFingerprint !== true) continue;
      const level = this.idLevel + atom;
      [none, one] = [this.diagrams.node(level, none, one), this.diagrams.node(level, one, NEVER)];
    }
    return none;
  }
}

function hashOf({ bounds }: AddressSet): number {
  let hash = bounds.length;
  for (const word of bounds) hash = Math.imul(hash ^ word, 0x01000193);
  return hash;
}

function bitOf(number: number, place: number): boolean {
  return ((number >>> place) & 1) === 1;
}

function rulesOf({ denies, listeners }: PolicyModel): readonly RuleModel[] {
  return [...denies, ...listeners.flatMap((l) => [...l.allows, ...l.denies])];
}

function leadSets({ listeners }: PolicyModel): readonly HostNode[] {
  return listeners.flatMap(({ names }) => (names ?? []).flatMap(({ pattern, except }) => [hostsOfWords([pattern]), hostsOfWords(except)]));
}
