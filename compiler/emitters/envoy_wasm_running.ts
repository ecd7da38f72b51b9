// Envoy's `config_dump`, beside the configuration that was written. The tables are in the module, so that a listener either is the one that
// was written, its module byte for byte, or its clients are not known.
import { bytesToHex } from "@noble/hashes/utils.js";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { hostsOfWords } from "../analysis/names.ts";
import { sha256 } from "../emit/hash.ts";
import type { Files, Running, RunningRule } from "./emitter.ts";
import { listenersIn } from "./envoy_running.ts";
import { at, isFields, list, parsed, shown, text } from "./json.ts";
import type { Grant, Place, Plan } from "./plan.ts";
import { prefixTexts } from "./ranges.ts";

const SHAPE = "it is what Envoy's admin interface answers to /config_dump";

export function readConfigDump(source: string, wanted: Files, plan: Plan): Result<Running, string> {
  const configs = list(at(parsed(source), "configs"));
  const dumped = (kind: string): unknown => configs.find((config) => text(at(config, "@type")).endsWith(`.${kind}`));
  const [listeners, clusters] = [dumped("ListenersConfigDump"), dumped("ClustersConfigDump")];
  if (listeners === undefined || clusters === undefined) return failed(`it has no listeners or no clusters: ${SHAPE}`);
  const config = parsed(wanted.get("envoy.json") ?? "");
  const strange: string[] = [];
  const running = listenersIn(listeners, strange);
  const own = list(at(config, "static_resources", "listeners"));
  for (const listener of running)
    if (!own.some((one) => same(one, listener))) strange.push(`a listener ${shown(at(listener, "name"))} ${differs(own, listener)}`);
  const targets = [
    ...list(at(clusters, "static_clusters")).map((one) => at(one, "cluster")),
    ...list(at(clusters, "dynamic_active_clusters")).map((one) => at(one, "cluster")),
  ];
  const written = list(at(config, "static_resources", "clusters"));
  for (const cluster of written) if (!targets.some((one) => same(cluster, one))) strange.push(`no cluster ${shown(at(cluster, "name"))} as it was written`);
  // The plugin names clusters, and one that is there by another name may be taken for it.
  for (const target of targets) if (!written.some((one) => at(one, "name") === at(target, "name"))) strange.push(`the cluster ${shown(at(target, "name"))}`);
  for (const one of list(at(clusters, "dynamic_warming_clusters"))) strange.push(`the cluster ${shown(at(one, "cluster", "name"))} of another source`);
  const places = plan.places.flatMap((place) =>
    own.some((one) => running.some((other) => same(one, other)) && portsIn(one).has(place.ports[0]?.first ?? 0)) ?
      [{ name: "envoy-wasm", proto: place.proto, ports: place.ports, local: place.local, rules: rulesOf(place) }]
    : [],
  );
  return ok({ places, otherPorts: "refused", strange, hash: policyOf(running) });
}

/** Equal as messages of protocol buffers, of which a dump has no field with the default. */
function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function plain(value: unknown): unknown {
  if (Array.isArray(value)) return (value as readonly unknown[]).map(plain);
  if (!isFields(value)) return value;
  const kept = Object.entries(value).filter(([key, inner]) => !(key === "fail_open" && inner === false) && !(key === "type" && inner === "STATIC"));
  // The type of the whole message is in a dump alone.
  const named = kept.filter(([key, inner]) => !(key === "@type" && typeof inner === "string" && /\.(?:Listener|Cluster)$/.test(inner)));
  return Object.fromEntries(named.map(([key, inner]): [string, unknown] => [key, plain(inner)]).sort(([x], [y]) => (x < y ? -1 : 1)));
}

/** The module of a listener's plugin: its SHA-256, or that there is none. */
function moduleOf(listener: unknown): string | null {
  const filters = list(at(list(at(listener, "filter_chains"))[0], "filters"));
  const code = at(filters[0], "typed_config", "config", "vm_config", "code");
  const inline = at(code, "local", "inline_bytes");
  if (typeof inline !== "string") return typeof at(code, "remote", "sha256") === "string" ? text(at(code, "remote", "sha256")) : null;
  try {
    return bytesToHex(sha256(Uint8Array.from(atob(inline), (c) => c.charCodeAt(0))));
  } catch {
    return null;
  }
}

function differs(own: readonly unknown[], listener: unknown): string {
  const one = own.find((written) => at(written, "name") === at(listener, "name"));
  if (one === undefined) return "";
  const [due, is] = [moduleOf(one), moduleOf(listener)];
  return due === is ? "that differs from the one that was written" : `whose module has the SHA-256 ${is ?? "of none"}, and the one that was written ${due}`;
}

function policyOf(running: readonly unknown[]): string | null {
  const said = running.map((listener) => at(listener, "metadata", "filter_metadata", "ingressd", "policy")).find((hash) => typeof hash === "string");
  return said === undefined ? null : text(said);
}

function portsIn(listener: unknown): ReadonlySet<unknown> {
  const addresses = [listener, ...list(at(listener, "additional_addresses"))];
  return new Set(addresses.map((one) => at(one, "address", "socket_address", "port_value")));
}

/** The narrowest pattern that fits decides. */
function rulesOf({ names, grants }: Place): readonly RunningRule[] {
  const admit = (all: readonly Grant[], of: RunningRule["names"]): readonly RunningRule[] =>
    all.map(({ sources, after, until }) => ({ admits: true, sources, names: of, after, until }));
  if (names === null) return admit(grants, null);
  const key = (all: readonly Grant[]): string =>
    all.map(({ listener, after, until, sources }) => [listener, after, until, ...prefixTexts(sources)].join()).join("|");
  const keyed = names.map(({ pattern, grants: own }) => ({ pattern, own, key: key(own) }));
  const first = new Map(keyed.map((one) => [one.key, one.own]));
  return [
    ...admit(grants, { nameless: true, hosts: hostsOfWords([]) }),
    ...[...first].flatMap(([which, own]) =>
      admit(own, { nameless: false, hosts: hostsOfWords(keyed.map((one) => (one.key === which ? one.pattern : `!${one.pattern}`))) }),
    ),
  ];
}
