// CheckedPolicy -> PolicyTables: orders the rules, divides addresses into classes, and says for
// each listener what becomes of each class. Everything that evaluates a policy later reads
// these tables; the same policy gives the same tables, whatever order it was written in.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import type { AddressSet, CheckedGroup, CheckedPolicy } from "../policy/policy.ts";
import { VERDICT_IDENTITY, VERDICT_OPEN } from "../../runtime/abi/verdicts.ts";
import { Classes, sweep } from "./classes.ts";
import { columnsOf, NEVER, type Columns } from "./columns.ts";
import { effectsOf } from "./effects.ts";
import type { Effects } from "./effects.ts";
import { leadRows, withGroupColumns, type GroupColumn } from "./groups.ts";
import { lowerIdentities } from "./identities.ts";
import { lowerListeners } from "./limits.ts";
import { LOWER_BOUNDS, Meter } from "./meter.ts";
import type { Excess } from "./meter.ts";
import { lowerNames } from "./names.ts";
import { orderRules } from "./order.ts";
import { Outcomes } from "./outcomes.ts";
import { packRows } from "./pages.ts";
import { lowerPorts } from "./ports.ts";
import { Rows } from "./rows.ts";
import type { CellTree, PolicyTables, ResidualRow } from "./tables.ts";
import { withTrie } from "./trie.ts";

export function lower(policy: CheckedPolicy, bounds = LOWER_BOUNDS): Result<PolicyTables, Excess> {
  const rules = orderRules(policy);
  const numbers = new Map<AddressSet, number>();
  const { listeners, limits } = lowerListeners(policy.exposes);
  for (const { from } of rules) if (!numbers.has(from)) numbers.set(from, numbers.size);
  for (const { from } of listeners.flatMap(({ some }) => some)) if (!numbers.has(from)) numbers.set(from, numbers.size);
  const sets = [...numbers.keys()];
  const setOf = (set: AddressSet): number => numbers.get(set) ?? 0;
  const meter = new Meter(numbers, bounds.work);

  const columns = columnsOf(rules, listeners, policy.groups);
  const effects = effectsOf(rules, listeners, setOf, sets.length, columns, bounds.effects);
  const hosts = distinct([...rules.map(({ sni }) => sni), ...policy.groups.flatMap(({ sets: own }) => own.map(({ set }) => set))]);
  const ids = distinct(rules.map(({ client }) => client));
  const loweredNames = lowerNames(hosts.sets, bounds.nameMembers);
  if (effects === null) {
    for (const rule of rules) meter.spend(rule.appliesTo === "all" ? policy.exposes.length : rule.appliesTo.size, setOf(rule.from));
    return failed(meter.excess("effects"));
  }
  if (!loweredNames.ok) return loweredNames;
  const names = loweredNames.value;
  const loweredIdentities = lowerIdentities(ids.sets, bounds.identityNodes, bounds.identityWork);
  if (!loweredIdentities.ok) return loweredIdentities;
  const identities = loweredIdentities.value;
  const outcomes = new Outcomes(
    { count: names.classCount, of: ({ sni }) => names.classesOf[hosts.numberOf(sni)] ?? new Uint32Array(0) },
    { count: identities.classCount, of: ({ client }) => identities.classesOf[ids.numberOf(client)] ?? new Uint32Array(0) },
    meter,
  );
  const rows = new Rows(columns, effects, rules, outcomes, meter, bounds.cellWords);
  const classes = new Classes(rows, sets.length, ...weigh(sets, effects));
  const v4 = sweep(sets, 1, classes, meter);
  const v6 = v4 === null ? null : sweep(sets, 4, classes, meter);
  if (v4 === null || v6 === null) return failed(meter.excess(classes.full ? "cellWords" : "work"));
  // Without an expose there is no column, and no row has made a residual.
  if (outcomes.residuals.length === 0)
    outcomes.residual({ last: "source", listener: 0, shadow: false, live: NEVER, bits: null }, { deny: Infinity, allow: Infinity, conditional: [] });

  const classRows = withGroupColumns(rows.forest, classes.rows, groupColumns(policy.groups, columns, policy.exposes.length), outcomes, meter);
  if (meter.over || rows.full) return failed(meter.excess(meter.over ? "work" : "cellWords"));

  return ok({
    rules,
    listeners,
    limits,
    groups: policy.groups,
    leads: leadRows(policy.groups, names, hosts.numberOf),
    ports: lowerPorts(policy.exposes, policy.groups),
    dialers: [...new Set(policy.dials.map(({ service }) => fnv1a64(service)))].sort((x, y) => (x < y ? -1 : 1)),
    v4: withTrie(v4),
    v6: withTrie(v6),
    classCount: classes.rows.length,
    shadows: columns.shadows,
    counted: columns.counted,
    columnCount: columns.columns.length,
    cells: packRows(rows.forest, classRows),
    ...packFacts(outcomes),
    times: outcomes.times,
    names,
    identities,
    work: meter.spent,
  });
}

/** Each group's column and that of its shadow, with the columns of its members. */
function groupColumns(groups: readonly CheckedGroup[], { shadows }: Columns, listeners: number): readonly GroupColumn[] {
  return groups.flatMap(({ members }, i) => {
    const number = listeners + i;
    const shadow = shadows[number] ?? 0;
    const own = { column: number, of: members };
    // A member to which no dryrun rule applies is its own shadow.
    const dry = members.map((member) => shadows[member] ?? 0).map((column, at) => (column === 0 ? (members[at] ?? 0) : column));
    return shadow === 0 ? [own] : [own, { column: shadow, of: dry }];
  });
}

/** Sets of names or of identities, each once: equal sets have equal words. */
function distinct<S extends { readonly words: readonly string[] }>(
  all: readonly (S | null)[],
): { readonly sets: readonly S[]; numberOf(set: S | null): number } {
  const byObject = new Map<S, number>();
  const byWords = new Map<string, number>();
  const sets: S[] = [];
  for (const set of all) {
    if (set === null || byObject.has(set)) continue;
    const words = set.words.join(" ");
    const number = byWords.get(words) ?? sets.push(set) - 1;
    byWords.set(words, number);
    byObject.set(set, number);
  }
  return { sets, numberOf: (set) => (set === null ? -1 : (byObject.get(set) ?? -1)) };
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

/** Rows of names and of identities in the order of the residuals that lead to them. */
function packFacts({ residuals, names, identities }: Outcomes): {
  readonly residuals: readonly ResidualRow[];
  readonly nameCells: CellTree;
  readonly identityCells: CellTree;
} {
  const numbers = { [VERDICT_OPEN]: new Map<number, number>(), [VERDICT_IDENTITY]: new Map<number, number>() };
  const numberOf = ({ verdict, row }: ResidualRow): number => {
    if (verdict !== VERDICT_OPEN && verdict !== VERDICT_IDENTITY) return row;
    const known = numbers[verdict].get(row) ?? numbers[verdict].size;
    numbers[verdict].set(row, known);
    return known;
  };
  return {
    residuals: residuals.map((residual) => ({ ...residual, row: numberOf(residual) })),
    nameCells: packRows(names.forest, [...numbers[VERDICT_OPEN].keys()]),
    identityCells: packRows(identities.forest, [...numbers[VERDICT_IDENTITY].keys()]),
  };
}
