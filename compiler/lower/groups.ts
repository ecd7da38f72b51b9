// Groups of exposes that share a port: the row that says for each class of names which listener it leads to, and what becomes
// of a source at the group.
import { CELL_BITS } from "../../runtime/abi/layout.ts";
import type { CheckedGroup, HostSet } from "../policy/policy.ts";
import type { Names } from "./names.ts";
import type { Outcomes } from "./outcomes.ts";
import { PageForest, packRows } from "./pages.ts";
import type { CellTree } from "./tables.ts";
import type { Meter } from "./meter.ts";

/** A row a group: for each class of names one more than the number of the listener, or 0. */
export function leadRows(groups: readonly CheckedGroup[], names: Names, numberOf: (set: HostSet) => number): CellTree {
  const forest = new PageForest(names.classCount, CELL_BITS);
  const rows = groups.map(({ sets, nameless }) => {
    const words = new Map<number, number>();
    for (const { expose, set } of sets) for (const name of names.classesOf[numberOf(set)] ?? []) words.set(name, expose + 1);
    const classes = Uint32Array.from(words.keys()).sort();
    return forest.patch(
      forest.uniform(nameless + 1),
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
export function withGroupColumns(
  forest: PageForest,
  rows: readonly number[],
  groups: readonly GroupColumn[],
  outcomes: Outcomes,
  meter: Meter,
): readonly number[] {
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
