// Which requests a policy permits, as diagrams: of each listener the union of its allows without the union of its denies and of
// those at top level that apply to it, and of a cell what the listeners there permit to the names that lead to them.
import { intersect, union } from "../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import { ALWAYS, NEVER, OutOfNodes, type Diagram } from "./diagrams.ts";
import type { DenyModel, ListenerModel, PolicyModel, RuleModel } from "./model.ts";
import { hostsOfWords } from "./names.ts";
import { joinedRanges, type NumberRange } from "./number_ranges.ts";
import type { Space } from "./space.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";

/** The result of `work`, or that the budget of nodes was used up first. */
export function withinBudget<T>(work: () => T): Result<T, "not_proven"> {
  try {
    return ok(work());
  } catch (error) {
    if (error instanceof OutOfNodes) return failed("not_proven");
    throw error;
  }
}

/** The last fact that is known of a client of a listener. */
export type LastFact = "source" | "name" | "identity";

export function lastFact({ proto, mode }: ListenerModel): LastFact {
  if (proto === "udp") return "source";
  if (mode === "mtls") return "identity";
  return mode === "passthrough" || mode === "tls" ? "name" : "source";
}

/** Rules with the same clauses but for their sources. */
interface Group {
  readonly conditions: Diagram;
  readonly sources: AddressSet;
}

/** Whether the rules of `dryrun` count too. */
export type Rules = "enforced" | "with dryrun";

export class Permitted {
  readonly space: Space;
  readonly model: PolicyModel;
  readonly #permitted = new Map<string, Diagram>();
  readonly #unions = new Map<string, AddressSet>();
  readonly #denies: readonly { readonly on: DenyModel["on"]; readonly rules: readonly DenyModel[] }[];
  readonly #topLevel = new Map<string, Diagram>();
  readonly #topLevelGroups = new Map<string, readonly Group[]>();
  readonly #leads = new Map<string, ReadonlyMap<number, readonly NumberRange[]>>();

  constructor(space: Space, model: PolicyModel) {
    this.space = space;
    this.model = model;
    const byPorts = new Map<string, { readonly on: DenyModel["on"]; readonly rules: DenyModel[] }>();
    for (const deny of model.denies) {
      const key = JSON.stringify(deny.on);
      const same = byPorts.get(key);
      if (same === undefined) byPorts.set(key, { on: deny.on, rules: [deny] });
      else same.rules.push(deny);
    }
    this.#denies = [...byPorts.values()];
  }

  /** The requests that the rules of a listener permit, whatever names lead to it. */
  listener(i: number, rules: Rules = "enforced"): Diagram {
    const key = `${i} ${rules}`;
    const made = this.#permitted.get(key) ?? this.#listenerFrom(i, rules, null);
    this.#permitted.set(key, made);
    return made;
  }

  /** Those of them that come from some sources. Nothing is made of the other sources. */
  listenerFrom(sources: AddressSet, i: number, rules: Rules): Diagram {
    return this.#listenerFrom(i, rules, sources);
  }

  #listenerFrom(i: number, rules: Rules, within: AddressSet | null): Diagram {
    const listener = this.model.listeners[i];
    if (listener === undefined) return NEVER;
    const { diagrams, possible } = this.space;
    const last = lastFact(listener);
    const matched = (own: readonly RuleModel[]): Diagram => this.#matchedBy(this.#grouped(counted(own, rules), last, within), null);
    const denies = diagrams.or(matched(listener.denies), this.#topLevelDenies(listener, last, rules, within));
    return diagrams.and(diagrams.minus(matched(listener.allows), denies), possible);
  }

  /** The requests that a cell permits through some of the listeners there: to each by the names that lead to it. */
  cell(members: readonly number[], through: readonly number[] = members, rules: Rules = "enforced"): Diagram {
    const { diagrams } = this.space;
    return diagrams.any(
      through.map((i) => {
        const ranges = this.leads(members, i);
        const permitted = this.listener(i, rules);
        return ranges === null ? permitted : diagrams.and(permitted, this.space.named(ranges));
      }),
    );
  }

  /** The classes of names that lead to a listener of a cell; null: all, whether or not a name was sent. */
  leads(members: readonly number[], listener: number): readonly NumberRange[] | null {
    const [only] = members;
    if (members.length === 1 && only !== undefined && (this.model.listeners[only]?.names ?? null) === null) return null;
    const key = members.join();
    let leads = this.#leads.get(key);
    if (leads === undefined) this.#leads.set(key, (leads = this.#leadsOf(members)));
    return leads.get(listener) ?? [];
  }

  /** Requests that some of the rules match, where a client's facts end with `last`. */
  matched(rules: readonly RuleModel[], last: LastFact): Diagram {
    return this.#matchedBy(this.#grouped(rules, last, null), null);
  }

  #matchedBy(groups: readonly Group[], within: AddressSet | null): Diagram {
    const { diagrams } = this.space;
    const part = (set: AddressSet): AddressSet => (within === null ? set : intersect(set, within));
    return diagrams.any(groups.map(({ conditions, sources }) => diagrams.and(conditions, this.space.sources(part(sources)))));
  }

  /** Without the rules that no client meets there. */
  #grouped(rules: readonly RuleModel[], last: LastFact, within: AddressSet | null): readonly Group[] {
    const groups = new Map<string, { readonly rule: RuleModel; readonly nets: Set<string> }>();
    for (const rule of rules) {
      if (!isMet(rule, last)) continue;
      const key = `${rule.sni} ${rule.client} ${rule.after} ${rule.until}`;
      const same = groups.get(key);
      if (same === undefined) groups.set(key, { rule, nets: new Set([rule.from]) });
      else same.nets.add(rule.from);
    }
    const sourcesOf = (nets: ReadonlySet<string>): AddressSet =>
      within === null ? this.#union(nets) : union([...nets].map((net) => intersect(this.model.net(net), within)));
    return [...groups.values()].map(({ rule, nets }) => ({ conditions: this.#conditions(rule), sources: sourcesOf(nets) }));
  }

  /** All clauses of a rule but its sources. */
  #conditions({ sni, client, after, until }: RuleModel): Diagram {
    const { diagrams, times, names } = this.space;
    const moments = times.rangesOf({ after, until });
    const parts = [
      moments === null ? ALWAYS : this.space.moments(moments),
      sni === null ? ALWAYS : this.space.named(names.rangesOf(this.model.hosts(sni))),
      client === null ? ALWAYS : this.space.clients(client),
    ];
    return parts.reduceRight((rest, part) => diagrams.and(part, rest), ALWAYS);
  }

  #union(nets: ReadonlySet<string>): AddressSet {
    const keys = [...nets].sort();
    const key = keys.join();
    const known = this.#unions.get(key) ?? union(keys.map((net) => this.model.net(net)));
    this.#unions.set(key, known);
    return known;
  }

  /** Numbers of the groups of denies at top level that apply to a listener; those of a group are about the same ports. */
  topLevelGroups({ mode, proto, ports }: ListenerModel): readonly number[] {
    if (mode === "direct") return [];
    return this.#denies.flatMap(({ on }, i) => (on === null || (on.proto === proto && portsMeet(on.ports, ports)) ? [i] : []));
  }

  topLevelRules(group: number): readonly DenyModel[] {
    return this.#denies[group]?.rules ?? [];
  }

  #topLevelDenies(listener: ListenerModel, last: LastFact, rules: Rules, within: AddressSet | null): Diagram {
    return this.space.diagrams.any(
      this.topLevelGroups(listener).map((i) => {
        const key = `${i} ${last} ${rules}`;
        const groups = this.#topLevelGroups.get(key) ?? this.#grouped(counted(this.topLevelRules(i), rules), last, null);
        this.#topLevelGroups.set(key, groups);
        if (within !== null) return this.#matchedBy(groups, within);
        const made = this.#topLevel.get(key) ?? this.#matchedBy(groups, null);
        this.#topLevel.set(key, made);
        return made;
      }),
    );
  }

  /** The most specific pattern decides: patterns are painted over each other, the least specific first. None has a client that sends no name. */
  #leadsOf(members: readonly number[]): ReadonlyMap<number, readonly NumberRange[]> {
    const { names } = this.space;
    const nameless = members.find((i) => (this.model.listeners[i]?.names ?? null) === null) ?? -1;
    const painted = new Int32Array(names.count).fill(nameless);
    const patterns = members.flatMap((i) => (this.model.listeners[i]?.names ?? []).map((name) => ({ i, ...name })));
    for (const { i, pattern, except } of patterns.sort((x, y) => specificity(x.pattern) - specificity(y.pattern))) {
      const out = except.length === 0 ? null : new Uint8Array(names.count);
      if (out !== null) for (const { first, last } of names.rangesOf(hostsOfWords(except))) out.fill(1, first, last + 1);
      for (const { first, last } of names.rangesOfPattern(pattern)) {
        for (let number = first; number <= last; number++) if (out?.[number] !== 1) painted[number] = i;
      }
    }
    const ranges = new Map<number, NumberRange[]>();
    painted.forEach((i, number) => {
      const own = ranges.get(i);
      if (own === undefined) ranges.set(i, [{ first: number, last: number }]);
      else own.push({ first: number, last: number });
    });
    return new Map([...ranges].map(([i, own]) => [i, joinedRanges(own)]));
  }
}

/** The name itself, then the longest suffix, `*.s` before `**.s`. */
function specificity(pattern: string): number {
  const labels = pattern.split(".");
  if (labels[0] === "**") return 3 * (labels.length - 1);
  return labels[0] === "*" ? 3 * (labels.length - 1) + 1 : 3 * (labels.length - 1) + 2;
}

/** Whether a client of a listener can meet a rule: one about names or certificates only where these are known. */
export function isMet({ sni, client }: RuleModel, last: LastFact): boolean {
  return (sni === null || last !== "source") && (client === null || last === "identity");
}

export function counted<R extends RuleModel>(rules: readonly R[], which: Rules): readonly R[] {
  return which === "with dryrun" ? rules : rules.filter(({ dryrun }) => !dryrun);
}

/** Both are rising and disjoint. */
export function portsMeet(x: readonly PortRange[], y: readonly PortRange[]): boolean {
  let [i, j] = [0, 0];
  for (;;) {
    const [a, b] = [x[i], y[j]];
    if (a === undefined || b === undefined) return false;
    if (a.last < b.first) i++;
    else if (b.last < a.first) j++;
    else return true;
  }
}
