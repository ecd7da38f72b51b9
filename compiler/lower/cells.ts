// Cells: what each column (a listener, or its shadow) does with each class. A row of all columns
// is computed for every membership; equal rows are one class, equal outcomes are one residual.
import type { CheckedExpose } from "../check/policy.ts";
import { MAX_PAGES, PAGE_BYTES } from "../../runtime/abi/layout.ts";
import type { Column, Outcomes } from "./outcomes.ts";
import type { OrderedRule } from "./tables.ts";

/** Listeners first; a shadow stands behind them for each listener for which a dryrun rule holds. */
export interface Columns {
  readonly columns: readonly Column[];
  /** The listener of each column. */
  readonly listenerOf: readonly number[];
  /** By listener: its shadow column, or 0. */
  readonly shadows: readonly number[];
}

export function columnsOf(rules: readonly OrderedRule[], exposes: readonly CheckedExpose[]): Columns {
  const dry = rules.filter((rule) => rule.dryrun);
  const own: OrderedRule[][] = exposes.map(() => []);
  for (const rule of rules) if (rule.action === "allow" && rule.listener !== null) own[rule.listener]?.push(rule);
  const listenerOf = [...exposes.keys()];
  const shadows = exposes.map((_, i) => {
    if (!dry.some(({ holds }) => holds === "all" || holds.has(i))) return 0;
    return listenerOf.push(i) - 1;
  });
  const columns = listenerOf.map((listener, number): Column => ({
    mode: exposes[listener]?.mode === "passthrough" ? "passthrough" : "tcp",
    allows: (own[listener] ?? []).filter((rule) => !rule.dryrun || number >= exposes.length),
  }));
  return { columns, listenerOf, shadows };
}

/** For each set, where its rules take effect: (column, rule) pairs. */
export interface Effects {
  readonly denies: readonly (readonly number[])[];
  readonly allows: readonly (readonly number[])[];
  /** Rules with a name or an end. */
  readonly conditional: readonly (readonly number[])[];
}

export function effectsOf(rules: readonly OrderedRule[], setOf: (rule: OrderedRule) => number, setCount: number, { columns, listenerOf, shadows }: Columns): Effects {
  const empty = (): number[][] => Array.from({ length: setCount }, () => []);
  const effects = { denies: empty(), allows: empty(), conditional: empty() };
  for (const rule of rules) {
    const kind = rule.sni !== null || rule.until !== null ? "conditional" : rule.action === "deny" ? "denies" : "allows";
    const into = effects[kind][setOf(rule)];
    const enter = (column: number): void => {
      // Without TLS no name ever comes, so a rule that asks for one is never true.
      if (rule.sni === null || columns[column]?.mode === "passthrough") into?.push(column, rule.id);
    };
    for (const listener of rule.holds === "all" ? shadows.keys() : rule.holds) {
      if (!rule.dryrun) enter(listener);
      const shadow = shadows[listener] ?? 0;
      if (shadow !== 0 && listenerOf[shadow] === listener) enter(shadow);
    }
  }
  return effects;
}

export interface Cells {
  readonly cells: Uint32Array;
  readonly classOf: Uint32Array;
  readonly classCount: number;
}

/** Cells beyond which no module could hold them: a quarter of the most memory's bytes. */
export const MAX_CELLS = (MAX_PAGES * PAGE_BYTES) / 4;

/** Null as soon as there are more than MAX_CELLS. */
export function fillCells(memberships: readonly (readonly number[])[], effects: Effects, columns: readonly Column[], rules: readonly OrderedRule[], outcomes: Outcomes): Cells | null {
  const width = columns.length;
  const rows: Uint32Array[] = [];
  const rowOf = new Map<string, number>();
  const deny = new Float64Array(width);
  const allow = new Float64Array(width);
  const classOf = new Uint32Array(memberships.length);
  const residualOf = columns.map(() => new Map<string, number>());
  for (const [membership, sets] of memberships.entries()) {
    if (rows.length * width > MAX_CELLS || outcomes.full) return null;
    lowest(deny, effects.denies, sets);
    lowest(allow, effects.allows, sets);
    const conditional = gather(effects.conditional, sets);
    const row = Uint32Array.from(columns, (column, i) => {
      const open = (conditional.get(i) ?? []).sort((x, y) => x - y);
      const key = `${deny[i] ?? 0}:${allow[i] ?? 0}:${open.join()}`;
      const known = residualOf[i]?.get(key);
      if (known !== undefined) return known;
      const residual = outcomes.residual(column, {
        deny: deny[i] ?? Infinity,
        allow: allow[i] ?? Infinity,
        conditional: open.flatMap((id) => rules[id] ?? []),
      });
      residualOf[i]?.set(key, residual);
      return residual;
    });
    const key = row.join();
    const before = rowOf.get(key);
    classOf[membership] = before ?? rows.length;
    if (before === undefined) {
      rowOf.set(key, rows.length);
      rows.push(row);
    }
  }
  if (outcomes.residuals.length === 0) outcomes.residual({ mode: "tcp", allows: [] }, { deny: Infinity, allow: Infinity, conditional: [] });
  const cells = new Uint32Array(rows.length * width);
  rows.forEach((row, i) => { cells.set(row, i * width); });
  return { cells, classOf, classCount: rows.length };
}

/** The lowest rule for each column among the effects of the sets. */
function lowest(into: Float64Array, effects: readonly (readonly number[])[], sets: readonly number[]): void {
  into.fill(Infinity);
  for (const set of sets) {
    const pairs = effects[set] ?? [];
    for (let i = 0; i < pairs.length; i += 2) {
      const column = pairs[i] ?? 0;
      into[column] = Math.min(into[column] ?? Infinity, pairs[i + 1] ?? Infinity);
    }
  }
}

/** All rules for each column among the effects of the sets. */
function gather(effects: readonly (readonly number[])[], sets: readonly number[]): Map<number, number[]> {
  const found = new Map<number, number[]>();
  for (const set of sets) {
    const pairs = effects[set] ?? [];
    for (let i = 0; i < pairs.length; i += 2) {
      const column = pairs[i] ?? 0;
      const ids = found.get(column);
      if (ids === undefined) found.set(column, [pairs[i + 1] ?? 0]);
      else ids.push(pairs[i + 1] ?? 0);
    }
  }
  return found;
}
