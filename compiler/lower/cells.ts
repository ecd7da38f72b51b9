// Cells: what each listener does with each class. A row (all listeners) is computed for every
// membership; equal rows are one class, equal outcomes are one residual set.
import type { CheckedExpose } from "../check/policy.ts";
import { CODE_ALLOWED, CODE_DENY_RULE, CODE_NO_ALLOW, CODE_NO_MATCH, VERDICT_ALLOW, VERDICT_DENY } from "../../runtime/abi/verdicts.ts";
import { MAX_PAGES, NO_RULE, PAGE_BYTES } from "../../runtime/abi/layout.ts";
import type { OrderedRule, ResidualRow } from "./tables.ts";

/** For each set, where its rules take effect: (listener, rule) pairs. */
export interface Effects {
  readonly denies: readonly (readonly number[])[];
  readonly allows: readonly (readonly number[])[];
}

export function effectsOf(rules: readonly OrderedRule[], setOf: (rule: OrderedRule) => number, setCount: number, exposes: readonly CheckedExpose[]): Effects {
  const denies: number[][] = Array.from({ length: setCount }, () => []);
  const allows: number[][] = Array.from({ length: setCount }, () => []);
  for (const rule of rules) {
    const into = (rule.action === "deny" ? denies : allows)[setOf(rule)];
    for (const listener of rule.holds === "all" ? exposes.keys() : rule.holds) into?.push(listener, rule.id);
  }
  return { denies, allows };
}

export interface Cells {
  readonly cells: Uint32Array;
  readonly classOf: Uint32Array;
  readonly classCount: number;
  readonly residuals: readonly ResidualRow[];
}

/** Cells beyond which no module could hold them: a quarter of the most memory's bytes. */
export const MAX_CELLS = (MAX_PAGES * PAGE_BYTES) / 4;

/** Null as soon as there are more than MAX_CELLS. */
export function fillCells(memberships: readonly (readonly number[])[], effects: Effects, exposes: readonly CheckedExpose[]): Cells | null {
  const width = exposes.length;
  const residuals: ResidualRow[] = [];
  const residualOf = new Map<string, number>();
  const rows: Uint32Array[] = [];
  const rowOf = new Map<string, number>();
  const deny = new Float64Array(width);
  const allow = new Float64Array(width);
  const classOf = new Uint32Array(memberships.length);
  for (const [membership, sets] of memberships.entries()) {
    if (rows.length * width > MAX_CELLS) return null;
    lowest(deny, effects.denies, sets);
    lowest(allow, effects.allows, sets);
    const row = Uint32Array.from(exposes, (expose, i) => {
      const outcome = decide(expose.allows.length > 0, deny[i] ?? Infinity, allow[i] ?? Infinity);
      return internBy(residualOf, residuals, `${outcome.code}:${outcome.rule}`, outcome);
    });
    classOf[membership] = internBy(rowOf, rows, row.join(), row);
  }
  if (residuals.length === 0) residuals.push(decide(false, Infinity, Infinity));
  const cells = new Uint32Array(rows.length * width);
  rows.forEach((row, i) => { cells.set(row, i * width); });
  return { cells, classOf, classCount: rows.length, residuals };
}

/** The lowest rule for each listener among the effects of the sets. */
function lowest(into: Float64Array, effects: readonly (readonly number[])[], sets: readonly number[]): void {
  into.fill(Infinity);
  for (const set of sets) {
    const pairs = effects[set] ?? [];
    for (let i = 0; i < pairs.length; i += 2) {
      const listener = pairs[i] ?? 0;
      into[listener] = Math.min(into[listener] ?? Infinity, pairs[i + 1] ?? Infinity);
    }
  }
}

/** The order of a phase: a true deny, then no allow, then admission. */
function decide(hasAllow: boolean, deny: number, allow: number): ResidualRow {
  if (!hasAllow) return { verdict: VERDICT_DENY, code: CODE_NO_ALLOW, rule: NO_RULE };
  if (deny !== Infinity) return { verdict: VERDICT_DENY, code: CODE_DENY_RULE, rule: deny };
  if (allow === Infinity) return { verdict: VERDICT_DENY, code: CODE_NO_MATCH, rule: NO_RULE };
  return { verdict: VERDICT_ALLOW, code: CODE_ALLOWED, rule: allow };
}

function internBy<T>(known: Map<string, number>, all: T[], key: string, value: T): number {
  const before = known.get(key);
  if (before !== undefined) return before;
  known.set(key, all.length);
  return all.push(value) - 1;
}
