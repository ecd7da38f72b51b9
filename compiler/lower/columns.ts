// Columns of the cells: the listeners, and behind them a shadow of each listener for which a
// dryrun rule applies. The effects of each set are written once, as slots: (column, rule) pairs that
// are true while the set contains the source.
import type { CheckedGroup, Mode } from "../policy/policy.ts";
import type { ListenerRow, OrderedRule } from "./tables.ts";

export interface Column {
  /** The last fact that comes: the source, the name or the client's identity. */
  readonly last: "source" | "name" | "identity";
  /** -1 for a group of listeners, whose column is made from theirs. */
  readonly listener: number;
  readonly shadow: boolean;
  /** When some allow of the column is in force. */
  readonly live: Live;
  /** Null for a column of outcomes. Else its words are bits, these for every source. */
  readonly bits: number | null;
}

/** `always`: some rule has no times, so also where no clock is known. */
export interface Live {
  readonly always: boolean;
  /** UTC seconds, rising, apart from each other; the end is not in it. Empty where `always`. */
  readonly windows: readonly Window[];
}

export interface Window {
  readonly after: number;
  readonly until: number;
}

export const NEVER: Live = { always: false, windows: [] };

/** Listeners first, then groups, shadows, and columns of bits. `shadows`: for each listener and group its shadow's column, or 0. */
export interface Columns {
  readonly columns: readonly Column[];
  readonly shadows: readonly number[];
  /** For each listener the column of the caps and limits that count a source, or 0. */
  readonly counted: readonly number[];
}

export function columnsOf(rules: readonly OrderedRule[], listeners: readonly ListenerRow[], groups: readonly CheckedGroup[]): Columns {
  const exposes = listeners.map(({ expose }) => expose);
  const dry = exposes.map(() => false);
  const times = { enforced: exposes.map((): Window[] => []), all: exposes.map((): Window[] => []) };
  for (const { action, dryrun, appliesTo, listener, after, until } of rules) {
    if (dryrun) for (const i of appliesTo === "all" ? exposes.keys() : appliesTo) dry[i] = true;
    if (action !== "allow" || listener === null) continue;
    for (const own of dryrun ? [times.all] : [times.enforced, times.all]) own[listener]?.push({ after: after ?? 0, until: until ?? Infinity });
  }
  const live = { enforced: times.enforced.map(liveIn), all: times.all.map(liveIn) };
  const column = (listener: number, shadow: boolean): Column => ({
    last: lastFact(exposes[listener]?.mode ?? "tcp"),
    listener,
    shadow,
    live: (shadow ? live.all : live.enforced)[listener] ?? NEVER,
    bits: null,
  });
  const group = (shadow: boolean): Column => ({ last: "name", listener: -1, shadow, live: NEVER, bits: null });
  const columns = [...exposes.map((_, i) => column(i, false)), ...groups.map(() => group(false))];
  const shadows = dry.map((has, i) => (has ? columns.push(column(i, true)) - 1 : 0));
  for (const { members } of groups) shadows.push(members.some((i) => dry[i] === true) ? columns.push(group(true)) - 1 : 0);
  const counted = listeners.map(({ some, everyone }, listener) =>
    some.length === 0 ? 0 : columns.push({ last: "source", listener, shadow: false, live: NEVER, bits: everyone }) - 1,
  );
  return { columns, shadows, counted };
}

/** `windows`: those of the rules, in any order. */
function liveIn(windows: readonly Window[]): Live {
  if (windows.some(({ after, until }) => after === 0 && until === Infinity)) return { always: true, windows: [] };
  const joined: Window[] = [];
  for (const window of [...windows].sort((x, y) => x.after - y.after)) {
    const before = joined.at(-1);
    if (before === undefined || window.after > before.until) joined.push(window);
    else if (window.until > before.until) joined[joined.length - 1] = { after: before.after, until: window.until };
  }
  return { always: false, windows: joined };
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
