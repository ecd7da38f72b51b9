// Columns of the cells: the listeners, and behind them a shadow of each listener for which a
// dryrun rule applies. The effects of each set are written once, as slots: (column, rule) pairs that
// are true while the set contains the source.
import type { CheckedExpose, CheckedGroup, Mode } from "../policy/policy.ts";
import type { OrderedRule } from "./tables.ts";

export interface Column {
  /** The last fact that comes: the source, the name or the client's identity. */
  readonly last: "source" | "name" | "identity";
  /** -1 for a group of listeners, whose column is made from theirs. */
  readonly listener: number;
  readonly shadow: boolean;
  /** UTC seconds at which the last allow of the column ends: Infinity where one never does, -1 where there is none. */
  readonly lastEnd: number;
}

/** Listeners first, then groups, then shadows. `shadows`: for each listener and group its shadow's column, or 0. */
export interface Columns {
  readonly columns: readonly Column[];
  readonly shadows: readonly number[];
}

export function columnsOf(rules: readonly OrderedRule[], exposes: readonly CheckedExpose[], groups: readonly CheckedGroup[]): Columns {
  const dry = exposes.map(() => false);
  const ends = { enforced: exposes.map(() => -1), all: exposes.map(() => -1) };
  for (const { action, dryrun, appliesTo, listener, until } of rules) {
    if (dryrun) for (const i of appliesTo === "all" ? exposes.keys() : appliesTo) dry[i] = true;
    if (action !== "allow" || listener === null) continue;
    for (const last of dryrun ? [ends.all] : [ends.enforced, ends.all]) last[listener] = Math.max(last[listener] ?? -1, until ?? Infinity);
  }
  const column = (listener: number, shadow: boolean): Column => ({
    last: lastFact(exposes[listener]?.mode ?? "tcp"),
    listener,
    shadow,
    lastEnd: (shadow ? ends.all : ends.enforced)[listener] ?? -1,
  });
  const group = (shadow: boolean): Column => ({ last: "name", listener: -1, shadow, lastEnd: -1 });
  const columns = [...exposes.map((_, i) => column(i, false)), ...groups.map(() => group(false))];
  const shadows = dry.map((has, i) => (has ? columns.push(column(i, true)) - 1 : 0));
  for (const { members } of groups) shadows.push(members.some((i) => dry[i] === true) ? columns.push(group(true)) - 1 : 0);
  return { columns, shadows };
}

function lastFact(mode: Mode): Column["last"] {
  switch (mode) {
    case "tcp":
    case "direct":
      return "source";
    case "passthrough":
    case "tls":
      return "name";
    case "mtls":
      return "identity";
    default:
      return mode satisfies never;
  }
}
