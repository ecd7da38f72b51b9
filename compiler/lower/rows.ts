// The row of cells for the sets that contain a source. Sets are toggled one by one as a sweep passes
// their edges; the row follows by what changed. A listener's own rules and the top-level denies
// are kept apart: the denies lie over the listeners' rows where they are true.
import { CELL_BITS } from "../../runtime/abi/layout.ts";
import type { Columns } from "./columns.ts";
import type { Effects } from "./effects.ts";
import { LayeredBits } from "./layered_bits.ts";
import type { Meter } from "./meter.ts";
import type { Outcomes } from "./outcomes.ts";
import { PageForest } from "./pages.ts";
import type { OrderedRule } from "./tables.ts";

const NO_ONE = 0xffffffff;

export class Rows {
  readonly forest: PageForest;
  readonly #columns: Columns;
  readonly #effects: Effects;
  readonly #rules: readonly OrderedRule[];
  readonly #outcomes: Outcomes;
  readonly #meter: Meter;
  readonly #mostWords: number;
  readonly #true: LayeredBits;
  /** The row of the listeners' own rules, but for the columns that are dirty. */
  #own: number;
  readonly #dirty: Uint32Array;
  readonly #isDirty: Uint8Array;
  #dirtyCount = 0;
  /** The set toggled last: it pays for the next row. */
  #payer = 0;
  /** Residuals + 1 by a listener's own rule: at 2 * rule, and at the next place in its shadow. */
  readonly #ofRule: Uint32Array;
  /** Residuals + 1 by column, where no rule is true. */
  readonly #ofNone: Uint32Array;
  /** Residuals by column and top-level deny. */
  readonly #ofDeny = new Map<number, number>();
  readonly #conditional = new Map<string, number>();
  /** Rows under a deny that applies to every listener, by that rule. */
  readonly #denied = new Map<number, number>();
  readonly #words: Uint32Array;

  constructor(columns: Columns, effects: Effects, rules: readonly OrderedRule[], outcomes: Outcomes, meter: Meter, mostWords: number) {
    const width = columns.columns.length;
    this.forest = new PageForest(width, CELL_BITS);
    this.#columns = columns;
    this.#effects = effects;
    this.#rules = rules;
    this.#outcomes = outcomes;
    this.#meter = meter;
    this.#mostWords = mostWords;
    this.#true = new LayeredBits(effects.ruleOf.length);
    this.#dirty = Uint32Array.from({ length: width }, (_, i) => i);
    this.#isDirty = new Uint8Array(width).fill(1);
    this.#dirtyCount = width;
    this.#words = new Uint32Array(width);
    this.#ofRule = new Uint32Array(2 * rules.length);
    this.#ofNone = new Uint32Array(width);
    // Every column is dirty, so nothing of this row is left in the first one that is read.
    this.#own = -1;
  }

  /** True when the cells have more words than a module can contain. */
  get full(): boolean {
    return this.forest.size + this.#outcomes.names.forest.size + this.#outcomes.identities.forest.size > this.#mostWords;
  }

  /** A set begins or ends at the source. */
  toggle(set: number): void {
    const { starts, slots, columnOf } = this.#effects;
    const end = starts[set + 1] ?? 0;
    this.#payer = set;
    for (let at = starts[set] ?? 0; at < end; at++) {
      const slot = slots[at] ?? 0;
      this.#true.flip(slot);
      const column = columnOf[slot] ?? -1;
      if (column >= 0 && this.#isDirty[column] === 0) {
        this.#isDirty[column] = 1;
        this.#dirty[this.#dirtyCount++] = column;
      }
    }
    this.#meter.spend(end - (starts[set] ?? 0), set);
  }

  /** The row for what is true now. */
  row(): number {
    const { every, shadows, groups } = this.#effects;
    const all = this.#first(every.first, every.end);
    const dry = this.#first(shadows.first, shadows.end);
    const groupsFirst = groups[0]?.first ?? 0;
    const groupsEnd = groups.at(-1)?.end ?? groupsFirst;
    const apart = this.#true.next(groupsFirst, groupsEnd) !== groupsEnd;
    if (all === NO_ONE && dry === NO_ONE && !apart) return this.#ownRow();
    // Where one deny applies to every listener, nothing else decides.
    const known = all !== NO_ONE && !apart ? this.#denied.get(all) : undefined;
    if (known !== undefined) return known;
    const row = this.#deniedRow(all, dry);
    if (all !== NO_ONE && !apart) this.#denied.set(all, row);
    return row;
  }

  /** The lowest rule that is true among some slots, or NO_ONE. */
  #first(first: number, end: number): number {
    const slot = this.#true.next(first, end);
    return slot === end ? NO_ONE : (this.#effects.ruleOf[slot] ?? NO_ONE);
  }

  #ownRow(): number {
    const count = this.#dirtyCount;
    if (count === 0) return this.#own;
    this.#meter.spend(count, this.#payer);
    // Nearly always a set begins or ends alone, for one listener.
    if (count > 1) this.#dirty.subarray(0, count).sort();
    for (let i = 0; i < count; i++) {
      const column = this.#dirty[i] ?? 0;
      this.#isDirty[column] = 0;
      this.#words[i] = this.#ownResidual(column);
    }
    this.#dirtyCount = 0;
    // At first all columns are dirty, and any row will do to be changed.
    if (this.#own < 0) this.#own = this.forest.uniform(this.#words[0] ?? 0);
    this.#own = this.forest.patch(this.#own, this.#dirty, this.#words, count);
    return this.#own;
  }

  #deniedRow(all: number, dry: number): number {
    const { groups, bounds, ruleOf } = this.#effects;
    const { columns } = this.#columns;
    const denies = new Map<number, number>();
    const refuse = (column: number, rule: number): void => {
      // Dryrun rules come after all others, so that in a shadow a deny of the listener may come before one at top level.
      const own = columns[column]?.shadow === true ? this.#first(bounds[3 * column] ?? 0, bounds[3 * column + 1] ?? 0) : NO_ONE;
      denies.set(column, Math.min(denies.get(column) ?? NO_ONE, rule, own));
    };
    if (all !== NO_ONE || dry !== NO_ONE) {
      columns.forEach(({ shadow }, column) => {
        const rule = shadow ? Math.min(all, dry) : all;
        if (rule !== NO_ONE) refuse(column, rule);
      });
    }
    // From one deny that is true to the next: most groups have none.
    const end = groups.at(-1)?.end ?? 0;
    for (let slot = this.#true.next(groups[0]?.first ?? end, end); slot < end;) {
      const group = groupAt(groups, slot);
      if (group === undefined) break;
      for (const column of group.columns) refuse(column, ruleOf[slot] ?? NO_ONE);
      slot = this.#true.next(group.end, end);
    }
    const indexes = Uint32Array.from(denies.keys()).sort();
    this.#meter.spend(indexes.length, this.#payer);
    const words = indexes.map((column) => this.#deniedResidual(column, denies.get(column) ?? NO_ONE));
    const below = indexes.length === columns.length ? this.forest.uniform(words[0] ?? 0) : this.#ownRow();
    return this.forest.patch(below, indexes, words, indexes.length);
  }

  #deniedResidual(column: number, deny: number): number {
    if (this.#isGroup(column)) return 0;
    // Whom a deny for every listener refuses, nothing counts.
    if (typeof this.#columns.columns[column]?.bits === "number") return this.#outcomes.bits(0);
    if (this.#rules[deny]?.listener !== null) return this.#ruleResidual(column, deny, NO_ONE);
    const key = column * 2 ** 20 + deny;
    const known = this.#ofDeny.get(key);
    if (known !== undefined) return known;
    const residual = this.#residual(column, deny, NO_ONE, []);
    this.#ofDeny.set(key, residual);
    return residual;
  }

  /** 0 for a group: groups.ts writes its word when those of its members are known. */
  #ownResidual(column: number): number {
    if (this.#isGroup(column)) return 0;
    const { bounds, ruleOf } = this.#effects;
    const { bits = null } = this.#columns.columns[column] ?? {};
    if (bits !== null) return this.#outcomes.bits(this.#trueBits(bits, bounds[3 * column] ?? 0, bounds[3 * column + 3] ?? 0));
    const allows = bounds[3 * column + 1] ?? 0;
    const conditional = bounds[3 * column + 2] ?? 0;
    const end = bounds[3 * column + 3] ?? 0;
    const deny = this.#first(bounds[3 * column] ?? 0, allows);
    // A certain deny makes the verdict final.
    if (deny !== NO_ONE) return this.#ruleResidual(column, deny, NO_ONE);
    const allow = this.#first(allows, conditional);
    const open = this.#true.next(conditional, end);
    if (open === end) return this.#ruleResidual(column, NO_ONE, allow);
    const rules: OrderedRule[] = [];
    for (let slot = open; slot < end; slot = this.#true.next(slot + 1, end)) {
      const rule = this.#rules[ruleOf[slot] ?? -1];
      if (rule !== undefined) rules.push(rule);
    }
    this.#meter.spend(rules.length, this.#payer);
    const key = `${column}:${allow}:${rules.map(({ id }) => id).join()}`;
    const known = this.#conditional.get(key);
    if (known !== undefined) return known;
    const residual = this.#residual(column, NO_ONE, allow, rules);
    this.#conditional.set(key, residual);
    return residual;
  }

  #trueBits(always: number, first: number, end: number): number {
    let bits = always;
    for (let slot = this.#true.next(first, end); slot < end; slot = this.#true.next(slot + 1, end)) bits |= 1 << (this.#effects.ruleOf[slot] ?? 0);
    return bits;
  }

  /** The residual where a listener's own deny or allow, one of them or none, says all. */
  #ruleResidual(column: number, deny: number, allow: number): number {
    const rule = Math.min(deny, allow);
    const [memo, at] = rule === NO_ONE ? [this.#ofNone, column] : [this.#ofRule, 2 * rule + Number(this.#columns.columns[column]?.shadow === true)];
    const known = memo[at] ?? 0;
    if (known !== 0) return known - 1;
    const residual = this.#residual(column, deny, allow, []);
    memo[at] = residual + 1;
    return residual;
  }

  #isGroup(column: number): boolean {
    return this.#columns.columns[column]?.listener === -1;
  }

  #residual(column: number, deny: number, allow: number, conditional: readonly OrderedRule[]): number {
    const at = this.#columns.columns[column];
    const rule = (number: number): number => (number === NO_ONE ? Infinity : number);
    return at === undefined ? 0 : this.#outcomes.residual(at, { deny: rule(deny), allow: rule(allow), conditional });
  }
}

/** The group whose slots have this one among them. */
function groupAt(groups: Effects["groups"], slot: number): Effects["groups"][number] | undefined {
  let [low, high] = [0, groups.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((groups[middle]?.end ?? 0) > slot) high = middle;
    else low = middle + 1;
  }
  return groups[low];
}
