// What becomes of the sources of one membership at one column (a listener, or its shadow): the
// order of a phase from docs/language.md, for each stretch of time between the ends of allows.
import {
  CODE_ALLOWED, CODE_DENY_NAME, CODE_DENY_RULE, CODE_EXPIRED, CODE_NO_ALLOW, CODE_NO_MATCH, CODE_NO_NAME, CODE_OPEN,
  VERDICT_ALLOW, VERDICT_DENY, VERDICT_OPEN,
} from "../../runtime/abi/verdicts.ts";
import { MAX_PAGES, NO_RULE, PAGE_BYTES } from "../../runtime/abi/layout.ts";
import type { OrderedRule, ResidualRow, TimeRow } from "./tables.ts";

/** Name cells beyond which no module could hold them. */
export const MAX_NAME_CELLS = (MAX_PAGES * PAGE_BYTES) / 4;

/** One column of the cells. */
export interface Column {
  readonly mode: "tcp" | "passthrough";
  /** The allows of the listener that count here, whatever their sources. */
  readonly allows: readonly OrderedRule[];
}

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
  readonly rows: Uint32Array[] = [];
  readonly #residualOf = new Map<string, number>();
  readonly #timesOf = new Map<string, number>();
  readonly #rowOf = new Map<string, number>();
  readonly #classCount: number;
  /** The classes of names in a rule's set. */
  readonly #classesOf: (rule: OrderedRule) => readonly number[];

  constructor(classCount: number, classesOf: (rule: OrderedRule) => readonly number[]) {
    this.#classCount = classCount;
    this.#classesOf = classesOf;
  }

  /** True when there are more name cells than a module can hold. */
  get full(): boolean {
    return this.rows.length * this.#classCount > MAX_NAME_CELLS;
  }

  /** The residual of a column for sources that these rules match. */
  residual(column: Column, matching: Matching): number {
    const after = this.#at(column, matching, null);
    const ends = new Set<number>();
    for (const { until } of matching.conditional) if (until !== null) ends.add(until);
    if (column.allows.length > 0 && column.allows.every(({ until }) => until !== null)) {
      ends.add(column.allows.reduce((last, { until }) => Math.max(last, until ?? 0), 0));
    }
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
  #at(column: Column, { deny, allow, conditional }: Matching, until: number | null): Outcome {
    const live = (rule: OrderedRule): boolean => rule.until === null || (until !== null && rule.until >= until);
    const refuse = (code: number, rule = NO_RULE): Outcome => ({ verdict: VERDICT_DENY, code, rule, row: 0 });
    const named = deny === Infinity ? NO_RULE : deny;
    if (column.allows.length === 0) return refuse(CODE_NO_ALLOW, named);
    if (!column.allows.some(live)) return refuse(CODE_EXPIRED, named);
    if (deny !== Infinity) return refuse(CODE_DENY_RULE, deny);
    const allows = conditional.filter((rule) => rule.action === "allow" && live(rule));
    const plain = Math.min(allow, ...allows.filter((rule) => rule.sni === null).map((rule) => rule.id));
    const open = allows.filter((rule) => rule.sni !== null);
    if (column.mode === "tcp") {
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
    const allow = new Float64Array(this.#classCount).fill(plain);
    const deny = new Float64Array(this.#classCount).fill(Infinity);
    for (const rule of allows) lower(allow, this.#classesOf(rule), rule.id);
    for (const rule of denies) lower(deny, this.#classesOf(rule), rule.id);
    const row = new Uint32Array(this.#classCount);
    for (let i = 0; i < row.length; i++) {
      const refused = deny[i] ?? Infinity;
      const admitted = allow[i] ?? Infinity;
      if (refused !== Infinity) row[i] = this.#intern({ verdict: VERDICT_DENY, code: CODE_DENY_NAME, rule: refused, row: 0 }, "");
      else if (admitted !== Infinity) row[i] = this.#intern({ verdict: VERDICT_ALLOW, code: CODE_ALLOWED, rule: admitted, row: 0 }, "");
      else row[i] = this.#intern({ verdict: VERDICT_DENY, code: CODE_NO_NAME, rule: NO_RULE, row: 0 }, "");
    }
    const number = this.rows.push(row) - 1;
    this.#rowOf.set(key, number);
    return number;
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

function lower(into: Float64Array, classes: readonly number[], rule: number): void {
  for (const i of classes) into[i] = Math.min(into[i] ?? Infinity, rule);
}
