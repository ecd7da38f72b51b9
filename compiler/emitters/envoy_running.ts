// Envoy's `/config_dump` back into sets: for each listener the connections that its filter chains take, as sources, names and identities.
// Everything else (filters, certificates, clusters) has to be what `build` writes.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { ANY, ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import type { Files, Running, RunningPlace, RunningRule } from "./emitter.ts";
import { RuleReader, type LocalRule } from "./envoy_running_rules.ts";
import { TLS_INSPECTOR } from "./envoy_parts.ts";
import { at, canonical, isFields, list, parsed, shown, text } from "./json.ts";
import { pieces } from "./pieces.ts";
import { intersection, setOfTexts } from "./ranges.ts";

const SHAPE = "write it with `curl --unix-socket envoy.sock http://envoy/config_dump`";

interface Wanted {
  /** By the names of listeners. */
  readonly listeners: ReadonlyMap<string, unknown>;
  readonly clusters: ReadonlyMap<string, string>;
}

export function readDump(source: string, files: Files): Result<Running, string> {
  const configs = list(at(parsed(source), "configs"));
  const section = (type: string): unknown => configs.find((config) => text(at(config, "@type")).endsWith(`.${type}`));
  const dumped = section("ListenersConfigDump");
  if (dumped === undefined || section("ClustersConfigDump") === undefined) return failed(`it has no listeners and clusters: ${SHAPE}`);
  const wanted = wantedOf(files);
  const strange: string[] = [];
  const listeners = listenersIn(dumped, strange);
  const rules = listeners.flatMap((listener) => listenerRules(listener, wanted, strange));
  clusters(section("ClustersConfigDump"), wanted, strange);
  const places = pieces(rules).map(({ proto, ports, local, members }): RunningPlace => ({
    name: "envoy",
    proto,
    ports,
    local,
    rules: members.flatMap((i): readonly RunningRule[] => rules.slice(i, i + 1)),
  }));
  const hashes = new Set(listeners.map((listener) => text(at(listener, "metadata", "filter_metadata", "ingressd", "policy"))));
  if (listeners.length === 0) hashes.add(text(at(section("BootstrapConfigDump"), "bootstrap", "node", "metadata", "ingressd", "policy")));
  const [hash = ""] = hashes;
  return ok({ places, otherPorts: "refused", strange: [...new Set(strange)], hash: hashes.size === 1 && hash !== "" ? hash : null });
}

function wantedOf(files: Files): Wanted {
  const resources = at(parsed(files.get("") ?? ""), "static_resources");
  const byName = (items: unknown): readonly (readonly [string, unknown])[] => list(items).map((item) => [text(at(item, "name")), item] as const);
  return {
    listeners: new Map(byName(at(resources, "listeners"))),
    clusters: new Map(byName(at(resources, "clusters")).map(([name, cluster]) => [name, clusterText(cluster)])),
  };
}

/** Those that are in force; others are strange. */
export function listenersIn(dumped: unknown, strange: string[]): readonly unknown[] {
  const fixed = list(at(dumped, "static_listeners")).map((one) => at(one, "listener"));
  const dynamic = list(at(dumped, "dynamic_listeners"));
  for (const one of dynamic) {
    const other = Object.keys(isFields(one) ? one : {}).find((key) => !["name", "active_state", "client_status"].includes(key));
    if (other !== undefined || at(one, "active_state") === undefined)
      strange.push(`the listener ${text(at(one, "name"))} with another state than \`active_state\``);
  }
  return [...fixed, ...dynamic.map((one) => at(one, "active_state", "listener")).filter((one) => one !== undefined)];
}

type PlacedRule = LocalRule & { readonly proto: "tcp"; readonly ports: readonly PortRange[] };

function listenerRules(listener: unknown, wanted: Wanted, strange: string[]): readonly PlacedRule[] {
  const name = text(at(listener, "name"));
  const own = wanted.listeners.get(name);
  if (own === undefined) strange.push(`the listener ${name}`);
  const {
    name: _1,
    address,
    additional_addresses,
    filter_chains,
    filter_chain_matcher,
    metadata: _2,
    "@type": _3,
    ...rest
  } = isFields(listener) ? listener : {};
  const filters = canonical({ listener_filters: [TLS_INSPECTOR] });
  if (
    ![canonical({}), filters].includes(canonical(rest)) ||
    (own !== undefined && canonical(rest["listener_filters"]) !== canonical(at(own, "listener_filters")))
  )
    strange.push(`fields of the listener ${name}: ${shown(rest)}`);
  const rules = new RuleReader(name, list(filter_chains), own, strange).rules(filter_chain_matcher);
  const sockets = [address, ...list(additional_addresses).map((one) => at(one, "address"))].flatMap((one) => socketOf(one, name, strange));
  return sockets.flatMap(({ port, family, host }) =>
    [...rules, LAST].map((rule): PlacedRule => ({
      ...rule,
      sources: intersection(rule.sources, family),
      proto: "tcp",
      ports: [{ first: port, last: port }],
      local:
        host === null ? rule.local
        : rule.local === null ? host
        : intersection(rule.local, host),
    })),
  );
}

/** Where no chain fits the connection ends. */
const LAST: LocalRule = { admits: false, sources: ANY, names: null, after: null, until: null, local: null };

interface Socket {
  readonly port: number;
  readonly family: AddressSet;
  /** Null: any address. */
  readonly host: AddressSet | null;
}

function socketOf(address: unknown, name: string, strange: string[]): readonly Socket[] {
  const { address: host, port_value: port, ...rest } = (at(address, "socket_address") ?? {}) as Readonly<Record<string, unknown>>;
  const set = setOfTexts([text(host)]);
  if (typeof port !== "number" || set === null || Object.keys(rest).length > 0) {
    strange.push(`an address of the listener ${name}: ${shown(address)}`);
    return [];
  }
  const isAny = host === "0.0.0.0" || host === "::";
  return [{ port, family: text(host).includes(":") ? ANY6 : ANY4, host: isAny ? null : set }];
}

function clusters(dumped: unknown, wanted: Wanted, strange: string[]): void {
  const found = new Map(list(at(dumped, "static_clusters")).map((one) => [text(at(one, "cluster", "name")), clusterText(at(one, "cluster"))] as const));
  for (const [name, cluster] of wanted.clusters)
    if (!found.has(name)) strange.push(`no cluster ${name}`);
    else if (found.get(name) !== cluster) strange.push(`another cluster ${name} than in the output`);
  for (const name of found.keys()) if (!wanted.clusters.has(name)) strange.push(`the cluster ${name}`);
  for (const key of ["dynamic_active_clusters", "dynamic_warming_clusters"])
    for (const one of list(at(dumped, key))) strange.push(`the cluster ${text(at(one, "cluster", "name"))} of another source`);
}

/** Envoy adds the type of the message. */
function clusterText(cluster: unknown): string {
  const { "@type": _, ...rest } = isFields(cluster) ? cluster : {};
  return canonical(rest);
}
