// `metrics`: what is counted, in the text format of Prometheus 0.0.4. Names end in `_total` where a
// value only rises; the count of a rule starts again when a reload changes what the rule says.
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import { backendFamilies } from "./backend_counts.ts";
import { closedExposes } from "./closed.ts";
import type { Context, Endpoint } from "./context.ts";
import { Families, type Labels, type Sample } from "./families.ts";
import { processMetrics } from "./process_metrics.ts";
import { PULL_RESULTS } from "../source/pull_record.ts";
import { sourceSentence } from "./source_state.ts";
import { trafficFamilies } from "./traffic_metrics.ts";

/** Rules that have decided, at most so many; a policy may have 100,000. */
const MOST_RULES = 1_000;

export const metrics: Endpoint = async (context) => ({ result: { text: metricsText(context) } });

export function metricsText(context: Context): string {
  const out = new Families();
  const { engine, generation } = context.inForce;
  out.one("ingressd_ready", "gauge", "1 while connections are served: see /readyz", unready(context) === null ? 1 : 0);
  out.family("ingressd_forwarder_info", "gauge", "what accepts, dials and moves bytes: the kernel's calls, or Node's sockets", [
    [{ forwarder: context.chosen.name }, 1],
  ]);
  const serves = context.engine();
  out.family("ingressd_tls_engine_info", "gauge", "the engine of TLS that ends here: the calls of OpenSSL, on the kernel's forwarder, or Node's and why", [
    [{ engine: serves.name, because: serves.because ?? "" }, 1],
  ]);
  const perThread = context.threads.connections();
  out.one("ingressd_threads", "gauge", "threads that serve, with the main one", context.threads.count);
  out.family(
    "ingressd_thread_connections",
    "gauge",
    "connections over tcp of a thread; thread 0 is the main one, which has none if there are others",
    perThread.map((connections, i) => [{ thread: String(context.threads.count === 1 ? i : i + 1) }, connections]),
  );
  out.one("ingressd_policy_generation", "gauge", "generation of the policy in force", generation);
  if (engine !== null) policyFamilies(out, context, engine);
  sourceFamilies(out, context);
  configurationFamilies(out, context);
  decisionFamilies(out, context);
  connectionFamilies(out, context);
  trafficFamilies(out, context);
  backendFamilies(out, context);
  processFamilies(out, context);
  processMetrics(out, context);
  return out.text();
}

function policyFamilies(out: Families, context: Context, engine: PolicyEngine): void {
  const { sha256, treeSha256, listeners, signature } = engine.info;
  out.family("ingressd_policy_info", "gauge", "the module and the tree hash of the policy in force", [[{ sha256, tree_sha256: treeSha256 }, 1]]);
  if (signature?.verified === true) out.one("ingressd_policy_revision", "gauge", "revision of the signed policy in force", signature.revision);
  out.family(
    "ingressd_listener_connections",
    "gauge",
    "connections of an expose, as the module counts them",
    listeners.map((info) => [listenerLabels(info), engine.connections(info.id)]),
  );
  out.family(
    "ingressd_listener_connections_cap",
    "gauge",
    "the cap of an expose",
    listeners.map((info) => [listenerLabels(info), info.capConnections]),
  );
  out.family(
    "ingressd_listener_closed",
    "gauge",
    "1 for an expose that stays closed because its certificate or authority can't be used",
    closedExposes(context).map(({ name }) => [{ listener: name }, 1]),
  );
  const { used, places } = engine.limiterFill();
  out.one("ingressd_limiter_entries", "gauge", "places of the limiter in use", used);
  out.one("ingressd_limiter_places", "gauge", "places of the limiter", places);
  const hits = context.counters.ruleHits.ofPolicy(engine.info, MOST_RULES);
  out.family(
    "ingressd_rule_hits_total",
    "counter",
    "decisions of a rule since it came into force",
    hits.map(({ listener, rule, at, hits: n }) => [{ listener, rule, at }, n]),
  );
}

/** Nothing where the policy is a file. */
function sourceFamilies(out: Families, { source }: Context): void {
  if (source === null) return;
  const { ageMs, last, failures, pulls, source: location } = source.state;
  out.family("ingressd_source_info", "gauge", "where the policy is pulled from", [[{ source: location }, 1]]);
  if (ageMs !== null) out.one("ingressd_source_age_seconds", "gauge", "seconds since the source last offered the policy in force", ageMs / 1000);
  out.one("ingressd_source_failures", "gauge", "pulls in a row that failed", failures);
  out.family(
    "ingressd_source_last_result",
    "gauge",
    "1 for what became of the last pull",
    PULL_RESULTS.map((result) => [{ result }, last?.result === result ? 1 : 0]),
  );
  out.family(
    "ingressd_source_pulls_total",
    "counter",
    "pulls of the source, and what became of them",
    PULL_RESULTS.map((result) => [{ result }, pulls.get(result) ?? 0]),
  );
}

function configurationFamilies(out: Families, { live }: Context): void {
  const { generation, sha256, restart, refused } = live.state;
  out.one("ingressd_config_generation", "gauge", "generation of the configuration: 1, and one more for each reload that changed a value", generation);
  out.family("ingressd_config_info", "gauge", "hash of the configuration's values that were read last and not refused", [[{ sha256 }, 1]]);
  out.one("ingressd_config_refused", "gauge", "1 where the configuration was refused when it was read last", refused === null ? 0 : 1);
  out.one("ingressd_config_restart_keys", "gauge", "keys whose value differs from the one in force, because they are read at the start only", restart.length);
}

function decisionFamilies(out: Families, { counters }: Context): void {
  out.family("ingressd_decisions_total", "counter", "decisions of every kind", [
    [{ decision: "allow" }, counters.allowed],
    [{ decision: "deny" }, counters.denied],
  ]);
  out.byKey("ingressd_decisions_by_code_total", "code", "decisions by the code of the audit", counters.byCode);
  out.byKey("ingressd_shadow_total", "verdict", "shadow verdicts of dryrun rules", new Map(Object.entries(counters.shadow)));
  out.family(
    "ingressd_dryrun_rate_total",
    "counter",
    "admitted connections that a dryrun cap or limit would have refused, by its code",
    [...counters.dryrunRate].flatMap(([listener, codes]) => [...codes].map(([code, count]): Sample => [{ listener, code }, count])),
  );
}

function connectionFamilies(out: Families, context: Context): void {
  const { counters, flows, forwarder, leases, ports } = context;
  out.one("ingressd_connections", "gauge", "connections that are open", forwarder.live);
  out.one("ingressd_connections_cap", "gauge", "connections that may be open", context.connectionCap);
  out.family(
    "ingressd_waiting_connections",
    "gauge",
    "connections of a port that wait: for a PROXY header, or where exposes share the port, until their name has led them to one",
    [...context.nameWaits.byPort()].map(([port, count]) => [{ port: String(port) }, count]),
  );
  out.one("ingressd_open_sockets", "gauge", "listening sockets", ports.size);
  out.one(
    "ingressd_exposes_without_address",
    "gauge",
    "exposes that listen nowhere, because the host has no address of their bind",
    context.withoutAddress().length,
  );
  out.one("ingressd_blocks", "gauge", "prefixes that are blocked for some time", context.blocks.size);
  out.one("ingressd_leases", "gauge", "registrations in force", leases.size);
  out.one("ingressd_withdrawn_ports", "gauge", "ports that a service has bound by itself and still has, without a lease", context.withdrawn.open().length);
  out.family(
    "ingressd_certificate_not_after_seconds",
    "gauge",
    "UTC seconds at which a certificate or authority in use ends",
    context.certificates().map(({ kind, name, notAfter }) => [{ kind, name }, notAfter.getTime() / 1000]),
  );
  out.family("ingressd_flows", "gauge", "flows of datagrams that are open, among the connections", [
    [{ state: "fresh" }, flows.fresh],
    [{ state: "proven" }, flows.live - flows.fresh],
  ]);
  out.byKey("ingressd_datagrams_dropped_total", "because", "datagrams that were not forwarded", counters.datagramsDropped);
}

function processFamilies(out: Families, { counters, changes, history }: Context): void {
  out.one("ingressd_audit_records_total", "counter", "audit records written", counters.auditRecords);
  out.one("ingressd_audit_dropped_total", "counter", "decisions without a record", counters.auditDropped);
  out.one("ingressd_audit_ends_total", "counter", "records of ends of connections that were written", counters.endRecords);
  out.one("ingressd_audit_ends_dropped_total", "counter", "ends of connections without a record", counters.endRecordsDropped);
  out.one(
    "ingressd_audit_suppressed_total",
    "counter",
    "refused datagrams beyond audit.udp_denied_per_second, and refused PROXY headers beyond ten a second of one peer",
    counters.auditSuppressed,
  );
  out.one(
    "ingressd_refusals_unrecorded_total",
    "counter",
    "refused registrations and messages beyond the rate at which they are recorded",
    counters.refusalsUnrecorded,
  );
  out.one(
    "ingressd_clients_turned_away_total",
    "counter",
    "connections to control and registration sockets and HTTP that were closed unheard",
    counters.clientsTurnedAway,
  );
  out.one("ingressd_deny_markers_suppressed_total", "counter", "deny markers that the rate limit suppressed", counters.denyMarkersSuppressed);
  out.one("ingressd_descriptors_exhausted_total", "counter", "moments without a free file descriptor", counters.descriptorsExhausted);
  out.one("ingressd_change_prepared", "gauge", "1 while a change of policy is prepared and neither committed nor aborted", changes.current() === null ? 0 : 1);
  out.family(
    "ingressd_changes_total",
    "counter",
    "changes of policy that coordinators prepared, and what became of them",
    Object.entries(counters.changes).map(([result, value]) => [{ result }, value]),
  );
  out.family("ingressd_reloads_total", "counter", "reloads, the first policy included", [
    [{ result: "done" }, counters.reloads],
    [{ result: "refused" }, counters.reloadsRefused],
  ]);
  const [last] = history.past;
  out.one("ingressd_last_reload_successful", "gauge", "1 where the last reload was done, 0 where it was refused", last?.done === true ? 1 : 0);
  out.one("ingressd_last_reload_timestamp_seconds", "gauge", "UTC seconds of the last reload, whatever became of it", (last?.atMs ?? 0) / 1000);
  out.one("ingressd_last_reload_success_timestamp_seconds", "gauge", "UTC seconds of the last reload that was done", (history.lastDoneMs ?? 0) / 1000);
}

/** Why connections are not served now, or null. */
export function unready({ inForce: { engine }, draining, source }: Pick<Context, "inForce" | "draining" | "source">): string | null {
  if (draining()) return "the gateway is shutting down";
  if (engine === null) return source === null ? "no policy is in force" : `no policy is in force: ${sourceSentence(source.state)}`;
  return engine.poisoned ? "the policy module has failed: every connection is refused until a reload" : null;
}

/** Two listeners may have one name, one of tcp and one of udp. */
function listenerLabels({ name, proto }: ListenerInfo): Labels {
  return proto === "udp" ? { listener: name, proto } : { listener: name };
}
