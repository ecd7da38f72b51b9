// What becomes of the sources of one class at one column (a listener, or its shadow): the order
// of a phase from docs/language.md, for each stretch of time between the ends of allows.
import {
  CODE_ALLOWED, CODE_DENY_NAME, CODE_DENY_RULE, CODE_EXPIRED, CODE_NO_ALLOW, CODE_NO_MATCH, CODE_NO_NAME, CODE_OPEN,
  VERDICT_ALLOW, VERDICT_DENY, VERDICT_OPEN,
} from "../../runtime/abi/verdicts.ts";
import { CELL_BITS, NO_RULE } from "../../runtime/abi/layout.ts";
import type { Column } from "./columns.ts";
import type { Meter } from "./meter.ts";
import { PageForest } from "./pages.ts";
import type { OrderedRule, ResidualRow, TimeRow } from "./tables.ts";

/** Rules that match the source at a column, each list ascending. */
export interface Matching {
  /** The lowest deny and the lowest allow that have no other condition, or Infinity. */
  readonly deny: number;
  readonly allow: number;
  /** Rules with a name or an end. */
  readonly conditional: readonly OrderedRule[];
}

type Outcome = Omit<ResidualRow, "timeFirst" | "timeCount">;

/** Makes residuals, time entries and name rows; equal ones are one. */
export class Outcomes {
  readonly residuals: ResidualRow[] = [];
  readonly times: TimeRow[] = [];
  /** Rows of name cells. */
  readonly rows: PageForest;
  readonly #residualOf = new Map<string, number>();
  readonly #timesOf = new Map<string, number>();
  readonly #rowOf = new Map<string, number>();
  /** The classes of names in a rule's set, ascending. */
  readonly #classesOf: (rule: OrderedRule) => Uint32Array;
  readonly #meter: Meter;
  /** By class of names, while a row is made: the lowest deny and allow. */
  readonly #deny: Float64Array;
  readonly #allow: Float64Array;
  /** The classes that have one, and the words of the row there. */
  readonly #touched: Uint32Array;
  #touchedCount = 0;
  readonly #words: Uint32Array;
  /** Residuals after the name, by rule. */
  readonly #refused = new Map<number, number>();
  readonly #admitted = new Map<number, number>();

  constructor(classCount: number, classesOf: (rule: OrderedRule) => Uint32Array, meter: Meter) {
    this.rows = new PageForest(classCount, CELL_BITS);
    this.#classesOf = classesOf;
    this.#meter = meter;
    this.#deny = new Float64Array(classCount).fill(Infinity);
    this.#allow = new Float64Array(classCount).fill(Infinity);
    this.#touched = new Uint32Array(classCount);
    this.#words = new Uint32Array(classCount);
  }

  /** The residual of a column for sources that these rules match. */
  residual(column: Column, matching: Matching): number {
    const after = this.#at(column, matching, null);
    const ends = new Set<number>();
    for (const { until } of matching.conditional) if (until !== null) ends.add(until);
    if (column.lastEnd >= 0 && column.lastEnd !== Infinity) ends.add(column.lastEnd);
    const entries: { readonly until: number; readonly residual: number }[] = [];
    let next = this.#intern(after, "");
    for (const until of [...ends].sort((x, y) => y - x)) {
      const residual = this.#intern(this.#at(column, matching, until), "");
      if (residual !== next) entries.unshift({ until, residual });
      next = residual;
    }
    return this.#intern(after, this.#entries(entries));
  }

  /** The outcome just before `until`; null: after every end, or with no clock. */
  #at({ lastEnd, mode }: Column, { deny, allow, conditional }: Matching, until: number | null): Outcome {
    const live = (rule: OrderedRule): boolean => rule.until === null || (until !== null && rule.until >= until);
    const refuse = (code: number, rule = NO_RULE): Outcome => ({ verdict: VERDICT_DENY, code, rule, row: 0 });
    const named = deny === Infinity ? NO_RULE : deny;
    if (lastEnd < 0) return refuse(CODE_NO_ALLOW, named);
    if (lastEnd < (until ?? Infinity)) return refuse(CODE_EXPIRED, named);
    if (deny !== Infinity) return refuse(CODE_DENY_RULE, deny);
    const allows = conditional.filter((rule) => rule.action === "allow" && live(rule));
    const plain = allows.reduce((least, { sni, id }) => (sni === null ? Math.min(least, id) : least), allow);
    const open = allows.filter((rule) => rule.sni !== null);
    if (mode === "tcp") {
      return plain === Infinity ? refuse(CODE_NO_MATCH) : { verdict: VERDICT_ALLOW, code: CODE_ALLOWED, rule: plain, row: 0 };
    }
    if (plain === Infinity && open.length === 0) return refuse(CODE_NO_MATCH);
    const denies = conditional.filter((rule) => rule.action === "deny" && rule.sni !== null);
    return { verdict: VERDICT_OPEN, code: CODE_OPEN, rule: NO_RULE, row: this.#row(plain, open, denies) };
  }

  /** The row of name cells: for each class, the lowest deny, else the lowest allow. */
  #row(plain: number, allows: readonly OrderedRule[], denies: readonly OrderedRule[]): number {
    const key = [plain, ...allows.map((r) => r.id), "-", ...denies.map((r) => r.id)].join();
    const known = this.#rowOf.get(key);
    if (known !== undefined) return known;
    this.#enter(allows, this.#allow);
    this.#enter(denies, this.#deny);
    const touched = this.#touched.subarray(0, this.#touchedCount).sort();
    touched.forEach((i, at) => {
      this.#words[at] = this.#named(this.#deny[i] ?? Infinity, Math.min(plain, this.#allow[i] ?? Infinity));
      this.#deny[i] = this.#allow[i] = Infinity;
    });
    this.#touchedCount = 0;
    const row = this.rows.patch(this.rows.uniform(this.#named(Infinity, plain)), touched, this.#words, touched.length);
    this.#rowOf.set(key, row);
    return row;
  }

  /** Puts the rules, which rise, at the classes of their names. */
  #enter(rules: readonly OrderedRule[], into: Float64Array): void {
    for (const rule of rules) {
      const classes = this.#classesOf(rule);
      this.#meter.spend(classes.length, this.#meter.numberOf(rule.from));
      if (this.#meter.over) return;
      for (const i of classes) {
        if (this.#deny[i] === Infinity && this.#allow[i] === Infinity) this.#touched[this.#touchedCount++] = i;
        if (rule.id < (into[i] ?? Infinity)) into[i] = rule.id;
      }
    }
  }

  #named(deny: number, allow: number): number {
    const [rule, memo, verdict, code] = deny !== Infinity ? [deny, this.#refused, VERDICT_DENY, CODE_DENY_NAME] as const
      : allow !== Infinity ? [allow, this.#admitted, VERDICT_ALLOW, CODE_ALLOWED] as const : [NO_RULE, this.#admitted, VERDICT_DENY, CODE_NO_NAME] as const;
    const known = memo.get(rule);
    if (known !== undefined) return known;
    const residual = this.#intern({ verdict, code, rule, row: 0 }, "");
    memo.set(rule, residual);
    return residual;
  }

  #entries(entries: readonly { readonly until: number; readonly residual: number }[]): string {
    if (entries.length === 0) return "";
    const key = entries.map(({ until, residual }) => `${until}:${residual}`).join();
    if (!this.#timesOf.has(key)) {
      this.#timesOf.set(key, this.times.length);
      this.times.push(...entries);
    }
    return `${this.#timesOf.get(key) ?? 0} ${entries.length}`;
  }

  #intern(outcome: Outcome, entries: string): number {
    const { verdict, code, rule, row } = outcome;
    const key = `${verdict}:${code}:${rule}:${row}:${entries}`;
    const known = this.#residualOf.get(key);
    if (known !== undefined) return known;
    const [timeFirst = 0, timeCount = 0] = entries === "" ? [] : entries.split(" ").map(Number);
    const number = this.residuals.push({ ...outcome, timeFirst, timeCount }) - 1;
    this.#residualOf.set(key, number);
    return number;
  }
}
