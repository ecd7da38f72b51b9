// Rules without an effect: whose removal changes the verdict of no request at any time, and no shadow either. A rule is judged as
// its author wrote it: one text may be several rules (of a template, or of an expose on tcp and udp), and is removed as a whole.
//
// A text that decides a request alone has an effect. The others are candidates: from the last to the first, each is compared with
// the candidates before it and with all texts that have an effect. So of texts that make each other redundant the last is found.
// All that are found can be removed at once: without a removed allow the union of the allows without all denies is what it was,
// without a removed deny the union of all allows without the denies, and what is permitted is between these two.
import { contains, EMPTY, size, union } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import { cellsOf } from "./cells.ts";
import { ALWAYS, NEVER, OutOfNodes, type Diagram } from "./diagrams.ts";
import { readsNames, type DenyModel, type ListenerModel, type PolicyModel, type RuleModel } from "./model.ts";
import { NameLooks } from "./name_looks.ts";
import { NAMELESS } from "./names.ts";
import { lastFact, Permitted, portsMeet } from "./permitted.ts";
import { findDeciding, Item, RuleList, settle, type ListenerRules } from "./rule_lists.ts";
import { witnessOf } from "./rows.ts";
import { Space } from "./space.ts";

/** A rule of the model. */
export interface RuleAt {
  /** Null: a deny at top level. */
  readonly listener: number | null;
  /** Among the allows or the denies of the listener, or among the denies at top level. */
  readonly index: number;
}

export interface RuleText {
  readonly action: "allow" | "deny";
  readonly dryrun: boolean;
  /** All rules that it became. */
  readonly rules: readonly RuleAt[];
}

export type WithoutEffect =
  /** No request of any client matches it. */
  | { readonly why: "unreachable" }
  /** An allow: denies refuse all that it admits. `by`: the text of the one that suffices; `same`: it matches the same requests. */
  | { readonly why: "denied"; readonly by: number | null; readonly same: boolean }
  /** A deny: no allow admits anything that it refuses. */
  | { readonly why: "nothing_allowed" }
  /** Others of its action do the same. `by`: the one that suffices. */
  | { readonly why: "covered"; readonly by: number | null };

export interface Redundancy {
  /** By the number of the text. */
  readonly found: ReadonlyMap<number, WithoutEffect>;
  /** Texts that were not judged, because the budget of nodes was used up: the first ones. */
  readonly unjudged: number;
  readonly nodes: number;
}

/** Pairs of a text and a listener that it applies to; beyond that nothing is judged. */
const MOST_ITEMS = 2_000_000;
/** Intervals of the rules of a listener that one walk takes; with more it is none of the plain ones. */
const MOST_INTERVALS = 8_000_000;
/** Texts that are tried as the one that suffices. */
const MOST_TRIED = 256;

/** `texts` in canonical order, each `dryrun` behind all others. */
export function withoutEffect(model: PolicyModel, texts: readonly RuleText[], mostNodes?: number): Redundancy {
  const found = new Map<number, WithoutEffect>();
  let left = texts.length;
  let space: Space | null = null;
  try {
    space = new Space([model], mostNodes);
    const judge = new Judge(space, model, texts);
    for (; left > 0; left--) {
      const why = judge.judge(left - 1);
      if (why !== null) found.set(left - 1, why);
    }
  } catch (error) {
    if (!(error instanceof OutOfNodes)) throw error;
  }
  return { found, unjudged: left, nodes: space?.diagrams.nodes ?? 0 };
}

/** Where a text takes effect. */
interface Place {
  readonly rules: ListenerRules;
  readonly at: number;
}

class Judge {
  readonly #space: Space;
  readonly #model: PolicyModel;
  readonly #texts: readonly RuleText[];
  readonly #permitted: Permitted;
  readonly #listeners: readonly ListenerRules[];
  /** By text. */
  readonly #places: readonly Place[][];
  /** Texts that decide no request alone; all others have an effect. */
  readonly #candidates: ReadonlySet<number>;
  readonly #matched = new Map<string, Diagram>();
  readonly #looks: NameLooks;
  /** Listeners to which all names lead at some port, and of some of these whether they admit clients without a name. */
  readonly #alone = new Set<number>();
  readonly #nameless = new Map<number, boolean>();
  #items = 0;

  constructor(space: Space, model: PolicyModel, texts: readonly RuleText[]) {
    this.#space = space;
    this.#model = model;
    this.#texts = texts;
    this.#permitted = new Permitted(space, model);
    this.#places = texts.map(() => []);
    this.#listeners = this.#reached().map((reached, i) => ({
      allow: new RuleList(),
      deny: new RuleList(),
      reached,
      isPlain: reached !== NEVER && this.#isPlain(i),
    }));
    texts.forEach((text, number) => {
      for (const rule of text.rules) for (const listener of this.#listenersOf(rule)) this.#add(number, rule, listener);
    });
    for (const rules of this.#listeners) {
      if (rules.isPlain) findDeciding(rules);
      else for (const list of [rules.allow, rules.deny]) this.#unite(list);
    }
    this.#looks = new NameLooks(texts.map((text) => this.#looksOf(text)));
    this.#candidates = new Set(
      texts.flatMap((text, number) => ((this.#places[number] ?? []).some((place) => this.#decidesAlone(text, place)) ? [] : [number])),
    );
    for (const rules of this.#listeners) {
      const made = (sources: AddressSet): Diagram => space.diagrams.and(space.sources(sources), rules.reached);
      if (rules.isPlain) settle(rules, this.#candidates, made, (steps) => space.diagrams.spend(steps));
      for (const list of [rules.allow, rules.deny]) this.#keepOthers(rules, list);
    }
  }

  /** Null: the text has an effect. */
  judge(number: number): WithoutEffect | null {
    const text = this.#texts[number];
    if (text === undefined || !this.#candidates.has(number)) return null;
    const places = this.#places[number] ?? [];
    if (!this.#looks.isLast(number) && places.every((place) => this.#isRedundant(text, place))) {
      this.#looks.remove(number);
      return this.#why(number, text, places);
    }
    const { diagrams } = this.#space;
    for (const { rules, at } of places) {
      const list = rules[text.action];
      const matched = this.#decisive(rules, list.items[at]);
      if (text.dryrun) list.keptDryrun = diagrams.or(list.keptDryrun, matched);
      else list.keptEnforced = diagrams.or(list.keptEnforced, matched);
    }
    return null;
  }

  #isRedundant({ action, dryrun }: RuleText, { rules, at }: Place): boolean {
    const { diagrams } = this.#space;
    const list = rules[action];
    const matched = this.#decisive(rules, list.items[at]);
    const before = list.before[at] ?? NEVER;
    const isWithin = (d: Diagram, ...others: readonly Diagram[]): boolean => others.reduce((rest, other) => diagrams.minus(rest, other), d) === NEVER;
    if (action === "allow") {
      if (dryrun) return isWithin(matched, before, list.keptEnforced, list.keptDryrun, rules.deny.all);
      // The enforced rules that make it redundant are in the shadow, too.
      return isWithin(matched, before, list.keptEnforced, rules.deny.enforced);
    }
    const shadow = isWithin(diagrams.and(matched, rules.allow.all), before, list.keptEnforced, list.keptDryrun);
    return shadow && (dryrun || isWithin(diagrams.and(matched, rules.allow.enforced), before, list.keptEnforced));
  }

  #admitsNameless(i: number): boolean {
    const known = this.#nameless.get(i);
    if (known !== undefined) return known;
    const { diagrams } = this.#space;
    const [listener, rules] = [this.#model.listeners[i], this.#listeners[i]];
    const nameless = this.#space.named([{ first: NAMELESS, last: NAMELESS }]);
    const admits = (allows: Diagram, denies: Diagram): boolean => diagrams.minus(diagrams.and(allows, nameless), denies) !== NEVER;
    const is =
      listener !== undefined &&
      rules !== undefined &&
      this.#alone.has(i) &&
      readsNames(listener.mode) &&
      (admits(rules.allow.enforced, rules.deny.enforced) || admits(rules.allow.all, rules.deny.all));
    this.#nameless.set(i, is);
    return is;
  }

  /** Where a text looks at names, and a client without one is admitted. */
  #looksOf({ action, dryrun, rules }: RuleText): ReadonlySet<number> {
    const looking = dryrun ? [] : rules.filter((at) => (this.#ruleAt(at, action)?.sni ?? null) !== null);
    return new Set(looking.flatMap((at) => this.#listenersOf(at)).filter((i) => this.#admitsNameless(i)));
  }

  /** Whether there is a request, or one of the shadow, that no other rule of its action decides in the same way. */
  #decidesAlone({ action, dryrun }: RuleText, { rules, at }: Place): boolean {
    const { diagrams } = this.#space;
    const { twice, twiceEnforced, items } = rules[action];
    if (rules.isPlain) return items[at]?.decidesAlone === true;
    const matched = this.#matchedBy(rules, items[at]);
    if (action === "allow") {
      const admitted = diagrams.minus(matched, dryrun ? rules.deny.all : rules.deny.enforced);
      return diagrams.minus(admitted, dryrun ? twice : twiceEnforced) !== NEVER;
    }
    if (diagrams.minus(diagrams.and(matched, rules.allow.all), twice) !== NEVER) return true;
    return !dryrun && diagrams.minus(diagrams.and(matched, rules.allow.enforced), twiceEnforced) !== NEVER;
  }

  #why(number: number, { action, dryrun }: RuleText, places: readonly Place[]): WithoutEffect {
    const { diagrams } = this.#space;
    const matched = ({ rules, at }: Place): Diagram => this.#matchedBy(rules, rules[action].items[at]);
    if (places.every(({ rules, at }) => this.#isNever(rules, rules[action].items[at]))) return { why: "unreachable" };
    const lists = (rules: ListenerRules, which: "allow" | "deny"): Diagram => (dryrun ? rules[which].all : rules[which].enforced);
    if (action === "allow") {
      if (places.every((place) => diagrams.minus(matched(place), lists(place.rules, "deny")) === NEVER)) {
        const by = this.#sufficient(places, "deny", matched, number);
        const same = by !== null && places.every((place) => this.#matchedBy(place.rules, itemOf(place.rules.deny, by)) === matched(place));
        return { why: "denied", by, same };
      }
      return { why: "covered", by: this.#sufficient(places, "allow", (place) => diagrams.minus(matched(place), lists(place.rules, "deny")), number) };
    }
    const refused = ({ rules, at }: Place): Diagram => diagrams.and(this.#decisive(rules, rules.deny.items[at]), rules.allow.all);
    if (places.every((place) => refused(place) === NEVER)) return { why: "nothing_allowed" };
    return { why: "covered", by: this.#sufficient(places, "deny", refused, number) };
  }

  /** The first other text that has, at each place, all that is wanted there. A `dryrun` makes nothing redundant that is enforced. */
  #sufficient(places: readonly Place[], which: "allow" | "deny", wanted: (place: Place) => Diagram, number: number): number | null {
    const { diagrams } = this.#space;
    const due = places
      .map(({ rules, at }) => ({ rules, wanted: wanted({ rules, at }) }))
      .filter((x) => x.wanted !== NEVER)
      .map((x) => ({ ...x, example: x.rules.isPlain ? (witnessOf(this.#space, x.wanted)?.source ?? null) : null }));
    const has = ({ rules, example, wanted: all }: (typeof due)[number], item: Item | undefined): boolean => {
      // Most don't have the one address, and then no diagram is made of them.
      if (example !== null && !contains(item?.sources ?? EMPTY, example)) return false;
      return diagrams.minus(all, this.#matchedBy(rules, item)) === NEVER;
    };
    const dryrun = this.#texts[number]?.dryrun === true;
    let tried = 0;
    for (const item of due[0]?.rules[which].items ?? []) {
      if (item.text === number || (item.dryrun && !dryrun)) continue;
      if (due.every((x) => has(x, itemOf(x.rules[which], item.text)))) return item.text;
      if (++tried === MOST_TRIED) break;
    }
    return null;
  }

  /** Of each listener the requests that come to it: by the names that lead there, with certificates that there can be. */
  #reached(): readonly Diagram[] {
    const { diagrams, possible } = this.#space;
    const reached = this.#model.listeners.map((): Diagram => NEVER);
    for (const {
      members: [members = []],
    } of cellsOf([this.#model])) {
      for (const i of members) {
        if (this.#alone.has(i)) continue;
        const ranges = this.#permitted.leads(members, i);
        if (ranges === null) this.#alone.add(i);
        const names = ranges === null ? ALWAYS : this.#space.named(ranges);
        reached[i] = diagrams.or(reached[i] ?? NEVER, diagrams.and(names, possible));
      }
    }
    return reached;
  }

  #ruleAt({ listener, index }: RuleAt, action: "allow" | "deny"): RuleModel | undefined {
    if (listener === null) return this.#model.denies[index];
    const own = this.#model.listeners[listener];
    return action === "allow" ? own?.allows[index] : own?.denies[index];
  }

  #listenersOf({ listener, index }: RuleAt): readonly number[] {
    if (listener !== null) return [listener];
    const deny = this.#model.denies[index];
    return deny === undefined ? [] : this.#model.listeners.flatMap((l, i) => (applies(deny, l) ? [i] : []));
  }

  /** The requests that a text matches at a listener. */
  #matchedBy({ reached }: ListenerRules, item: Item | undefined): Diagram {
    if (item === undefined) return NEVER;
    const { sources } = item;
    item.matched ??= sources === null ? NEVER : this.#space.diagrams.and(this.#space.sources(sources), reached);
    return item.matched;
  }

  #decisive(rules: ListenerRules, item: Item | undefined): Diagram {
    return item?.decisive ?? this.#matchedBy(rules, item);
  }

  #isNever(rules: ListenerRules, item: Item | undefined): boolean {
    const sources = item?.sources ?? null;
    return sources === null ? this.#matchedBy(rules, item) === NEVER : size(sources) === 0;
  }

  /** Whether all rules of a listener are about sources alone. */
  #isPlain(i: number): boolean {
    const listener = this.#model.listeners[i];
    if (listener === undefined) return false;
    let intervals = 0;
    const isPlain = ({ from, sni, client, after, until }: RuleModel): boolean => {
      intervals += size(this.#model.net(from));
      return sni === null && client === null && after === null && until === null && intervals <= MOST_INTERVALS;
    };
    if (!listener.allows.every(isPlain) || !listener.denies.every(isPlain)) return false;
    for (const deny of this.#model.denies) if (applies(deny, listener) && !isPlain(deny)) return false;
    // As many steps as its walks take.
    this.#space.diagrams.spend(2 * intervals);
    return true;
  }

  #add(number: number, at: RuleAt, i: number): void {
    const [text, listener, rules] = [this.#texts[number], this.#model.listeners[i], this.#listeners[i]];
    if (text === undefined || listener === undefined || rules === undefined) return;
    this.#items++;
    if (this.#items > MOST_ITEMS) throw new OutOfNodes();
    const rule = this.#ruleAt(at, text.action);
    if (rule === undefined) return;
    const { items } = rules[text.action];
    const same = items.at(-1);
    if (rules.isPlain) {
      const sources = this.#model.net(rule.from);
      if (same?.text === number) {
        same.sources = same.sources === null ? sources : union([same.sources, sources]);
        return;
      }
      this.#places[number]?.push({ rules, at: items.length });
      items.push(new Item(number, text.dryrun, sources, null));
      return;
    }
    const { diagrams } = this.#space;
    const last = lastFact(listener);
    const key = `${at.listener ?? "top"} ${text.action} ${at.index} ${last}`;
    const all = this.#matched.get(key) ?? this.#permitted.matched([rule], last);
    if (at.listener === null) this.#matched.set(key, all);
    const matched = diagrams.and(all, rules.reached);
    if (same?.text === number) {
      same.matched = diagrams.or(same.matched ?? NEVER, matched);
      return;
    }
    this.#places[number]?.push({ rules, at: items.length });
    items.push(new Item(number, text.dryrun, null, matched));
  }

  #unite(list: RuleList): void {
    const { diagrams } = this.#space;
    for (const { dryrun, matched: made } of list.items) {
      const matched = made ?? NEVER;
      list.twice = diagrams.or(list.twice, diagrams.and(list.all, matched));
      list.all = diagrams.or(list.all, matched);
      if (dryrun) continue;
      list.enforced = list.all;
      list.twiceEnforced = list.twice;
    }
  }

  /** A text that is no candidate is kept, as far as a candidate matches the same. */
  #keepOthers(rules: ListenerRules, list: RuleList): void {
    const { diagrams } = this.#space;
    let candidates: Diagram = NEVER;
    for (const item of list.items) {
      list.before.push(candidates);
      if (this.#candidates.has(item.text)) candidates = diagrams.or(candidates, this.#decisive(rules, item));
    }
    if (rules.isPlain) return;
    for (const item of list.items) {
      if (this.#candidates.has(item.text)) continue;
      const shared = diagrams.and(this.#matchedBy(rules, item), candidates);
      if (item.dryrun) list.keptDryrun = diagrams.or(list.keptDryrun, shared);
      else list.keptEnforced = diagrams.or(list.keptEnforced, shared);
    }
  }
}

/** A service that listens by itself is under no deny. */
function applies({ on }: DenyModel, { mode, proto, ports }: ListenerModel): boolean {
  return mode !== "direct" && (on === null || (on.proto === proto && portsMeet(on.ports, ports)));
}

/** Items are in the order of their texts. */
function itemOf({ items }: RuleList, text: number): Item | undefined {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.text ?? 0) < text) low = middle + 1;
    else high = middle;
  }
  const item = items[low];
  return item?.text === text ? item : undefined;
}
