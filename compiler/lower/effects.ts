// Where the rules of each set take effect: slots, each of which is one rule at one owner. The
// slots of an owner are in a row, and rise with their rules, so that the first one that is
// true is the rule that is named.
//
//   owners   every | shadows | group … | column: denies | allows | conditional | next column …
//
// `every` and `shadows` have the unconditional top-level denies for all listeners; a group is the
// columns that the same other ones apply to (`on`), so that a deny touches few owners.
import type { Column, Columns } from "./columns.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { ListenerRow, OrderedRule } from "./tables.ts";

export interface Effects {
  /** Slots of set s: slots[starts[s]] … */
  readonly starts: Uint32Array;
  readonly slots: Uint32Array;
  /** By slot: its rule (in a column of bits the number of a bit), and its column, or -1 for a top-level deny. */
  readonly ruleOf: Uint32Array;
  readonly columnOf: Int32Array;
  /** Where the slots of an owner begin; every owner ends where the next begins. */
  readonly every: Range;
  readonly shadows: Range;
  readonly groups: readonly (Range & { readonly columns: Uint32Array })[];
  /** Denies, allows and conditional rules of column c begin at bounds[3 * c], [3 * c + 1] and [3 * c + 2]. */
  readonly bounds: Uint32Array;
}

export interface Range {
  readonly first: number;
  readonly end: number;
}

/** Null where there are more than `most` slots. */
export function effectsOf(
  rules: readonly OrderedRule[],
  listeners: readonly ListenerRow[],
  setOf: (set: AddressSet) => number,
  setCount: number,
  { columns, shadows, counted: bits }: Columns,
  most: number,
): Effects | null {
  const groupOf = groupColumns(rules, columns, shadows);
  const groupCount = groupOf.reduce((n, g) => Math.max(n, g + 1), 0);
  // Owners in the order of the row of slots.
  const group = 2;
  const first = group + groupCount;
  const counts = new Uint32Array(first + 3 * columns.length + 1);
  const each = (visit: (number: number, from: AddressSet, owner: number) => void): boolean => {
    let made = 0;
    for (const [listener, { some }] of listeners.entries()) {
      for (const { bit, from } of some) visit(bit, from, first + 3 * (bits[listener] ?? 0));
      made += some.length;
    }
    for (const rule of rules) {
      const [kind, top] = kindOf(rule);
      if (top && rule.appliesTo === "all") {
        visit(rule.id, rule.from, rule.dryrun ? 1 : 0);
        made++;
      } else {
        const seen = new Set<number>();
        for (const column of columnsWhere(rule, columns, shadows)) {
          const owner = top ? group + (groupOf[column] ?? 0) : first + 3 * column + kind;
          // A group is all of its columns.
          if (top && seen.has(owner)) continue;
          if (top) seen.add(owner);
          visit(rule.id, rule.from, owner);
          if (++made > most) return false;
        }
      }
      if (made > most) return false;
    }
    return true;
  };
  const perSet = new Uint32Array(setCount + 1);
  const counted = each((_, from, owner) => {
    counts[owner + 1] = (counts[owner + 1] ?? 0) + 1;
    perSet[setOf(from) + 1] = (perSet[setOf(from) + 1] ?? 0) + 1;
  });
  if (!counted) return null;
  const ends = running(counts);
  const starts = running(perSet);
  const total = ends.at(-1) ?? 0;
  const [slots, ruleOf, columnOf] = [new Uint32Array(total), new Uint32Array(total), new Int32Array(total).fill(-1)];
  const place = ends.slice();
  const placeOfSet = starts.slice();
  each((number, from, owner) => {
    const slot = place[owner] ?? 0;
    place[owner] = slot + 1;
    ruleOf[slot] = number;
    if (owner >= first) columnOf[slot] = Math.floor((owner - first) / 3);
    const set = setOf(from);
    const at = placeOfSet[set] ?? 0;
    placeOfSet[set] = at + 1;
    slots[at] = slot;
  });
  const range = (owner: number): Range => ({ first: ends[owner] ?? 0, end: ends[owner + 1] ?? 0 });
  const members: number[][] = Array.from({ length: groupCount }, () => []);
  groupOf.forEach((g, column) => members[g]?.push(column));
  return {
    starts,
    slots,
    ruleOf,
    columnOf,
    every: range(0),
    shadows: range(1),
    groups: members.map((list, g) => ({ ...range(group + g), columns: Uint32Array.from(list) })),
    bounds: ends.subarray(first),
  };
}

/** Place among the three lists of a column, and whether it is an unconditional deny at top level. */
function kindOf({ sni, client, after, until, action, listener }: OrderedRule): readonly [kind: 0 | 1 | 2, top: boolean] {
  if (sni !== null || client !== null || after !== null || until !== null) return [2, false];
  return action === "allow" ? [1, false] : [0, listener === null];
}

/** The columns at which a rule can be true: one that needs a fact that never comes is not. */
function* columnsWhere({ appliesTo, dryrun, sni, client }: OrderedRule, columns: readonly Column[], shadows: readonly number[]): Generator<number> {
  for (const listener of appliesTo === "all" ? shadows.keys() : appliesTo) {
    // The column of a group is made from those of its members.
    if (columns[listener]?.listener === -1) continue;
    const last = columns[listener]?.last ?? "source";
    if ((sni !== null && last === "source") || (client !== null && last !== "identity")) continue;
    if (!dryrun) yield listener;
    const shadow = shadows[listener] ?? 0;
    if (shadow !== 0) yield shadow;
  }
}

/** Columns of one group have the same top-level denies `on` ports; groups are numbered by their first column. */
function groupColumns(rules: readonly OrderedRule[], columns: readonly Column[], shadows: readonly number[]): Uint32Array {
  const groupOf = new Uint32Array(columns.length);
  const sizes = [columns.length];
  for (const rule of rules) {
    if (rule.appliesTo === "all" || !kindOf(rule)[1]) continue;
    const moved = new Map<number, number[]>();
    for (const column of columnsWhere(rule, columns, shadows)) {
      const from = groupOf[column] ?? 0;
      const list = moved.get(from);
      if (list === undefined) moved.set(from, [column]);
      else list.push(column);
    }
    for (const [from, list] of moved) {
      if (list.length === sizes[from]) continue;
      sizes[from] = (sizes[from] ?? 0) - list.length;
      const to = sizes.push(list.length) - 1;
      for (const column of list) groupOf[column] = to;
    }
  }
  const numbers = new Map<number, number>();
  return groupOf.map((g) => {
    const number = numbers.get(g) ?? numbers.size;
    numbers.set(g, number);
    return number;
  });
}

function running(counts: Uint32Array): Uint32Array {
  let sum = 0;
  return counts.map((n) => (sum += n));
}
