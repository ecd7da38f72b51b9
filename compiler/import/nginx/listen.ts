// `listen` of nginx: `443`, `10.0.0.1:443`, `[::]:443 ipv6only=off`, `8000-8010 udp`.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { listenAddress, type Endpoint } from "../draft/endpoints.ts";
import type { Obstacle } from "./access.ts";
import { named, type Directive } from "./syntax.ts";

/** Parameters that change nothing of who is admitted. */
const HARMLESS =
  /^(?:reuseport|default_server|default|deferred|bind|udp|ssl|proxy_protocol|ipv6only=on|ipv6only=off|(?:backlog|rcvbuf|sndbuf|fastopen|so_keepalive|setfib|accept_filter)=\S*)$/;
const REASONS: Readonly<Record<string, string>> = {
  quic: "nginx terminates QUIC there",
  http2: "nginx speaks HTTP/2 there, and ingressd forwards the bytes of a client as they are",
};

export interface NginxEndpoint extends Endpoint {
  readonly directive: Directive;
  /** Each connection begins with a PROXY header. */
  readonly isProxied: boolean;
  readonly isTls: boolean;
}

/** Where a server listens, as far as it can be read, and why it can't be written. */
export interface Listening {
  readonly endpoints: readonly NginxEndpoint[];
  readonly obstacle: Obstacle | null;
  /** Some place could not be read, so that it may be any. */
  readonly isUnclear: boolean;
}

/** nginx listens on port 80 where a server has no `listen` in http. */
export function listeningOf(server: Directive, implied: number | null): Listening {
  const listens = named(server.block, "listen");
  if (listens.length === 0) {
    const address = listenAddress("*");
    if (implied === null || address === null) return { endpoints: [], obstacle: { directive: server, why: "it has no `listen`" }, isUnclear: false };
    const place = { directive: server, protocol: "tcp", ports: { first: implied, last: implied }, ...address } as const;
    return { endpoints: [{ ...place, isProxied: false, isTls: false }], obstacle: null, isUnclear: false };
  }
  const all = listens.map(listenOf);
  return {
    endpoints: all.flatMap(({ endpoint }) => (endpoint === null ? [] : [endpoint])),
    obstacle: all.find(({ obstacle }) => obstacle !== null)?.obstacle ?? null,
    isUnclear: all.some(({ endpoint, isSocket }) => endpoint === null && !isSocket),
  };
}

interface Listen {
  readonly endpoint: NginxEndpoint | null;
  readonly obstacle: Obstacle | null;
  readonly isSocket: boolean;
}

function listenOf(directive: Directive): Listen {
  const [place = "", ...parameters] = directive.args;
  const no = (why: string, isSocket = false): Listen => ({ endpoint: null, obstacle: { directive, why }, isSocket });
  if (place.startsWith("unix:")) return no("it is a unix socket, and ingressd listens on ports", true);
  const [, host = "", from = "", to = from] = /^(?:(.*):)?(\d{1,5})(?:-(\d{1,5}))?$/.exec(place) ?? [];
  const ports = { first: Number(from), last: Number(to) };
  if (from === "" || ports.first < 1 || ports.last > 65_535 || ports.first > ports.last) return no("its port can't be read");
  const address = listenAddress(host);
  if (address === null) return no(`\`${host}\` is no address that a socket can have`);
  const isBoth = address.isWide && host.startsWith("[") && parameters.includes("ipv6only=off");
  const [isUdp, isTls, isProxied] = ["udp", "ssl", "proxy_protocol"].map((word) => parameters.includes(word));
  const endpoint: NginxEndpoint = {
    directive,
    isProxied: isProxied === true,
    isTls: isTls === true,
    protocol: isUdp === true ? "udp" : "tcp",
    ports,
    ...address,
    ...(isBoth ? { local: ANY } : {}),
  };
  if (isUdp === true && (isTls === true || isProxied === true))
    return { endpoint, obstacle: { directive, why: "over udp a policy has neither TLS nor `via`" }, isSocket: false };
  // Behind TLS a client that is offered no HTTP/2 speaks HTTP/1.1.
  const strange = parameters.find((parameter) => !HARMLESS.test(parameter) && !(parameter === "http2" && isTls === true));
  const obstacle = strange === undefined ? null : { directive, why: REASONS[strange] ?? `\`${strange}\` has no counterpart in a policy` };
  return { endpoint, obstacle, isSocket: false };
}
