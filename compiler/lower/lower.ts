// CheckedPolicy -> PolicyTables: orders the rules, divides addresses into classes, and says for
// each listener what becomes of each class. Everything that asks about a policy later asks
// these tables; the same policy gives the same tables, whatever order it was written in.
import type { AddressSet, CheckedPolicy, HostSet } from "../check/policy.ts";
import { VERDICT_OPEN } from "../../runtime/abi/verdicts.ts";
import { Classes, sweep } from "./classes.ts";
import { columnsOf } from "./columns.ts";
import { effectsOf } from "./effects.ts";
import type { Effects } from "./effects.ts";
import { lowerListeners } from "./limits.ts";
import { LOWER_BOUNDS, Meter } from "./meter.ts";
import type { Excess } from "./meter.ts";
import { lowerNames } from "./names.ts";
import { orderRules } from "./order.ts";
import { Outcomes } from "./outcomes.ts";
import { packRows } from "./pages.ts";
import { lowerPorts } from "./ports.ts";
import { Rows } from "./rows.ts";
import type { CellTree, OrderedRule, PolicyTables, ResidualRow } from "./tables.ts";
import { withTrie } from "./trie.ts";

export function lower(policy: CheckedPolicy, bounds = LOWER_BOUNDS): PolicyTables | Excess {
  const rules = orderRules(policy);
  const numbers = new Map<AddressSet, number>();
  for (const rule of rules) if (!numbers.has(rule.from)) numbers.set(rule.from, numbers.size);
  const sets = [...numbers.keys()];
  const setOf = (rule: OrderedRule): number => numbers.get(rule.from) ?? 0;
  const meter = new Meter(numbers, bounds.work);

  const columns = columnsOf(rules, policy.exposes);
  const effects = effectsOf(rules, setOf, sets.length, columns, bounds.effects);
  const hosts = hostSets(rules);
  const names = lowerNames(hosts.sets, bounds.nameMembers);
  if (effects === null) {
    for (const rule of rules) meter.spend(rule.holds === "all" ? policy.exposes.length : rule.holds.size, setOf(rule));
    return meter.excess("effects");
  }
  if (names.kind === "excess") return names;
  const outcomes = new Outcomes(names.classCount, ({ sni }) => names.classesOf[hosts.numberOf(sni)] ?? new Uint32Array(0), meter);
  const rows = new Rows(columns, effects, rules, outcomes, meter, bounds.cellWords);
  const classes = new Classes(rows, sets.length, ...weigh(sets, effects));
  const v4 = sweep(sets, 1, classes, meter);
  const v6 = v4 === null ? null : sweep(sets, 4, classes, meter);
  if (v4 === null || v6 === null) return meter.excess(classes.full ? "cellWords" : "work");
  // Without an expose there is no column, and no row has asked for a residual.
  if (outcomes.residuals.length === 0) outcomes.residual({ mode: "tcp", listener: 0, shadow: false, lastEnd: -1 }, { deny: Infinity, allow: Infinity, conditional: [] });

  return {
    kind: "tables",
    rules,
    ...lowerListeners(policy.exposes),
    ports: lowerPorts(policy.exposes),
    v4: withTrie(v4),
    v6: withTrie(v6),
    classCount: classes.rows.length,
    shadows: columns.shadows,
    columnCount: columns.columns.length,
    cells: packRows(rows.forest, classes.rows),
    ...packNames(outcomes),
    times: outcomes.times,
    names,
    work: meter.spent,
  };
}

/** Equal sets of names have equal words. */
function hostSets(rules: readonly OrderedRule[]): { readonly sets: readonly HostSet[]; numberOf(set: HostSet | null): number } {
  const byObject = new Map<HostSet, number>();
  const byWords = new Map<string, number>();
  const sets: HostSet[] = [];
  for (const { sni } of rules) {
    if (sni === null || byObject.has(sni)) continue;
    const words = sni.words.join(" ");
    const number = byWords.get(words) ?? sets.push(sni) - 1;
    byWords.set(words, number);
    byObject.set(sni, number);
  }
  return { sets, numberOf: (set) => (set === null ? -1 : byObject.get(set) ?? -1) };
}

/** Slots that the edges of all sets touch, and how many edges there are. */
function weigh(sets: readonly AddressSet[], { starts }: Effects): readonly [slots: number, edges: number] {
  let [slots, edges] = [0, 0];
  sets.forEach(({ bounds }, set) => {
    const own = bounds.length / 4;
    edges += own;
    slots += own * ((starts[set + 1] ?? 0) - (starts[set] ?? 0));
  });
  return [slots, edges];
}

/** Rows of names in the order of the residuals that lead to them. */
function packNames({ residuals, rows }: Outcomes): { readonly residuals: readonly ResidualRow[]; readonly nameCells: CellTree } {
  const numbers = new Map<number, number>();
  for (const { verdict, row } of residuals) if (verdict === VERDICT_OPEN && !numbers.has(row)) numbers.set(row, numbers.size);
  return {
    residuals: residuals.map((residual) => (residual.verdict === VERDICT_OPEN ? { ...residual, row: numbers.get(residual.row) ?? 0 } : residual)),
    nameCells: packRows(rows, [...numbers.keys()]),
  };
}
