// The parts of an Envoy configuration that are alike wherever they occur, as Envoy itself writes them in a config_dump: without what
// is the default.
import type { Backend, CheckedExpose } from "../policy/policy.ts";

export type Json = Readonly<Record<string, unknown>>;

const TYPES = "type.googleapis.com";
/** The most that a bound of Envoy can be: the caps of a policy are left out, and Envoy's own default of 1,024 is no part of it. */
const UNBOUNDED = 4_294_967_295;

export function typed(name: string, type: string, more: Json = {}): Json {
  return { name, typed_config: { "@type": `${TYPES}/${type}`, ...more } };
}

export const TLS_INSPECTOR = typed("envoy.filters.listener.tls_inspector", "envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector");

/** Every family of addresses has a socket of its own, so that no source is an IPv4 address in IPv6. */
export const ANY_ADDRESS = { 4: "0.0.0.0", 6: "::" } as const;

export function socketAddress(address: string, port: number): Json {
  return { socket_address: { address, port_value: port } };
}

export interface Prefix extends Json {
  readonly address_prefix: string;
  readonly prefix_len: number;
}

/** Of texts such as `192.0.2.0/24` and `192.0.2.1`. */
export function prefixes(texts: readonly string[]): readonly Prefix[] {
  return texts.map((text) => {
    const [address = "", bits] = text.split("/");
    return {
      address_prefix: address,
      prefix_len:
        bits === undefined ?
          address.includes(":") ?
            128
          : 32
        : Number(bits),
    };
  });
}

/** A worker hears of a backend that is left out a moment later, so that an attempt may meet it once more. */
export function attemptsOf(backends: number): number {
  return 8 * backends;
}

/** Connections of a TLS that ends here reach the backend behind the handshake. */
export function filtersTo(cluster: string, name: string, backends: number, endsTls: boolean): readonly Json[] {
  return [
    typed("envoy.filters.network.tcp_proxy", "envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy", {
      stat_prefix: name,
      cluster,
      idle_timeout: "3600s",
      ...(backends > 1 && { max_connect_attempts: attemptsOf(backends) }),
      ...(endsTls && { upstream_connect_mode: "ON_DOWNSTREAM_TLS_HANDSHAKE", max_early_data_bytes: 16_384 }),
    }),
  ];
}

/** Where a connection ends: a chain without filters closes it. */
export const REFUSED = "refused";

/** Files of certificates are found from the folder in which Envoy was started. */
export function tlsContext({ certs, ca }: CheckedExpose, clients: Json): Json {
  return typed("envoy.transport_sockets.tls", "envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext", {
    common_tls_context: {
      tls_params: { tls_minimum_protocol_version: "TLSv1_2", tls_maximum_protocol_version: "TLSv1_3" },
      tls_certificates: certs.map((name) => ({
        certificate_chain: { filename: `tls/${name}.crt` },
        private_key: { filename: `tls/${name}.key` },
      })),
      ...(ca !== null && { validation_context: { trusted_ca: { filename: `tls/${ca}.ca.crt` }, ...clients } }),
    },
    // A session that is resumed shows no certificate again.
    ...(ca !== null && { require_client_certificate: true, disable_stateless_session_resumption: true, disable_stateful_session_resumption: true }),
  });
}

function endpointOf(backend: Backend): Json {
  return { endpoint: { address: backend.kind === "unix" ? { pipe: { path: backend.path } } : socketAddress(backend.host, backend.port) } };
}

export function clusterName(expose: CheckedExpose, i: number): string {
  return `${expose.name}.${i}`;
}

export function clusterOf(name: string, { backends, proxy }: CheckedExpose): Json {
  return {
    name,
    type: "STATIC",
    connect_timeout: "5s",
    circuit_breakers: { thresholds: [{ max_connections: UNBOUNDED, max_pending_requests: UNBOUNDED, max_requests: UNBOUNDED }] },
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: backends.map(endpointOf) }] },
    ...(backends.length > 1 && IN_TURN),
    ...(proxy !== null && {
      transport_socket: typed(
        "envoy.transport_sockets.upstream_proxy_protocol",
        "envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport",
        {
          config: proxy === "v1" ? {} : { version: "V2" },
          transport_socket: typed("envoy.transport_sockets.raw_buffer", "envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer"),
        },
      ),
    }),
  };
}

/**
 * Backends in turn; one that fails is left out for 5 s. With the fewest connections first, clients would come back to those that do not
 * accept, which have none. By default Envoy takes those that are left out again where they are more than half of all.
 */
export const IN_TURN: Json = {
  common_lb_config: { healthy_panic_threshold: { value: 1 } },
  outlier_detection: {
    interval: "1s",
    base_ejection_time: "5s",
    max_ejection_time: "5s",
    max_ejection_percent: 100,
    split_external_local_origin_errors: true,
    consecutive_local_origin_failure: 1,
    enforcing_consecutive_local_origin_failure: 100,
    enforcing_success_rate: 0,
    enforcing_local_origin_success_rate: 0,
  },
};

const INPUTS = "envoy.extensions.matching.common_inputs.network.v3";
export const INPUT = {
  name: typed("envoy.matching.inputs.server_name", `${INPUTS}.ServerNameInput`),
  transport: typed("envoy.matching.inputs.transport_protocol", `${INPUTS}.TransportProtocolInput`),
  source: typed("envoy.matching.inputs.source_ip", `${INPUTS}.SourceIPInput`),
  local: typed("envoy.matching.inputs.destination_ip", `${INPUTS}.DestinationIPInput`),
} as const;

export const IP_MATCHER = `envoy.extensions.matching.input_matchers.ip.v3.Ip`;
export const CHAIN_ACTION = `${TYPES}/google.protobuf.StringValue`;
