// Which listeners of two policies are compared with each other: those to which a request to one place and with one name comes.
import type { Cell } from "./cells.ts";
import type { NumberRange } from "./number_ranges.ts";
import type { Permitted } from "./permitted.ts";
import type { Space } from "./space.ts";

export interface TwoSides {
  readonly space: Space;
  readonly before: Permitted;
  readonly after: Permitted;
}

/** A listener of each policy, and the classes of names that lead to both; null: all. */
export interface Pair {
  readonly before: number | null;
  readonly after: number | null;
  readonly names: readonly NumberRange[] | null;
  /** Whether names decide there, before and after. */
  readonly isShared: readonly [before: boolean, after: boolean];
}

/** Every request to a cell is of one pair; a listener that no name leads to has one without requests. */
export function pairsOf({ space, before, after }: TwoSides, { members: [old = [], now = []] }: Cell): readonly Pair[] {
  const [plainOld, plainNow] = [plain(before, old), plain(after, now)];
  if (plainOld !== undefined && plainNow !== undefined) return [{ before: plainOld, after: plainNow, names: null, isShared: [false, false] }];
  const [x, y] = [leadsIn(space, before, old), leadsIn(space, after, now)];
  const found = new Map<string, { readonly before: number; readonly after: number; readonly names: { first: number; last: number }[] }>();
  for (let name = 0; name < space.names.count; name++) {
    const [a, b] = [x[name] ?? -1, y[name] ?? -1];
    if (a < 0 && b < 0) continue;
    const pair = found.get(`${a} ${b}`);
    const last = pair?.names.at(-1);
    if (pair === undefined) found.set(`${a} ${b}`, { before: a, after: b, names: [{ first: name, last: name }] });
    else if (last?.last === name - 1) last.last = name;
    else pair.names.push({ first: name, last: name });
  }
  const numberOrNull = (i: number): number | null => (i < 0 ? null : i);
  const isShared = [plainOld === undefined, plainNow === undefined] as const;
  const pairs = [...found.values()].map((pair): Pair => ({ before: numberOrNull(pair.before), after: numberOrNull(pair.after), names: pair.names, isShared }));
  const left = now.filter((i) => pairs.every((pair) => pair.after !== i));
  for (const i of old.filter((one) => pairs.every((pair) => pair.before !== one))) {
    const same = left.findIndex((j) => after.model.listeners[j]?.name === before.model.listeners[i]?.name);
    pairs.push({ before: i, after: same < 0 ? null : (left.splice(same, 1)[0] ?? null), names: [], isShared });
  }
  return [...pairs, ...left.map((j): Pair => ({ before: null, after: j, names: [], isShared }))];
}

/** The only listener, where every name leads to it; null: none is there; undefined: names decide. */
function plain(side: Permitted, members: readonly number[]): number | null | undefined {
  const [only] = members;
  if (only === undefined) return null;
  return side.leads(members, only) === null ? only : undefined;
}

/** By class of names the listener to which it leads, or -1. */
function leadsIn(space: Space, side: Permitted, members: readonly number[]): Int32Array {
  const leads = new Int32Array(space.names.count).fill(-1);
  for (const i of members) for (const { first, last } of side.leads(members, i) ?? [{ first: 0, last: leads.length - 1 }]) leads.fill(i, first, last + 1);
  return leads;
}
