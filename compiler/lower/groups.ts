// Groups of exposes that share a port: the sets of names that lead to each, what becomes of a source at the group, and the
// row that says for each class of names which listener it leads to.
import { CELL_BITS } from "../../runtime/abi/layout.ts";
import type { CheckedGroup, HostNode, HostSet, LeadNode } from "../policy/policy.ts";
import { canonicalNode, hostSet } from "../check/sets/host_trie.ts";
import type { Names } from "./names.ts";
import type { Outcomes } from "./outcomes.ts";
import { PageForest, packRows } from "./pages.ts";
import type { CellTree } from "./tables.ts";
import type { Meter } from "./meter.ts";

/** A group with the names that lead to each of its members. */
export interface NamedGroup {
  readonly group: CheckedGroup;
  /** Names in none of these lead where `rest` says: an index of an expose, or -1. */
  readonly sets: readonly { readonly expose: number; readonly set: HostSet }[];
  readonly rest: number;
}

/** Of a group whose member without `for` gets the rest, no set is needed for that member. */
export function namedGroup(group: CheckedGroup): NamedGroup {
  const rest = group.nameless;
  const sets = [...masksOf(group.leads)].filter(([expose]) => expose !== rest && expose >= 0).map(([expose, root]) => ({ expose, set: hostSet(root) }));
  return { group, sets: sets.sort((x, y) => x.expose - y.expose), rest };
}

/** For each expose the names that lead to it. A node is only in the masks that it changes. */
function masksOf(node: LeadNode): ReadonlyMap<number, HostNode> {
  const below = new Map<number, Map<string, HostNode>>();
  for (const [label, child] of node.children) {
    const masks = masksOf(child);
    for (const expose of new Set([...masks.keys(), node.one, node.deep])) {
      const children = below.get(expose) ?? new Map<string, HostNode>();
      below.set(expose, children);
      children.set(label, masks.get(expose) ?? { self: false, one: false, deep: false, children: new Map() });
    }
  }
  const out = new Map<number, HostNode>();
  for (const expose of new Set([node.self, node.one, node.deep, ...below.keys()])) {
    const mask = canonicalNode({
      self: node.self === expose,
      one: node.one === expose,
      deep: node.deep === expose,
      children: below.get(expose) ?? new Map<string, HostNode>(),
    });
    out.set(expose, mask);
  }
  return out;
}

/** A row a group: for each class of names one more than the number of the listener, or 0. */
export function leadRows(groups: readonly NamedGroup[], names: Names, numberOf: (set: HostSet) => number): CellTree {
  const forest = new PageForest(names.classCount, CELL_BITS);
  const rows = groups.map(({ sets, rest }) => {
    const words = new Map<number, number>();
    for (const { expose, set } of sets) for (const name of names.classesOf[numberOf(set)] ?? []) words.set(name, expose + 1);
    const classes = Uint32Array.from(words.keys()).sort();
    return forest.patch(
      forest.uniform(rest + 1),
      classes,
      classes.map((i) => words.get(i) ?? 0),
      classes.length,
    );
  });
  return packRows(forest, rows);
}

/** The columns of a group: its own, and its members'; and the same of its shadow. */
export interface GroupColumn {
  readonly column: number;
  readonly of: readonly number[];
}

/** The rows of classes with what becomes of their sources at each group. */
export function withGroupColumns(forest: PageForest, rows: readonly number[], groups: readonly GroupColumn[], outcomes: Outcomes, meter: Meter): readonly number[] {
  if (groups.length === 0) return rows;
  const rising = [...groups].sort((x, y) => x.column - y.column);
  const columns = Uint32Array.from(rising, ({ column }) => column);
  const members = rising.reduce((sum, { of }) => sum + of.length, 0);
  return rows.map((row) => {
    meter.spend(members, 0);
    if (meter.over) return row;
    const words = rising.map(({ of }) => outcomes.anyOf(of.map((column) => forest.word(row, column))));
    return forest.patch(row, columns, words, columns.length);
  });
}
