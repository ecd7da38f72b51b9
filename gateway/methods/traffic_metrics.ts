// The families with the labels `listener` and `backend`: refusals, ends, bytes and the time that backends take to accept.
import { backendKey } from "../admit/entries.ts";
import { CONNECT_BUCKETS, type PairCounts } from "../audit/traffic.ts";
import { isServed } from "../connection/states.ts";
import type { Context } from "./context.ts";
import type { Families, Labels, Sample } from "./families.ts";

type Sources = Pick<Context, "counters" | "forwarder">;

export interface Bytes {
  fromClients: number;
  fromBackends: number;
}

/** Of ended and of open connections. */
export function allBytes({ counters, forwarder: { table } }: Pick<Context, "counters" | "forwarder">): Bytes {
  const sum: Bytes = { fromClients: counters.bytesFromClients, fromBackends: counters.bytesFromBackends };
  for (let row = 0; row < table.rows; row++) {
    if (!isServed(table.state[row])) continue;
    sum.fromClients += table.bytesIn[row] ?? 0;
    sum.fromBackends += table.bytesOut[row] ?? 0;
  }
  return sum;
}

export function trafficFamilies(out: Families, sources: Sources): void {
  const live = liveBytes(sources);
  const pairs = sources.counters.traffic.all();
  const named = pairs.map((pair): [Labels, PairCounts] => [labelsOf(pair), pair]);
  out.family(
    "ingressd_denied_total",
    "counter",
    "refusals by the word of the marker",
    named.flatMap(([labels, { denied }]) => [...denied].map(([reason, count]): Sample => [{ ...labels, reason }, count])),
  );
  out.family(
    "ingressd_connection_ends_total",
    "counter",
    "how admitted connections ended",
    named.flatMap(([labels, { ends }]) => [...ends].map(([end, count]): Sample => [{ ...labels, end }, count])),
  );
  out.family(
    "ingressd_bytes_total",
    "counter",
    "bytes of ended and of open connections",
    named.flatMap(([labels, pair]): Sample[] => {
      const open = live.get(pair);
      if (pair.ends.size === 0 && open === undefined) return [];
      return [
        [{ ...labels, from: "clients" }, pair.bytesFromClients + (open?.fromClients ?? 0)],
        [{ ...labels, from: "backends" }, pair.bytesFromBackends + (open?.fromBackends ?? 0)],
      ];
    }),
  );
  out.family(
    "ingressd_backend_connect_seconds",
    "histogram",
    "from the admission of a connection until its backend has accepted",
    named.flatMap(([labels, pair]) => histogram(labels, pair)),
  );
  out.family(
    "ingressd_backend_failures_total",
    "counter",
    "connections and flows that a backend could not take, so that others are tried first for a while",
    named.flatMap(([labels, { failures }]) => [...failures].map(([because, count]): Sample => [{ ...labels, because }, count])),
  );
}

function labelsOf({ listener, backend }: PairCounts): Labels {
  return { ...(listener !== "" && { listener }), ...(backend !== "" && { backend }) };
}

/** Each open connection in the row that counts it once it has ended. */
function liveBytes({ counters: { traffic }, forwarder: { table } }: Sources): ReadonlyMap<PairCounts, Bytes> {
  const sums = new Map<PairCounts, Bytes>();
  for (let row = 0; row < table.rows; row++) {
    if (!isServed(table.state[row])) continue;
    const pair = traffic.of(table.expose[row]?.name ?? "", backendKey(table, row) ?? "");
    const sum = sums.get(pair) ?? { fromClients: 0, fromBackends: 0 };
    sum.fromClients += table.bytesIn[row] ?? 0;
    sum.fromBackends += table.bytesOut[row] ?? 0;
    sums.set(pair, sum);
  }
  return sums;
}

/** Each pair with the bytes of its ended and its open connections. */
export function pairBytes(sources: Sources): readonly { readonly pair: PairCounts; readonly bytes: Bytes }[] {
  const live = liveBytes(sources);
  return sources.counters.traffic.all().map((pair) => {
    const open = live.get(pair);
    const bytes = { fromClients: pair.bytesFromClients + (open?.fromClients ?? 0), fromBackends: pair.bytesFromBackends + (open?.fromBackends ?? 0) };
    return { pair, bytes };
  });
}

function histogram(labels: Labels, { connects, connectSeconds }: PairCounts): readonly Sample[] {
  let count = 0;
  const buckets = [...connects].map((more, i): Sample => {
    count += more;
    return [{ ...labels, le: CONNECT_BUCKETS[i] ?? "+Inf" }, count, "_bucket"];
  });
  if (count === 0) return [];
  return [...buckets, [labels, connectSeconds, "_sum"], [labels, count, "_count"]];
}
