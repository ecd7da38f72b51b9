// `status`: what listens, which policy decides, what was counted, who is refused most.
import { MOST_BLOCKS } from "../blocks/blocks.ts";
import { BACKLOG, longestBacklog } from "../listen/backlog.ts";
import { backendsText } from "../listen/ports.ts";
import { backendCounts, type BackendCount } from "./backend_counts.ts";
import type { Counters } from "../audit/counters.ts";
import type { SignatureInfo } from "../../runtime/host/module.ts";
import type { Keeper } from "../reload/keeper.ts";
import { allBytes } from "./traffic_metrics.ts";
import type { Context, Endpoint } from "./context.ts";
import { configurationOf } from "./reload.ts";
import { sourceJson } from "./source_state.ts";

const TOP_SOURCES = 10;
const TOP_RULES = 100;

export const status: Endpoint = async (context) => ({ result: statusOf(context) });

export function statusOf(context: Context): object {
  const { inForce, ports, leases, counters, forwarder, flows, clock, topDenied, reloader } = context;
  const { engine } = inForce;
  const serves = context.engine();
  const absent = new Set(context.withoutAddress().map(({ id }) => id));
  const bytes = allBytes(context);
  const counts = backendCounts(context);
  let buffered = 0;
  for (let row = 0; row < forwarder.table.rows; row++) buffered += forwarder.buffered(row);
  return {
    pid: process.pid,
    uptime_ms: clock.monoMs() - context.startedMs,
    draining: context.draining(),
    forwarder: { name: context.chosen.name, because: context.chosen.because, backlog: BACKLOG, somaxconn: longestBacklog() },
    tls: { engine: serves.name, because: serves.because },
    threads: { count: context.threads.count, because: context.threads.because, connections: context.threads.connections() },
    policy:
      engine === null ? null : (
        {
          generation: inForce.generation,
          sha256: engine.info.sha256,
          tree_sha256: engine.info.treeSha256,
          abi_version: engine.info.abiVersion,
          memory_bytes: engine.info.memoryBytes,
          max_steps: engine.info.maxSteps,
          poisoned: engine.poisoned,
          source:
            reloader.insteadOf() !== null ? "last_good"
            : context.source === null ? "file"
            : "source",
          instead_of: reloader.insteadOf(),
          signature: signatureOf(engine.info.signature),
          limiter: engine.limiterFill(),
        }
      ),
    source: context.source === null ? null : sourceJson(context.source.state),
    configuration: configurationOf(context),
    state: stateOf(context.keeper),
    listeners: (engine?.info.listeners ?? []).map((info) => ({
      name: info.name,
      service: info.service,
      proto: info.proto,
      ports: info.ports,
      at: `${info.origin.file}:${info.origin.line}`,
      connections: engine?.connections(info.id) ?? 0,
      cap_connections: info.capConnections,
      closed_because: context.closedBecause(info),
      waits_for_address: absent.has(info.id),
      open: ports
        .all()
        .filter((open) => open.proto === info.proto && !context.isPrepared(open))
        .flatMap(({ local, serves: { exposes } }) => exposes.filter((one) => one.info.name === info.name).map((one) => ({ local, ...one })))
        .map(({ local, backends, lease }) => ({ local, backend: backendsText(backends), lease: lease !== null })),
      backends: counts.filter(({ listener, proto }) => listener === info.name && proto === info.proto).map(countJson),
    })),
    waiting: Object.fromEntries(context.nameWaits.byPort()),
    connections: { live: forwarder.live, cap: context.connectionCap, buffered_bytes: buffered },
    flows: { live: flows.live, fresh: flows.fresh, dropped: Object.fromEntries(counters.datagramsDropped) },
    leases: leases.size,
    blocks: { active: context.blocks.size, most: MOST_BLOCKS },
    withdrawn_ports: context.withdrawn.open(),
    certificates: context.certificates().map(({ kind, name, notAfter }) => ({ kind, name, not_after: notAfter.toISOString() })),
    decisions: decisionsOf(counters),
    rules: engine === null ? [] : counters.ruleHits.ofPolicy(engine.info, TOP_RULES),
    shadow: { ...counters.shadow },
    dryrun_rate: Object.fromEntries([...counters.dryrunRate].map(([listener, codes]) => [listener, Object.fromEntries(codes)])),
    audit: auditOf(counters),
    clients_turned_away: counters.clientsTurnedAway,
    ends: Object.fromEntries(counters.ends),
    bytes: { from_clients: bytes.fromClients, from_backends: bytes.fromBackends },
    descriptors_exhausted: counters.descriptorsExhausted,
    deny_markers_suppressed: counters.denyMarkersSuppressed,
    change: changeOf(context),
    changes: { ...counters.changes },
    reloads: reloadsOf(context),
    top_denied: topDenied.first(TOP_SOURCES),
  };
}

function decisionsOf({ allowed, denied, byReason, byCode }: Counters): object {
  return { allowed, denied, by_reason: Object.fromEntries(byReason), by_code: Object.fromEntries(byCode) };
}

function countJson({ backend, connections, skippedMs, unusedBecause, failures }: BackendCount): object {
  return { backend, connections, skipped_ms: skippedMs, unused_because: unusedBecause, failures: Object.fromEntries(failures) };
}

function auditOf(counters: Counters): object {
  return {
    records: counters.auditRecords,
    dropped: counters.auditDropped,
    ends: counters.endRecords,
    ends_dropped: counters.endRecordsDropped,
    suppressed: counters.auditSuppressed,
    refusals_unrecorded: counters.refusalsUnrecorded,
  };
}

function reloadsOf({ counters, history }: Pick<Context, "counters" | "history">): object {
  return {
    done: counters.reloads,
    refused: counters.reloadsRefused,
    last: history.past.map(({ atMs, done, generation, because }) => ({ time: new Date(atMs).toISOString(), done, generation, because })),
  };
}

function signatureOf(signature: SignatureInfo | null): object | null {
  return signature === null ? null : { key_id: signature.keyId, revision: signature.revision, verified: signature.verified };
}

/** The change that a coordinator has prepared; null where none is. */
function changeOf({ changes }: Pick<Context, "changes">): object | null {
  const current = changes.current();
  if (current === null) return null;
  const { id, outlook, expiresInMs } = current;
  return { id, sha256: outlook.info.sha256, expires_in_ms: expiresInMs, opens: outlook.opens, closes: outlook.closes };
}

function stateOf(keeper: Keeper | null): object | null {
  if (keeper === null) return null;
  const mark = keeper.mark();
  return { directory: keeper.directory, revision: mark.ok ? (mark.value?.revision ?? null) : null, trouble: mark.ok ? null : mark.error };
}
