// Servers of nginx's `stream` block: they forward what the server name, if anything, decides.
import type { AddressSet } from "../../policy/policy.ts";
import { readHostPattern } from "../../check/names/host_names.ts";
import type { Context } from "../draft/context.ts";
import { PLAIN, type DraftExpose } from "../draft/draft.ts";
import type { Certificates } from "../draft/certificates.ts";
import { accessOf, connectionsOf, isObstacle, type Obstacle } from "./access.ts";
import { exposesOfParts, frontOf, placesBehind, type Front, type Part } from "./front.ts";
import type { NginxEndpoint } from "./listen.ts";
import { named, shown, type Directive } from "./syntax.ts";
import { targetOf } from "./upstreams.ts";

/** Directives of a server, or around it, that admit nobody and refuse nobody. */
const HARMLESS =
  /^(?:allow|deny|limit_conn|limit_conn_zone|limit_conn_log_level|listen|server|upstream|map|map_hash_\w+|proxy_pass|ssl_preread|proxy_protocol|proxy_(?:timeout|connect_timeout|buffer_size|socket_keepalive|next_upstream|next_upstream_tries|next_upstream_timeout|responses|requests|half_close|bind)|preread_(?:timeout|buffer_size)|tcp_nodelay|ssl_certificate|ssl_certificate_key|ssl_protocols|ssl_ciphers|ssl_prefer_server_ciphers|ssl_session_\w+|ssl_dhparam|ssl_ecdh_curve|ssl_handshake_timeout|set_real_ip_from|error_log|access_log|log_format|resolver|resolver_timeout|variables_hash_\w+|server_names_hash_\w+|open_log_file_cache)$/;

const NOTHING = /^$/;

export interface Level {
  /** The directives of the `stream` or `http` block. */
  readonly block: readonly Directive[];
  readonly servers: readonly { readonly server: Directive; readonly endpoints: readonly NginxEndpoint[]; readonly obstacle: Obstacle | null }[];
  /** Of all servers of the file. */
  readonly all: readonly NginxEndpoint[];
  readonly certificates: Certificates;
}

export function streamExposes(context: Context, level: Level): readonly DraftExpose[] {
  const around = strangeIn(level.block, HARMLESS);
  return level.servers.flatMap((one) =>
    exposesOfParts(context, { ...one, obstacle: around ?? one.obstacle }, (part) => serverExposes(context, level, one.server, part)),
  );
}

export function strangeIn(block: readonly Directive[], harmless: RegExp): Obstacle | null {
  const directive = block.find(({ name }) => !harmless.test(name));
  if (directive === undefined) return null;
  return {
    directive,
    why:
      directive.name === "include" ?
        "the file is not here; give the output of `nginx -T`, which has all files"
      : "it can change who is admitted, and it has no counterpart in a policy",
  };
}

function serverExposes(context: Context, { block, all, certificates }: Level, server: Directive, part: Part): readonly DraftExpose[] | Obstacle {
  const own = server.block ?? [];
  const levels = [block, own];
  const strange = strangeIn(own, HARMLESS);
  if (strange !== null) return strange;
  const [from, perSource, pass] = [accessOf(levels), connectionsOf(levels, block), named(own, "proxy_pass")[0]];
  if (isObstacle(from)) return from;
  if (isObstacle(perSource)) return perSource;
  if (pass === undefined) return { directive: server, why: "it has no `proxy_pass`" };
  const setting = (name: string): string | undefined => levels.map((at) => named(at, name)[0]?.args[0]).findLast((value) => value !== undefined);
  const proxy = setting("proxy_protocol") === "on" ? "v1" : null;
  const front = frontOf(context, certificates, part, levels, false);
  if (isObstacle(front)) return front;
  const variable =
    part.first.isTls ? "$ssl_server_name"
    : setting("ssl_preread") === "on" ? "$ssl_preread_server_name"
    : null;
  const routes = routesOf(context, block, pass, variable);
  if (isObstacle(routes)) return routes;
  return placesBehind(front, part, all, from).flatMap(({ protocol, ports, bind, from: sources }): readonly DraftExpose[] => {
    if (protocol === "udp" && (proxy !== null || routes.some(({ isNamed, backends }) => isNamed || backends.some((b) => b.startsWith("unix"))))) {
      context.omit(server, shown(server), "over udp a policy has neither names, `proxy` nor unix sockets");
      return [];
    }
    return routes.map((route) => expose(route, { ...front, pass, protocol, ports, bind, from: sources, perSource, proxy }));
  });
}

interface Route {
  readonly name: string;
  /** The server name leads here. */
  readonly isNamed: boolean;
  /** Null: those that no other route has. */
  readonly hosts: readonly string[] | null;
  readonly backends: readonly string[];
  /** Its names lead to something that a policy can't name, and must not lead to the route that gets the rest. */
  readonly isShut: boolean;
}

function expose(
  route: Route,
  at: Front & { readonly pass: Directive } & Pick<DraftExpose, "ports" | "bind" | "perSource" | "proxy"> & {
      readonly protocol: "tcp" | "udp";
      readonly from: AddressSet;
    },
): DraftExpose {
  return {
    ...PLAIN,
    at: at.pass,
    name: `${route.name}_${at.ports[0]?.first ?? 0}`,
    protocols: [at.protocol],
    ports: at.ports,
    bind: at.bind,
    hosts: route.hosts,
    via: at.via,
    why: at.why,
    certs: at.certs,
    mode:
      at.certs.length > 0 ? "tls"
      : route.isNamed ? "passthrough"
      : "tcp",
    backends: route.backends,
    proxy: at.proxy,
    perSource: at.perSource,
    allows: route.isShut ? [] : [{ from: at.from, hosts: null }],
  };
}

/** One for a backend; with a `map` of the server name one for each of its results. `variable`: that of the server name; null: it is not read. */
function routesOf(context: Context, block: readonly Directive[], pass: Directive, variable: string | null): readonly Route[] | Obstacle {
  const [address = ""] = pass.args;
  const upstreams = named(block, "upstream");
  if (!address.includes("$")) {
    const { backends, why, differs } = targetOf(address, upstreams);
    if (why !== null) return { directive: pass, why };
    if (differs !== null) context.omit(differs.directive, shown(differs.directive), differs.why);
    return [{ name: /^[A-Za-z]\w*$/.test(address) ? address : "tcp", isNamed: false, hosts: null, backends, isShut: false }];
  }
  const map = named(block, "map").find(({ args }) => args[1] === address);
  if (map === undefined || map.args[0] !== variable)
    return {
      directive: pass,
      why: `it depends on a variable; only a \`map\` of ${variable === "$ssl_server_name" ? "`$ssl_server_name`" : "`$ssl_preread_server_name` with `ssl_preread on`"} has a counterpart`,
    };
  return mapRoutes(context, map, upstreams);
}

function mapRoutes(context: Context, map: Directive, upstreams: readonly Directive[]): readonly Route[] | Obstacle {
  const entries = map.block ?? [];
  // Its names would win over patterns.
  const include = strangeIn(named(entries, "include"), NOTHING);
  if (include !== null) return include;
  const withHostnames = entries.some(({ name }) => name === "hostnames");
  const results = new Map<string, { readonly hosts: string[]; readonly at: Directive }>();
  const seen = new Set<string>();
  let rest: Directive | null = null;
  let hasUnread = false;
  for (const entry of entries) {
    const [result = ""] = entry.args;
    if (entry.name === "hostnames" || entry.name === "volatile") continue;
    if (entry.name === "default") {
      rest = entry;
      continue;
    }
    const hosts = hostsOf(entry.name, withHostnames);
    if (hosts === null) {
      hasUnread = true;
      context.omit(entry, shown(entry), "its names have no pattern in a policy, so they are refused");
      continue;
    }
    if (hosts.some((host) => seen.has(host))) {
      hasUnread = true;
      context.omit(entry, shown(entry), "another line of the map has its name");
      continue;
    }
    for (const host of hosts) seen.add(host);
    const group = results.get(result) ?? { hosts: [], at: entry };
    group.hosts.push(...hosts);
    results.set(result, group);
  }
  const routes: Route[] = [...results].flatMap(([result, { hosts, at }]) => routeTo(context, result, at, [...new Set(hosts)], upstreams));
  if (rest === null) return routes;
  if (hasUnread) {
    context.omit(rest, shown(rest), "other names than those above can't be distinguished from those that are refused");
    return routes;
  }
  return [...routes, ...routeTo(context, rest.args[0] ?? "", rest, null, upstreams)];
}

function routeTo(context: Context, result: string, at: Directive, hosts: readonly string[] | null, upstreams: readonly Directive[]): readonly Route[] {
  const { backends, why, differs } = targetOf(result, upstreams);
  if (why !== null) context.omit(at, shown(at), why);
  else if (differs !== null) context.omit(differs.directive, shown(differs.directive), differs.why);
  if (why !== null && hosts === null) return [];
  return [{ name: hosts?.[0] ?? "rest", isNamed: true, hosts, backends, isShut: why !== null }];
}

/** `*.a.example` is any number of labels there; `.a.example` is the name too. */
function hostsOf(name: string, withHostnames: boolean): readonly string[] | null {
  const text = name.startsWith("\\") ? name.slice(1) : name;
  const hosts =
    withHostnames && text.startsWith("*.") ? [`**.${text.slice(2)}`]
    : withHostnames && text.startsWith(".") ? [text.slice(1), `**${text}`]
    : [text];
  const isName = (host: string): boolean => readHostPattern(host).ok && (withHostnames || !host.includes("*"));
  return hosts.every(isName) ? hosts.map((host) => host.toLowerCase().replace(/\.$/, "")) : null;
}
