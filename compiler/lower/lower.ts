// CheckedPolicy -> PolicyTables: orders the rules, divides addresses into classes, and says for
// each listener what becomes of each class. Everything that asks about a policy later asks
// these tables; the same policy gives the same tables, whatever order it was written in.
import type { AddressSet, CheckedPolicy, HostSet } from "../check/policy.ts";
import { columnsOf, effectsOf, fillCells } from "./cells.ts";
import { Memberships, sweep, toClasses } from "./classes.ts";
import { lowerListeners } from "./limits.ts";
import { lowerNames } from "./names.ts";
import { orderRules } from "./order.ts";
import { Outcomes } from "./outcomes.ts";
import { lowerPorts } from "./ports.ts";
import type { PolicyTables } from "./tables.ts";
import { withTrie } from "./trie.ts";

/** Null where the classes and listeners make more cells than a module can hold. */
export function lower(policy: CheckedPolicy): PolicyTables | null {
  const rules = orderRules(policy);
  const numbers = new Map<AddressSet, number>();
  for (const rule of rules) if (!numbers.has(rule.from)) numbers.set(rule.from, numbers.size);
  const sets = [...numbers.keys()];

  const memberships = new Memberships();
  const v4 = sweep(sets, 1, memberships);
  const v6 = sweep(sets, 4, memberships);
  const columns = columnsOf(rules, policy.exposes);
  const effects = effectsOf(rules, (rule) => numbers.get(rule.from) ?? 0, sets.length, columns);
  // Equal sets of names have equal words.
  const hosts = new Map<string, { readonly set: HostSet; readonly number: number }>();
  const key = ({ words }: HostSet): string => words.join(" ");
  for (const { sni } of rules) if (sni !== null && !hosts.has(key(sni))) hosts.set(key(sni), { set: sni, number: hosts.size });
  const names = lowerNames([...hosts.values()].map(({ set }) => set));
  const outcomes = new Outcomes(names.classCount, ({ sni }) => (sni === null ? [] : names.classesOf[hosts.get(key(sni))?.number ?? -1] ?? []));
  const filled = fillCells(memberships.lists, effects, columns.columns, rules, outcomes);
  if (filled === null) return null;
  const { cells, classOf, classCount } = filled;

  return {
    rules,
    ...lowerListeners(policy.exposes),
    ports: lowerPorts(policy.exposes),
    v4: withTrie(toClasses(v4, classOf)),
    v6: withTrie(toClasses(v6, classOf)),
    classCount,
    shadows: columns.shadows,
    columnCount: columns.columns.length,
    cells,
    residuals: outcomes.residuals,
    times: outcomes.times,
    names: { nodes: names.nodes, classCount: names.classCount },
    nameRows: outcomes.rows,
  };
}
