// Limit rows, one after the other in the order of their listeners.
import type { CheckedExpose } from "../policy/policy.ts";
import { IDENTITY_KEY_V4, IDENTITY_KEY_V6 } from "../../runtime/abi/layout.ts";
import { fnv1a64 } from "../../runtime/abi/fnv.ts";
import type { LimitRow, ListenerRow } from "./tables.ts";

export function lowerListeners(exposes: readonly CheckedExpose[]): { readonly listeners: readonly ListenerRow[]; readonly limits: readonly LimitRow[] } {
  const limits: LimitRow[] = [];
  const listeners = exposes.map((expose) => {
    const limitFirst = limits.length;
    const rows = expose.limits
      .map(({ count, periodMs, burst, key }) => {
        const [v4, v6] =
          key.kind === "source" ? [key.v4, key.v6]
          : key.kind === "identity" ? [IDENTITY_KEY_V4, IDENTITY_KEY_V6]
          : [0, 0];
        return { count, periodMs, burst, kind: key.kind, v4, v6 };
      })
      .sort((x, y) => x.periodMs - y.periodMs || order(x.kind, y.kind) || x.v4 - y.v4 || x.v6 - y.v6 || x.count - y.count || x.burst - y.burst);
    const seen = new Map<string, number>();
    for (const row of rows) {
      // The identity of a limit over reloads; its rate may change and the debts stay.
      const words = `limit ${expose.name} ${row.kind} ${row.periodMs} /${row.v4} /${row.v6}`;
      const twin = seen.get(words) ?? 0;
      seen.set(words, twin + 1);
      limits.push({ ...row, identity: fnv1a64(twin === 0 ? words : `${words} #${twin}`) });
    }
    return { expose, identity: fnv1a64(`listener ${expose.name}`), limitFirst };
  });
  return { listeners, limits };
}

/** Of names in ASCII; `localeCompare` would load the locale's tables. */
function order(a: string, b: string): number {
  return (
    a === b ? 0
    : a < b ? -1
    : 1
  );
}
