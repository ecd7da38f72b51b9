// The row of cells for the sets that hold a source. Sets are toggled one by one as a sweep passes
// their edges; the row follows by what changed. A listener's own rules and the top-level denies
// are kept apart: the denies lie over the listeners' rows where they are true.
import { CELL_BITS } from "../../runtime/abi/layout.ts";
import type { Columns } from "./columns.ts";
import type { Effects, Range } from "./effects.ts";
import { Ladder } from "./ladder.ts";
import type { Meter } from "./meter.ts";
import type { Outcomes } from "./outcomes.ts";
import { PageForest } from "./pages.ts";
import type { OrderedRule } from "./tables.ts";

const NO_ONE = 0xffffffff;
const NONE: Range = { first: 0, end: 0 };

export class Rows {
  readonly forest: PageForest;
  readonly #columns: Columns;
  readonly #effects: Effects;
  readonly #rules: readonly OrderedRule[];
  readonly #outcomes: Outcomes;
  readonly #meter: Meter;
  readonly #mostWords: number;
  readonly #true: Ladder;
  /** The row of the listeners' own rules, but for the columns that are dirty. */
  #own: number;
  readonly #dirty: Uint32Array;
  readonly #isDirty: Uint8Array;
  #dirtyCount = 0;
  /** The set toggled last: it pays for the next row. */
  #payer = 0;
  /** Residuals by column and what is true there. */
  readonly #residuals = new Map<number, number>();
  readonly #conditional = new Map<string, number>();
  /** Rows under denies that hold for every listener, by the two rules. */
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
    this.#true = new Ladder(effects.ruleOf.length);
    this.#dirty = Uint32Array.from({ length: width }, (_, i) => i);
    this.#isDirty = new Uint8Array(width).fill(1);
    this.#dirtyCount = width;
    this.#words = new Uint32Array(width);
    // Every column is dirty, so nothing of this row is left in the first one that is asked for.
    this.#own = -1;
  }

  /** True when the cells have more words than a module can hold. */
  get full(): boolean {
    return this.forest.size + this.#outcomes.rows.size > this.#mostWords;
  }

  /** A set begins or ends to hold the source. */
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
    const all = this.#first(every);
    const dry = this.#first(shadows);
    const groupsFirst = groups[0]?.first ?? 0;
    const groupsEnd = groups.at(-1)?.end ?? groupsFirst;
    const single = this.#true.next(groupsFirst, groupsEnd) === groupsEnd;
    if (all === NO_ONE && dry === NO_ONE && single) return this.#ownRow();
    const key = all * 2 ** 21 + (dry === NO_ONE ? 2 ** 21 - 1 : dry);
    const known = all !== NO_ONE && single ? this.#denied.get(key) : undefined;
    if (known !== undefined) return known;
    const row = this.#deniedRow(all, dry);
    if (all !== NO_ONE && single) this.#denied.set(key, row);
    return row;
  }

  /** The lowest rule of an owner that is true, or NO_ONE. */
  #first({ first, end }: Range): number {
    const slot = this.#true.next(first, end);
    return slot === end ? NO_ONE : this.#effects.ruleOf[slot] ?? NO_ONE;
  }

  #ownRow(): number {
    const dirty = this.#dirty.subarray(0, this.#dirtyCount).sort();
    this.#meter.spend(this.#dirtyCount, this.#payer);
    dirty.forEach((column, i) => {
      this.#isDirty[column] = 0;
      this.#words[i] = this.#ownResidual(column);
    });
    this.#dirtyCount = 0;
    // At first all columns are dirty, and any row will do to be changed.
    if (this.#own < 0) this.#own = this.forest.uniform(this.#words[0] ?? 0);
    this.#own = this.forest.patch(this.#own, dirty, this.#words, dirty.length);
    return this.#own;
  }

  #deniedRow(all: number, dry: number): number {
    const { groups } = this.#effects;
    const { columns } = this.#columns;
    const denies = new Map<number, number>();
    const refuse = (column: number, rule: number): void => {
      // Dryrun rules stand behind all others, so that in a shadow a deny of the listener may come before one at top level.
      const own = columns[column]?.shadow === true ? this.#first(this.#effects.denies[column] ?? NONE) : NO_ONE;
      denies.set(column, Math.min(denies.get(column) ?? NO_ONE, rule, own));
    };
    if (all !== NO_ONE || dry !== NO_ONE) {
      columns.forEach(({ shadow }, column) => {
        const rule = shadow ? Math.min(all, dry) : all;
        if (rule !== NO_ONE) refuse(column, rule);
      });
    }
    for (const group of groups) {
      const rule = this.#first(group);
      if (rule !== NO_ONE) for (const column of group.columns) refuse(column, rule);
    }
    const indexes = Uint32Array.from(denies.keys()).sort();
    this.#meter.spend(indexes.length, this.#payer);
    const words = indexes.map((column) => this.#plainResidual(column, denies.get(column) ?? NO_ONE, NO_ONE));
    const below = indexes.length === columns.length ? this.forest.uniform(words[0] ?? 0) : this.#ownRow();
    return this.forest.patch(below, indexes, words, indexes.length);
  }

  #ownResidual(column: number): number {
    const { denies, allows, conditional } = this.#effects;
    const deny = this.#first(denies[column] ?? NONE);
    const open = conditional[column] ?? NONE;
    const firstOpen = this.#true.next(open.first, open.end);
    // A deny that is sure leaves nothing open.
    if (deny !== NO_ONE) return this.#plainResidual(column, deny, NO_ONE);
    const allow = this.#first(allows[column] ?? NONE);
    if (firstOpen === open.end) return this.#plainResidual(column, deny, allow);
    const rules: OrderedRule[] = [];
    for (let slot = firstOpen; slot < open.end; slot = this.#true.next(slot + 1, open.end)) {
      const rule = this.#rules[this.#effects.ruleOf[slot] ?? -1];
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

  #plainResidual(column: number, deny: number, allow: number): number {
    // At most one of the two is a rule, or both are NO_ONE.
    const rule = deny === NO_ONE ? allow === NO_ONE ? 0 : 2 * allow + 2 : 2 * deny + 1;
    const key = column * 2 ** 20 + rule;
    const known = this.#residuals.get(key);
    if (known !== undefined) return known;
    const residual = this.#residual(column, deny, allow, []);
    this.#residuals.set(key, residual);
    return residual;
  }

  #residual(column: number, deny: number, allow: number, conditional: readonly OrderedRule[]): number {
    const at = this.#columns.columns[column];
    const rule = (number: number): number => (number === NO_ONE ? Infinity : number);
    return at === undefined ? 0 : this.#outcomes.residual(at, { deny: rule(deny), allow: rule(allow), conditional });
  }
}
