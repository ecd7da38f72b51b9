// Rules without an effect: whose removal changes the verdict of no request at any time, and no shadow either. A rule is judged as
// its author wrote it: one text may be several rules (of a template, or of an expose on tcp and udp), and is removed as a whole.
//
// A text that decides a request alone has an effect. The others are candidates: from the last to the first, each is compared with
// the candidates before it and with all texts that have an effect. So of texts that make each other redundant the last is found.
// All that are found can be removed at once: without a removed allow the union of the allows without all denies is what it was,
// without a removed deny the union of all allows without the denies, and what is permitted is between these two.
import { cellsOf } from "./cells.ts";
import { ALWAYS, NEVER, OutOfNodes, type Diagram } from "./diagrams.ts";
import { readsNames, type DenyModel, type ListenerModel, type PolicyModel, type RuleModel } from "./model.ts";
import { NameLooks } from "./name_looks.ts";
import { NAMELESS } from "./names.ts";
import { lastFact, Permitted, portsMeet } from "./permitted.ts";
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

interface Item {
  readonly text: number;
  readonly dryrun: boolean;
  /** Requests that come to the listener and that the text matches. */
  matched: Diagram;
}

/** The allows of a listener, or the denies that apply to it, in the order of their texts. */
class RuleList {
  readonly items: Item[] = [];
  /** The union of those that are enforced, and of all. */
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

interface ListenerRules {
  readonly allow: RuleList;
  readonly deny: RuleList;
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
    this.#listeners = model.listeners.map(() => ({ allow: new RuleList(), deny: new RuleList() }));
    this.#places = texts.map(() => []);
    const reached = this.#reached();
    texts.forEach((text, number) => {
      for (const rule of text.rules) for (const listener of this.#listenersOf(rule)) this.#add(number, rule, listener, reached[listener] ?? NEVER);
    });
    const lists = this.#listeners.flatMap(({ allow, deny }) => [allow, deny]);
    for (const list of lists) this.#unite(list);
    this.#looks = new NameLooks(texts.map((text) => this.#looksOf(text)));
    this.#candidates = new Set(
      texts.flatMap((text, number) => ((this.#places[number] ?? []).some((place) => this.#decidesAlone(text, place)) ? [] : [number])),
    );
    for (const list of lists) this.#keepOthers(list);
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
      const matched = list.items[at]?.matched ?? NEVER;
      if (text.dryrun) list.keptDryrun = diagrams.or(list.keptDryrun, matched);
      else list.keptEnforced = diagrams.or(list.keptEnforced, matched);
    }
    return null;
  }

  #isRedundant({ action, dryrun }: RuleText, { rules, at }: Place): boolean {
    const { diagrams } = this.#space;
    const list = rules[action];
    const matched = list.items[at]?.matched ?? NEVER;
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
    const matched = items[at]?.matched ?? NEVER;
    if (action === "allow") {
      const admitted = diagrams.minus(matched, dryrun ? rules.deny.all : rules.deny.enforced);
      return diagrams.minus(admitted, dryrun ? twice : twiceEnforced) !== NEVER;
    }
    if (diagrams.minus(diagrams.and(matched, rules.allow.all), twice) !== NEVER) return true;
    return !dryrun && diagrams.minus(diagrams.and(matched, rules.allow.enforced), twiceEnforced) !== NEVER;
  }

  #why(number: number, { action, dryrun }: RuleText, places: readonly Place[]): WithoutEffect {
    const { diagrams } = this.#space;
    const matched = ({ rules, at }: Place): Diagram => rules[action].items[at]?.matched ?? NEVER;
    if (places.every((place) => matched(place) === NEVER)) return { why: "unreachable" };
    const lists = (rules: ListenerRules, which: "allow" | "deny"): Diagram => (dryrun ? rules[which].all : rules[which].enforced);
    if (action === "allow") {
      if (places.every((place) => diagrams.minus(matched(place), lists(place.rules, "deny")) === NEVER)) {
        const by = this.#sufficient(places, "deny", matched, number);
        const same = by !== null && places.every((place) => itemOf(place.rules.deny, by) === matched(place));
        return { why: "denied", by, same };
      }
      return { why: "covered", by: this.#sufficient(places, "allow", (place) => diagrams.minus(matched(place), lists(place.rules, "deny")), number) };
    }
    const refused = (place: Place): Diagram => diagrams.and(matched(place), place.rules.allow.all);
    if (places.every((place) => refused(place) === NEVER)) return { why: "nothing_allowed" };
    return { why: "covered", by: this.#sufficient(places, "deny", refused, number) };
  }

  /** The first other text that has, at each place, all that is wanted there. A `dryrun` makes nothing redundant that is enforced. */
  #sufficient(places: readonly Place[], which: "allow" | "deny", wanted: (place: Place) => Diagram, number: number): number | null {
    const { diagrams } = this.#space;
    const due = places.map((place) => ({ list: place.rules[which], wanted: wanted(place) })).filter((x) => x.wanted !== NEVER);
    const dryrun = this.#texts[number]?.dryrun === true;
    let tried = 0;
    for (const item of due[0]?.list.items ?? []) {
      if (item.text === number || (item.dryrun && !dryrun)) continue;
      if (due.every((x) => diagrams.minus(x.wanted, itemOf(x.list, item.text)) === NEVER)) return item.text;
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

  #add(number: number, at: RuleAt, i: number, reached: Diagram): void {
    const [text, listener, rules] = [this.#texts[number], this.#model.listeners[i], this.#listeners[i]];
    if (text === undefined || listener === undefined || rules === undefined) return;
    this.#items++;
    if (this.#items > MOST_ITEMS) throw new OutOfNodes();
    const rule = this.#ruleAt(at, text.action);
    if (rule === undefined) return;
    const { diagrams } = this.#space;
    const last = lastFact(listener);
    const key = `${at.listener ?? "top"} ${text.action} ${at.index} ${last}`;
    const all = this.#matched.get(key) ?? this.#permitted.matched([rule], last);
    if (at.listener === null) this.#matched.set(key, all);
    const matched = diagrams.and(all, reached);
    const { items } = rules[text.action];
    const same = items.at(-1);
    if (same?.text === number) {
      same.matched = diagrams.or(same.matched, matched);
      return;
    }
    this.#places[number]?.push({ rules, at: items.length });
    items.push({ text: number, dryrun: text.dryrun, matched });
  }

  #unite(list: RuleList): void {
    const { diagrams } = this.#space;
    for (const { dryrun, matched } of list.items) {
      list.twice = diagrams.or(list.twice, diagrams.and(list.all, matched));
      list.all = diagrams.or(list.all, matched);
      if (dryrun) continue;
      list.enforced = list.all;
      list.twiceEnforced = list.twice;
    }
  }

  /** A text that is no candidate is kept, as far as a candidate matches the same. */
  #keepOthers(list: RuleList): void {
    const { diagrams } = this.#space;
    let candidates: Diagram = NEVER;
    for (const { text, matched } of list.items) {
      list.before.push(candidates);
      if (this.#candidates.has(text)) candidates = diagrams.or(candidates, matched);
    }
    for (const { text, dryrun, matched } of list.items) {
      if (this.#candidates.has(text)) continue;
      const shared = diagrams.and(matched, candidates);
      if (dryrun) list.keptDryrun = diagrams.or(list.keptDryrun, shared);
      else list.keptEnforced = diagrams.or(list.keptEnforced, shared);
    }
  }
}

/** A service that listens by itself is under no deny. */
function applies({ on }: DenyModel, { mode, proto, ports }: ListenerModel): boolean {
  return mode !== "direct" && (on === null || (on.proto === proto && portsMeet(on.ports, ports)));
}

/** Items are in the order of their texts. */
function itemOf({ items }: RuleList, text: number): Diagram {
  let [low, high] = [0, items.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((items[middle]?.text ?? 0) < text) low = middle + 1;
    else high = middle;
  }
  const item = items[low];
  return item?.text === text ? item.matched : NEVER;
}
