// The sources for which two listeners may have different rules. Every other source meets the same rules at both, so a difference
// is computed of these sources alone, and of none where a change is about something else.
import { EMPTY, union } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { ListenerModel, PolicyModel, RuleModel } from "./model.ts";
import { counted, isMet, lastFact, type LastFact, type Permitted, type Rules } from "./permitted.ts";

/** Rules that the clients of a listener meet. */
interface Met {
  readonly model: PolicyModel;
  readonly rules: readonly RuleModel[];
  readonly last: LastFact;
}

export class ChangedSources {
  readonly #before: Permitted;
  readonly #after: Permitted;
  readonly #numbers = new Map<object, number>();
  readonly #topLevel = new Map<string, AddressSet>();

  constructor(before: Permitted, after: Permitted) {
    this.#before = before;
    this.#after = after;
  }

  /** Of a listener of each policy, by their numbers: the sources of the rules that only one of them has, its own or at top level. */
  of(before: number, after: number, rules: Rules): AddressSet {
    const [old, now] = [this.#before.model.listeners[before], this.#after.model.listeners[after]];
    if (old === undefined || now === undefined) return EMPTY;
    const own = (["allows", "denies"] as const).map((which) =>
      this.#ofOneAlone(met(this.#before, counted(old[which], rules), old), met(this.#after, counted(now[which], rules), now)),
    );
    return union([...own, this.#atTopLevel(old, now, rules)]);
  }

  #atTopLevel(old: ListenerModel, now: ListenerModel, rules: Rules): AddressSet {
    const [was, is] = [this.#before.topLevelGroups(old), this.#after.topLevelGroups(now)];
    const key = [was.join(), lastFact(old), is.join(), lastFact(now), rules].join(" ");
    const known = this.#topLevel.get(key);
    if (known !== undefined) return known;
    const all = (side: Permitted, groups: readonly number[]): readonly RuleModel[] => groups.flatMap((group) => counted(side.topLevelRules(group), rules));
    const made = this.#ofOneAlone(met(this.#before, all(this.#before, was), old), met(this.#after, all(this.#after, is), now));
    this.#topLevel.set(key, made);
    return made;
  }

  #ofOneAlone(old: Met, now: Met): AddressSet {
    const [x, y] = [this.#byText(old), this.#byText(now)];
    return union([...withoutThoseOf(x, y), ...withoutThoseOf(y, x)]);
  }

  /** The sources of each rule, by a text that equal rules of both policies have. */
  #byText({ model, rules, last }: Met): ReadonlyMap<string, AddressSet> {
    return new Map(
      rules
        .filter((rule) => isMet(rule, last))
        .map(({ from, sni, client, after, until }) => {
          const set = model.net(from);
          const names = sni === null ? null : this.#numberOf(model.hosts(sni));
          return [`${this.#numberOf(set)} ${names} ${client} ${after} ${until}`, set];
        }),
    );
  }

  /** Policies that were read with the same SharedSets have equal sets in common; others only seem to have more changes. */
  #numberOf(set: object): number {
    const known = this.#numbers.get(set) ?? this.#numbers.size;
    this.#numbers.set(set, known);
    return known;
  }
}

function met({ model }: Permitted, rules: readonly RuleModel[], listener: ListenerModel): Met {
  return { model, rules, last: lastFact(listener) };
}

function withoutThoseOf(x: ReadonlyMap<string, AddressSet>, y: ReadonlyMap<string, AddressSet>): readonly AddressSet[] {
  return [...x].flatMap(([text, set]) => (y.has(text) ? [] : [set]));
}
