// Envoy with the engine in it: each connection is decided by the policy's own tables, in a WebAssembly module that Envoy loads as a
// network filter. The module names the cluster that a connection goes to; where it names none, Envoy forwards nothing.
import { bytesToHex } from "@noble/hashes/utils.js";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { sha256 } from "../emit/hash.ts";
import type { Backend, CheckedExpose } from "../policy/policy.ts";
import { capabilities, pluginModule } from "./envoy_wasm_module.ts";
import { readConfigDump } from "./envoy_wasm_running.ts";
import type { Emitter, Files, Options, TooMuch } from "./emitter.ts";
import { attemptsOf, IN_TURN } from "./envoy_parts.ts";
import { headerLines } from "./header.ts";
import type { Place, Plan } from "./plan.ts";

export const envoyWasm: Emitter = {
  name: "envoy-wasm",
  ending: ".envoy",
  isFolder: true,
  can: { modes: new Set(["tcp", "passthrough"]), udp: false, direct: "left out", times: true, bind: true, backends: "forwarded", proxyV2: "without names" },
  emit: filesOf,
  binaries: (plan) => new Map([[MODULE_FILE, moduleOf(plan, servedPlaces(plan)) ?? new Uint8Array(0)]]),
  read: readConfigDump,
};

export const MODULE_FILE = "policy.envoy.wasm";
export const CONFIG_FILE = "envoy.json";
const CODE_CLUSTER = "policy_code";
/** Each is a socket of each worker. */
const MOST_PORTS = 1_000;
const MOST = 0xffffffff;
const TYPES = "type.googleapis.com/envoy.extensions";

/** Where somebody is admitted. */
function servedPlaces({ places }: Plan): readonly Place[] {
  return places.filter(({ grants, names }) => grants.length > 0 || names?.some((name) => name.grants.length > 0));
}

function moduleOf(plan: Plan, places: readonly Place[]): Uint8Array | null {
  const forwarded = new Set(places.flatMap(({ members }) => members));
  return pluginModule(plan.module, { listeners: plan.listeners, forwarded, at: plan.asOf?.at ?? null });
}

function filesOf(plan: Plan, options: Options): Result<Files, readonly TooMuch[]> {
  const places = servedPlaces(plan);
  const wrong = [...mixed(plan, places), ...manyPorts(places)];
  if (wrong.length > 0) return failed(wrong);
  const module = moduleOf(plan, places);
  if (module === null) return failed([{ listener: 0, what: "the plugin has no room for so many exposes" }]);
  const hash = bytesToHex(sha256(module));
  const plugin: Plugin = { code: codeOf(module, hash, options.codeUrl), hash, may: capabilities(module) };
  const listeners = [false, true].flatMap((named) => {
    const own = places.filter((place) => readsHello(plan, place) === named);
    return own.length === 0 ? [] : [listenerOf(own, named, plugin, plan, options)];
  });
  const used = new Set(places.flatMap(({ members }) => members));
  const clusters = plan.exposes.flatMap((expose, i) => (used.has(i) ? [clusterOf(expose, i)] : []));
  const config = {
    admin: { address: { pipe: { path: "admin.sock", mode: 0o600 } } },
    static_resources: { listeners, clusters: [...clusters, ...(options.codeUrl === null ? [] : [codeCluster(options.codeUrl)])] },
  };
  return ok(new Map([[CONFIG_FILE, `${JSON.stringify(config, null, 2)}\n`]]));
}

function readsHello({ exposes }: Plan, { members }: Place): boolean {
  return members.some((i) => exposes[i]?.mode === "passthrough");
}

/** Envoy waits for a hello at a port or it does not. */
function mixed(plan: Plan, places: readonly Place[]): readonly TooMuch[] {
  return places.flatMap((place) => {
    const other = places.find(
      (one) => readsHello(plan, one) !== readsHello(plan, place) && one.ports.some((x) => place.ports.some((y) => x.first <= y.last && y.first <= x.last)),
    );
    return other === undefined || !readsHello(plan, place) ?
        []
      : place.members.map((listener) => ({
          listener,
          what: "an expose without TLS has the same port, and the target reads hellos at a whole port or not at all",
        }));
  });
}

function portsOf(places: readonly Place[]): readonly number[] {
  const ports = new Set(places.flatMap((place) => place.ports.flatMap(({ first, last }) => Array.from({ length: last - first + 1 }, (_, i) => first + i))));
  return [...ports].sort((a, b) => a - b);
}

function manyPorts(places: readonly Place[]): readonly TooMuch[] {
  const count = portsOf(places).length;
  if (count <= MOST_PORTS) return [];
  const [widest] = [...places].sort((a, b) => portsOf([b]).length - portsOf([a]).length);
  const what = `the policy has ${count} ports for the target, and each is a socket of each worker there: at most ${MOST_PORTS}`;
  return (widest?.members ?? []).map((listener) => ({ listener, what }));
}

/** Where Envoy gets the module: in the configuration itself, or from a server, with the hash that it must have. */
function codeOf(module: Uint8Array, hash: string, url: Options["codeUrl"]): object {
  if (url === null) return { local: { inline_bytes: base64(module) } };
  const retries = { num_retries: 5, retry_back_off: { base_interval: "1s", max_interval: "10s" } };
  return { remote: { http_uri: { uri: url.text, cluster: CODE_CLUSTER, timeout: "60s" }, sha256: hash, retry_policy: retries } };
}

function base64(bytes: Uint8Array): string {
  const parts: string[] = [];
  // A multiple of three, so that only the last part is padded.
  for (let i = 0; i < bytes.length; i += 24_576) parts.push(btoa(String.fromCharCode(...bytes.subarray(i, i + 24_576))));
  return parts.join("");
}

function address(port: number): object {
  return { socket_address: { address: "::", port_value: port, ipv4_compat: true } };
}

interface Plugin {
  readonly code: object;
  /** SHA-256 of the module, in hexadecimal. */
  readonly hash: string;
  /** Names of its imports, and of the functions that Envoy calls in it: all that it may do. */
  readonly may: readonly string[];
}

function listenerOf(places: readonly Place[], named: boolean, { code, hash, may }: Plugin, plan: Plan, options: Options): object {
  const [first = 0, ...more] = portsOf(places);
  const name = named ? "ingressd_tls" : "ingressd_tcp";
  const backends = Math.max(...places.flatMap(({ members }) => members.map((i) => plan.exposes[i]?.backends.length ?? 0)));
  const inspector = { name: "envoy.filters.listener.tls_inspector", typed_config: { "@type": `${TYPES}.filters.listener.tls_inspector.v3.TlsInspector` } };
  const plugin = {
    name: "ingressd",
    vm_config: { vm_id: `ingressd.${plan.hash}`, runtime: "envoy.wasm.runtime.v8", code },
    // As it is without the word, too: where the module can't decide, the connection is closed.
    fail_open: false,
    capability_restriction_config: { allowed_capabilities: Object.fromEntries(may.map((name) => [name, {}])) },
  };
  return {
    name,
    metadata: {
      filter_metadata: { ingressd: { policy: plan.hash, sha256: hash, says: headerLines("envoy-wasm", plan, options) } },
    },
    address: address(first),
    ...(more.length > 0 && { additional_addresses: more.map((port) => ({ address: address(port) })) }),
    // Bytes that are no hello fit no chain, and the connection is closed.
    ...(named && { listener_filters: [inspector], listener_filters_timeout: "10s" }),
    filter_chains: [
      {
        ...(named && { filter_chain_match: { transport_protocol: "tls" } }),
        filters: [
          { name: "envoy.filters.network.wasm", typed_config: { "@type": `${TYPES}.filters.network.wasm.v3.Wasm`, config: plugin } },
          {
            name: "envoy.filters.network.tcp_proxy",
            // No cluster has that name: only those connections are forwarded for which the plugin names another.
            typed_config: {
              "@type": `${TYPES}.filters.network.tcp_proxy.v3.TcpProxy`,
              stat_prefix: name,
              cluster: "refused",
              ...(backends > 1 && { max_connect_attempts: attemptsOf(backends) }),
            },
          },
        ],
      },
    ],
  };
}

function endpointOf(backend: Backend): object {
  const place = backend.kind === "unix" ? { pipe: { path: backend.path } } : { socket_address: { address: backend.host, port_value: backend.port } };
  return { endpoint: { address: place } };
}

function clusterOf({ name, backends, proxy }: CheckedExpose, i: number): object {
  const own = `expose.${i}`;
  const header = {
    name: "envoy.transport_sockets.upstream_proxy_protocol",
    typed_config: {
      "@type": `${TYPES}.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport`,
      config: proxy === "v1" ? {} : { version: "V2" },
      transport_socket: { name: "envoy.transport_sockets.raw_buffer", typed_config: { "@type": `${TYPES}.transport_sockets.raw_buffer.v3.RawBuffer` } },
    },
  };
  return {
    name: own,
    alt_stat_name: name,
    type: "STATIC",
    connect_timeout: "5s",
    ...(backends.length > 1 && IN_TURN),
    // Without them Envoy refuses clients from 1,024 connections on.
    circuit_breakers: { thresholds: [{ max_connections: MOST, max_pending_requests: MOST, max_requests: MOST }] },
    load_assignment: { cluster_name: own, endpoints: [{ lb_endpoints: backends.map(endpointOf) }] },
    ...(proxy !== null && { transport_socket: header }),
  };
}

/** The server of the module; the hash is checked, so that the way there needs no secret. */
function codeCluster({ host, port }: NonNullable<Options["codeUrl"]>): object {
  const endpoint = { endpoint: { address: { socket_address: { address: host, port_value: port } } } };
  return {
    name: CODE_CLUSTER,
    type: "STRICT_DNS",
    connect_timeout: "5s",
    load_assignment: { cluster_name: CODE_CLUSTER, endpoints: [{ lb_endpoints: [endpoint] }] },
  };
}
