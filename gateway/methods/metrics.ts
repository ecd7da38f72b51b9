// `metrics`: what is counted, in the text format of Prometheus 0.0.4. Names end in `_total` where a
// value only rises; the count of a rule starts again when a reload changes what the rule says.
import { closedExposes } from "./closed.ts";
import type { Context, Endpoint } from "./context.ts";

/** Rules that have decided, at most so many; a policy may have 100,000. */
const MOST_RULES = 1_000;

type Labels = Readonly<Record<string, string | number>>;

export const metrics: Endpoint = async (context) => ({ result: { text: metricsText(context) } });

export function metricsText(context: Context): string {
  const {
    inForce: { engine, generation },
    counters,
    forwarder,
    leases,
    ports,
  } = context;
  const out: string[] = [];
  const family = (name: string, kind: "counter" | "gauge", help: string, rows: readonly (readonly [Labels, number])[]): void => {
    out.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${kind}`);
    for (const [labels, value] of rows) out.push(`${name}${labelText(labels)} ${value}`);
  };
  const one = (name: string, kind: "counter" | "gauge", help: string, value: number): void => family(name, kind, help, [[{}, value]]);
  const byKey = (name: string, label: string, help: string, map: ReadonlyMap<string, number>): void =>
    family(
      name,
      "counter",
      help,
      [...map].map(([key, value]) => [{ [label]: key }, value]),
    );

  one("ingressd_ready", "gauge", "1 while connections are served: see /readyz", unready(context) === null ? 1 : 0);
  one("ingressd_policy_generation", "gauge", "generation of the policy in force", generation);
  if (engine !== null) {
    const { sha256, treeSha256, listeners } = engine.info;
    family("ingressd_policy_info", "gauge", "the module and the tree hash of the policy in force", [[{ sha256, tree_sha256: treeSha256 }, 1]]);
    family(
      "ingressd_listener_connections",
      "gauge",
      "connections of an expose, as the module counts them",
      listeners.map(({ id, name }) => [{ listener: name }, engine.connections(id)]),
    );
    family(
      "ingressd_listener_connections_cap",
      "gauge",
      "the cap of an expose",
      listeners.map(({ name, capConnections }) => [{ listener: name }, capConnections]),
    );
    family(
      "ingressd_listener_closed",
      "gauge",
      "1 for an expose that stays closed because its certificate or authority can't be used",
      closedExposes(context).map(({ name }) => [{ listener: name }, 1]),
    );
    const { used, places } = engine.limiterFill();
    one("ingressd_limiter_entries", "gauge", "places of the limiter in use", used);
    one("ingressd_limiter_places", "gauge", "places of the limiter", places);
    const hits = counters.ruleHits.ofPolicy(engine.info, MOST_RULES);
    family(
      "ingressd_rule_hits_total",
      "counter",
      "decisions of a rule since it came into force",
      hits.map(({ listener, rule, at, hits: n }) => [{ listener, rule, at }, n]),
    );
  }
  family("ingressd_decisions_total", "counter", "decisions of every kind", [
    [{ decision: "allow" }, counters.allowed],
    [{ decision: "deny" }, counters.denied],
  ]);
  byKey("ingressd_denied_total", "reason", "refusals by the word of the marker", counters.byReason);
  byKey("ingressd_decisions_by_code_total", "code", "decisions by the code of the audit", counters.byCode);
  byKey("ingressd_shadow_total", "verdict", "shadow verdicts of dryrun rules", new Map(Object.entries(counters.shadow)));
  one("ingressd_connections", "gauge", "connections that are open", forwarder.live);
  one("ingressd_connections_cap", "gauge", "connections that may be open", context.connectionCap);
  one("ingressd_open_sockets", "gauge", "listening sockets", ports.size);
  one(
    "ingressd_exposes_without_address",
    "gauge",
    "exposes that listen nowhere, because the host has no address of their bind",
    context.withoutAddress().length,
  );
  one("ingressd_leases", "gauge", "registrations in force", leases.size);
  one("ingressd_withdrawn_ports", "gauge", "ports that a service has bound by itself and still has, without a lease", context.withdrawn.open().length);
  family(
    "ingressd_certificate_not_after_seconds",
    "gauge",
    "UTC seconds at which a certificate or authority in use ends",
    context.certificates().map(({ kind, name, notAfter }) => [{ kind, name }, notAfter.getTime() / 1000]),
  );
  byKey("ingressd_connection_ends_total", "end", "how admitted connections ended", counters.ends);
  family("ingressd_bytes_total", "counter", "bytes of ended connections", [
    [{ from: "clients" }, counters.bytesFromClients],
    [{ from: "backends" }, counters.bytesFromBackends],
  ]);
  one("ingressd_audit_records_total", "counter", "audit records written", counters.auditRecords);
  one("ingressd_audit_dropped_total", "counter", "decisions without a record", counters.auditDropped);
  one(
    "ingressd_refusals_unrecorded_total",
    "counter",
    "refused registrations and messages beyond the rate at which they are recorded",
    counters.refusalsUnrecorded,
  );
  one(
    "ingressd_clients_turned_away_total",
    "counter",
    "connections to control and registration sockets and HTTP that were closed unheard",
    counters.clientsTurnedAway,
  );
  one("ingressd_deny_markers_suppressed_total", "counter", "deny markers that the rate limit suppressed", counters.denyMarkersSuppressed);
  one("ingressd_descriptors_exhausted_total", "counter", "moments without a free file descriptor", counters.descriptorsExhausted);
  one(
    "ingressd_change_prepared",
    "gauge",
    "1 while a change of policy is prepared and neither committed nor aborted",
    context.changes.current() === null ? 0 : 1,
  );
  family(
    "ingressd_changes_total",
    "counter",
    "changes of policy that coordinators prepared, and what became of them",
    Object.entries(counters.changes).map(([result, value]) => [{ result }, value]),
  );
  family("ingressd_reloads_total", "counter", "reloads, the first policy included", [
    [{ result: "done" }, counters.reloads],
    [{ result: "refused" }, counters.reloadsRefused],
  ]);
  return `${out.join("\n")}\n`;
}

/** Why connections are not served now, or null. */
export function unready({ inForce: { engine }, draining }: Pick<Context, "inForce" | "draining">): string | null {
  if (draining()) return "the gateway is shutting down";
  if (engine === null) return "no policy is in force";
  return engine.poisoned ? "the policy module failed inside: everything is refused until a reload" : null;
}

function labelText(labels: Labels): string {
  const parts = Object.entries(labels).map(([name, value]) => `${name}="${String(value).replace(/[\\"\n]/g, (c) => (c === "\n" ? "\\n" : `\\${c}`))}"`);
  return parts.length === 0 ? "" : `{${parts.join(",")}}`;
}
