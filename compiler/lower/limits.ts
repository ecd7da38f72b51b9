// The records of caps per key and of limits, one after the other in the order of their listeners.
import type { CheckedExpose, CheckedLimit, SourceCap } from "../policy/policy.ts";
import { IDENTITY_KEY_V4, IDENTITY_KEY_V6 } from "../../runtime/abi/layout.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import { compareWords } from "./order.ts";
import type { LimitRow, ListenerRow } from "./tables.ts";

type Row = Omit<LimitRow, "identity">;

export function lowerListeners(exposes: readonly CheckedExpose[]): { readonly listeners: readonly ListenerRow[]; readonly limits: readonly LimitRow[] } {
  const limits: LimitRow[] = [];
  const listeners = exposes.map((expose) => {
    // Two listeners of one name have limits of their own; a name has no space in it.
    const name = expose.proto === "udp" ? `${expose.name} udp` : expose.name;
    const limitFirst = limits.length;
    // As an enforced one is, a dryrun cap of all connections is named before the others.
    const caps = capsOf(expose).sort((x, y) => Number(x.kind !== "connections") - Number(y.kind !== "connections") || x.count - y.count || inKey(x, y));
    const rates = limitsOf(expose).sort(
      (x, y) => x.periodMs - y.periodMs || order(x.of, y.of) || x.v4 - y.v4 || x.v6 - y.v6 || x.count - y.count || x.burst - y.burst || inKey(x, y),
    );
    // Connections are counted again after a reload, so that a cap's identity has only to be another than its neighbours'.
    caps.forEach((row, i) => limits.push({ ...row, identity: fnv1a64(`cap ${name} #${i}`) }));
    // The identity of a limit over reloads: its rate, its sources and `dryrun` may change and the debts stay.
    for (const row of rates) limits.push({ ...row, identity: fnv1a64(`limit ${name} ${row.of} ${row.periodMs} /${row.v4} /${row.v6}`) });
    return { expose, identity: fnv1a64(`listener ${name}`), limitFirst, ...bitsOf(limits.slice(limitFirst)) };
  });
  return { listeners, limits };
}

function capsOf({ cap, dryrun }: CheckedExpose): Row[] {
  const once = { periodMs: 1, burst: 1 };
  const { connections } = dryrun;
  return [
    ...keyedCaps(cap, false),
    ...keyedCaps(dryrun, true),
    // The enforced one is in the listener's own record.
    ...(connections === null ? [] : [{ ...once, kind: "connections", dryrun: true, of: "listener", count: connections, v4: 0, v6: 0, from: null } as const]),
  ];
}

function keyedCaps({ perSource, perIdentity }: { readonly perSource: readonly SourceCap[]; readonly perIdentity: number | null }, dryrun: boolean): Row[] {
  const cap = { kind: "cap", dryrun, periodMs: 1, burst: 1 } as const;
  return [
    ...perSource.map(({ connections, v4, v6, from }): Row => ({ ...cap, of: "source", count: connections, v4, v6, from })),
    ...(perIdentity === null ? [] : [{ ...cap, of: "identity", count: perIdentity, v4: IDENTITY_KEY_V4, v6: IDENTITY_KEY_V6, from: null } as const]),
  ];
}

function limitsOf({ limits, dryrun }: CheckedExpose): Row[] {
  return [...ratesOf(limits, false), ...ratesOf(dryrun.limits, true)];
}

function ratesOf(limits: readonly CheckedLimit[], dryrun: boolean): Row[] {
  return limits.map(({ count, periodMs, burst, key }): Row => {
    const rate = { count, periodMs, burst, dryrun };
    if (key.kind === "source") return { ...rate, kind: "key", of: "source", v4: key.v4, v6: key.v6, from: key.from };
    if (key.kind === "identity") return { ...rate, kind: "key", of: "identity", v4: IDENTITY_KEY_V4, v6: IDENTITY_KEY_V6, from: null };
    return { ...rate, kind: "listener", of: "listener", v4: 0, v6: 0, from: null };
  });
}

/** Which of a listener's records count every source, which only some, and which identities. */
function bitsOf(rows: readonly LimitRow[]): Pick<ListenerRow, "everyone" | "identities" | "some"> {
  const bits = (counts: (row: LimitRow) => boolean): number => rows.reduce((sum, row, i) => (counts(row) ? sum | (1 << i) : sum), 0);
  return {
    everyone: bits(({ of, from }) => of !== "identity" && from === null),
    identities: bits(({ of }) => of === "identity"),
    some: rows.flatMap(({ from }, i) => (from === null ? [] : [{ bit: i, from }])),
  };
}

/** Records that are equal but for their keys, in an order that does not depend on that of the text. */
function inKey(x: Row, y: Row): number {
  return (
    order(x.of, y.of) ||
    x.v4 - y.v4 ||
    x.v6 - y.v6 ||
    (x.from === null ? Number(y.from !== null)
    : y.from === null ? -1
    : compareWords(x.from.bounds, y.from.bounds)) ||
    Number(x.dryrun) - Number(y.dryrun)
  );
}

/** Of names in ASCII; `localeCompare` would load the locale's tables. */
function order(a: string, b: string): number {
  return (
    a === b ? 0
    : a < b ? -1
    : 1
  );
}
