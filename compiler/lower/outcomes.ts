// The outcome of the sources of one class at one column (a listener, or its shadow): the order
// of a phase from docs/language.md, for each stretch of time between the beginnings and ends of allows.
import {
  CODE_ALLOWED,
  CODE_DENY_IDENTITY,
  CODE_DENY_NAME,
  CODE_DENY_RULE,
  CODE_EXPIRED,
  CODE_NO_ALLOW,
  CODE_NO_IDENTITY,
  CODE_NO_MATCH,
  CODE_NO_NAME,
  CODE_OPEN,
  CODE_OPEN_IDENTITY,
  VERDICT_ALLOW,
  VERDICT_DENY,
  VERDICT_IDENTITY,
  VERDICT_OPEN,
} from "../../runtime/abi/verdicts.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import type { Column } from "./columns.ts";
import { FactRows } from "./fact_rows.ts";
import type { Meter } from "./meter.ts";
import type { OrderedRule, ResidualRow, TimeRow } from "./tables.ts";

/** Rules that match the source at a column, each list ascending. */
export interface Matching {
  /** The lowest deny and the lowest allow that have no other condition, or Infinity. */
  readonly deny: number;
  readonly allow: number;
  /** Rules with a name, an identity or times. */
  readonly conditional: readonly OrderedRule[];
}

type Outcome = Omit<ResidualRow, "timeFirst" | "timeCount">;

/** The classes of a fact, and which of them a rule's set contains, ascending. */
export interface FactClasses {
  readonly count: number;
  readonly of: (rule: OrderedRule) => Uint32Array;
}

/** Makes residuals, time entries and rows of names and identities; equal ones are one. */
export class Outcomes {
  readonly residuals: ResidualRow[] = [];
  readonly times: TimeRow[] = [];
  readonly names: FactRows;
  readonly identities: FactRows;
  readonly #residualOf = new Map<string, number>();
  readonly #anyOf = new Map<string, number>();
  readonly #timesOf = new Map<string, number>();
  readonly #nameClasses: FactClasses;
  readonly #meter: Meter;
  /** Residuals that a rule decides, by rule. */
  readonly #decided = new Map<string, number>();

  constructor(names: FactClasses, identities: FactClasses, meter: Meter) {
    this.#nameClasses = names;
    this.#meter = meter;
    this.names = new FactRows(names.count, names.of, meter, (deny, allow) => this.#last(deny, allow, CODE_DENY_NAME, CODE_NO_NAME));
    this.identities = new FactRows(identities.count, identities.of, meter, (deny, allow) => this.#last(deny, allow, CODE_DENY_IDENTITY, CODE_NO_IDENTITY));
  }

  /** The residual of a column for sources that these rules match. */
  residual(column: Column, matching: Matching): number {
    const { always, windows } = column.live;
    const moments = new Set<number>();
    for (const { after, until } of matching.conditional) for (const time of [after, until]) if (time !== null) moments.add(time);
    if (!always) for (const { after, until } of windows) moments.add(after).add(until);
    return this.#overTime(moments, (now) => this.#at(column, matching, now));
  }

  /** The residual of a group of listeners for sources that have these at its members: refused where every member refuses, else open. */
  anyOf(members: readonly number[]): number {
    const distinct = [...new Set(members)].sort((x, y) => x - y);
    const key = distinct.join();
    const known = this.#anyOf.get(key);
    if (known !== undefined) return known;
    const rows = distinct.flatMap((number) => this.residuals[number] ?? []);
    const moments = new Set(rows.flatMap(({ timeFirst, timeCount }) => this.times.slice(timeFirst, timeFirst + timeCount).map(({ until }) => until)));
    const number = this.#overTime(moments, (now) => this.#together(rows.map((row) => this.#during(row, now))));
    this.#anyOf.set(key, number);
    return number;
  }

  /** A residual that only has bits. */
  bits(bits: number): number {
    return this.#intern({ verdict: VERDICT_DENY, code: CODE_NO_MATCH, rule: NO_RULE, row: bits }, "");
  }

  /** One residual for outcomes that change at these moments. `at(null)`: with no clock. */
  #overTime(moments: ReadonlySet<number>, at: (now: number | null) => Outcome): number {
    const unknown = at(null);
    const starts = [0, ...[...moments].filter((time) => time > 0 && time !== Infinity).sort((x, y) => x - y)];
    const entries: TimeRow[] = [];
    // The engine takes the residual itself behind the last entry, so one without an end is needed only where no clock means something else.
    let next = this.#intern(unknown, "");
    for (let i = starts.length - 1; i >= 0; i--) {
      const residual = this.#intern(at(starts[i] ?? 0), "");
      if (residual !== next) entries.unshift({ until: starts[i + 1] ?? Infinity, residual });
      next = residual;
    }
    return this.#intern(unknown, this.#entries(entries));
  }

  /** The row that applies at a moment. */
  #during(row: ResidualRow, now: number | null): ResidualRow {
    const entry = now === null ? undefined : this.times.slice(row.timeFirst, row.timeFirst + row.timeCount).find(({ until }) => until > now);
    return entry === undefined ? row : (this.residuals[entry.residual] ?? row);
  }

  /** `policy` if every member says so, else `cidr`, with the least rule of all; open as the first member that is open. */
  #together(rows: readonly ResidualRow[]): Outcome {
    const open = rows.find(({ verdict }) => verdict !== VERDICT_DENY);
    if (open !== undefined) return { verdict: VERDICT_OPEN, code: CODE_OPEN, rule: NO_RULE, row: open.row };
    const least = rows.reduce((most, { rule }) => (rule === NO_RULE ? most : Math.min(most, rule)), Infinity);
    const rule = least === Infinity ? NO_RULE : least;
    const codes = rows.map(({ code }) => code);
    const code =
      codes.every((own) => own === CODE_NO_ALLOW) ? CODE_NO_ALLOW
      : codes.every((own) => own === CODE_NO_ALLOW || own === CODE_EXPIRED) ? CODE_EXPIRED
      : rule === NO_RULE ? CODE_NO_MATCH
      : CODE_DENY_RULE;
    return { verdict: VERDICT_DENY, code, rule, row: 0 };
  }

  /** The outcome at a moment; null: with no clock. */
  #at({ live: { always, windows }, last }: Column, { deny, allow, conditional }: Matching, now: number | null): Outcome {
    const isLive = ({ after, until }: Pick<OrderedRule, "after" | "until">): boolean =>
      (after === null && until === null) || (now !== null && now >= (after ?? 0) && now < (until ?? Infinity));
    const refuse = (code: number, rule = NO_RULE): Outcome => ({ verdict: VERDICT_DENY, code, rule, row: 0 });
    const named = deny === Infinity ? NO_RULE : deny;
    if (!always && windows.length === 0) return refuse(CODE_NO_ALLOW, named);
    if (!always && !windows.some(isLive)) return refuse(CODE_EXPIRED, named);
    if (deny !== Infinity) return refuse(CODE_DENY_RULE, deny);
    const allows = conditional.filter((rule) => rule.action === "allow" && isLive(rule));
    const plain = allows.reduce((least, rule) => (isPlain(rule) ? Math.min(least, rule.id) : least), allow);
    const open = allows.filter((rule) => !isPlain(rule));
    if (last === "source") {
      return plain === Infinity ? refuse(CODE_NO_MATCH) : { verdict: VERDICT_ALLOW, code: CODE_ALLOWED, rule: plain, row: 0 };
    }
    if (plain === Infinity && open.length === 0) return refuse(CODE_NO_MATCH);
    const denies = conditional.filter((rule) => rule.action === "deny" && !isPlain(rule));
    const row = last === "name" ? this.names.row(plain, open, denies) : this.#namesThenIdentities(plain, open, denies);
    return { verdict: VERDICT_OPEN, code: CODE_OPEN, rule: NO_RULE, row };
  }

  /** The row of name cells where the identity comes behind the name. */
  #namesThenIdentities(plain: number, allows: readonly OrderedRule[], denies: readonly OrderedRule[]): number {
    const rules = [...allows, ...denies];
    const always = rules.filter(({ sni }) => sni === null);
    const named = new Map<number, OrderedRule[]>();
    for (const rule of rules) {
      if (rule.sni === null) continue;
      const classes = this.#nameClasses.of(rule);
      this.#meter.spend(classes.length, this.#meter.numberOf(rule.from));
      if (this.#meter.over) return 0;
      for (const i of classes) {
        const known = named.get(i);
        if (known === undefined) named.set(i, [rule]);
        else known.push(rule);
      }
    }
    const words = new Map<number, number>();
    for (const [i, own] of named) {
      this.#meter.spend(always.length, this.#meter.numberOf(own[0]?.from ?? always[0]?.from ?? { bounds: new Uint32Array(0) }));
      if (this.#meter.over) return 0;
      words.set(i, this.#afterName(plain, [...always, ...own]));
    }
    const key = `identity ${plain} ${rules.map(({ id }) => id).join()}`;
    return this.names.mixed(key, this.#afterName(plain, always), words);
  }

  /** The residual when the name is known; the sets of names of these rules contain it. */
  #afterName(plain: number, rules: readonly OrderedRule[]): number {
    const lowest = (action: string): number =>
      rules.reduce((least, rule) => (rule.action === action && rule.client === null ? Math.min(least, rule.id) : least), Infinity);
    const withClient = rules.filter(({ client }) => client !== null).sort((x, y) => x.id - y.id);
    const allows = withClient.filter(({ action }) => action === "allow");
    const [deny, allow] = [lowest("deny"), Math.min(plain, lowest("allow"))];
    if (deny !== Infinity || (allow === Infinity && allows.length === 0)) return this.#last(deny, Infinity, CODE_DENY_NAME, CODE_NO_NAME);
    const row = this.identities.row(
      allow,
      allows,
      withClient.filter(({ action }) => action === "deny"),
    );
    return this.#intern({ verdict: VERDICT_IDENTITY, code: CODE_OPEN_IDENTITY, rule: NO_RULE, row }, "");
  }

  /** The residual when no fact is left: the lowest deny, else the lowest allow, else no rule. */
  #last(deny: number, allow: number, denied: number, none: number): number {
    const [rule, verdict, code] =
      deny !== Infinity ? ([deny, VERDICT_DENY, denied] as const)
      : allow !== Infinity ? ([allow, VERDICT_ALLOW, CODE_ALLOWED] as const)
      : ([NO_RULE, VERDICT_DENY, none] as const);
    const key = `${rule} ${code}`;
    const known = this.#decided.get(key);
    if (known !== undefined) return known;
    const residual = this.#intern({ verdict, code, rule, row: 0 }, "");
    this.#decided.set(key, residual);
    return residual;
  }

  #entries(entries: readonly TimeRow[]): string {
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

/** The rule needs no name and no identity. */
function isPlain({ sni, client }: OrderedRule): boolean {
  return sni === null && client === null;
}
