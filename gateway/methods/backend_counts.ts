// Each backend has open connections, by the listener that it serves, and is left out or not. A backend that a
// reload has removed is here as long as it has connections.
import type { BackendFailure } from "../end.ts";
import type { Backend } from "../forward/backends.ts";
import { backendKey } from "../admit/entries.ts";
import { isServed } from "../connection/states.ts";
import type { Proto } from "../listen/ports.ts";
import type { Context } from "./context.ts";
import type { Families, Labels } from "./families.ts";

export interface BackendCount {
  readonly listener: string;
  readonly proto: Proto;
  readonly backend: string;
  /** Connections or flows, also those that it has not accepted yet. */
  connections: number;
  /** How much longer others are tried first; 0: it is not left out. */
  readonly skippedMs: number;
  /** Why no connection goes there, where it is on another host; null where connections go. */
  readonly unusedBecause: string | null;
  readonly failures: ReadonlyMap<BackendFailure, number>;
}

type Sources = Pick<Context, "backends" | "counters" | "forwarder" | "ports" | "clock" | "isPrepared">;

export function backendCounts({ backends: { remote }, counters, forwarder: { table }, ports, clock, isPrepared }: Sources): readonly BackendCount[] {
  const { traffic } = counters;
  const counts = new Map<string, BackendCount>();
  const now = clock.monoMs();
  const at = (listener: string, proto: Proto, backend: string, known: Backend | undefined): BackendCount => {
    const key = `${proto} ${listener} ${backend}`;
    const before = counts.get(key);
    if (before !== undefined) return before;
    const made: BackendCount = {
      listener,
      proto,
      backend,
      connections: 0,
      skippedMs: Math.max(0, Math.ceil((known?.pause.untilMs ?? 0) - now)),
      unusedBecause: known === undefined ? null : remote.fault(known.address),
      failures: traffic.failuresOf(listener, backend),
    };
    counts.set(key, made);
    return made;
  };
  for (const open of ports.all())
    if (!isPrepared(open)) for (const { info, backends } of open.serves.exposes) for (const one of backends) at(info.name, open.proto, one.address.key, one);
  for (let row = 0; row < table.rows; row++) {
    const backend = backendKey(table, row);
    const expose = table.expose[row];
    if (isServed(table.state[row]) && backend !== undefined && expose !== undefined) at(expose.name, expose.proto, backend, undefined).connections++;
  }
  return [...counts.values()];
}

export function backendFamilies(out: Families, context: Sources): void {
  const all = backendCounts(context).map((count): [Labels, BackendCount] => [labelsOf(count), count]);
  out.family(
    "ingressd_backend_connections",
    "gauge",
    "connections or flows that are open at a backend, with those that it has not accepted yet",
    all.map(([labels, { connections }]) => [labels, connections]),
  );
  out.family(
    "ingressd_backend_skipped",
    "gauge",
    "1 while a backend has failed and others are tried first",
    all.map(([labels, { skippedMs }]) => [labels, skippedMs > 0 ? 1 : 0]),
  );
  out.family(
    "ingressd_backend_unused",
    "gauge",
    "1 while no connection goes to a backend on another host, because it is in none of backends.networks or is an address of this host",
    all.map(([labels, { unusedBecause }]) => [labels, unusedBecause === null ? 0 : 1]),
  );
}

function labelsOf({ listener, proto, backend }: BackendCount): Labels {
  return { listener, backend, ...(proto === "udp" && { proto }) };
}
