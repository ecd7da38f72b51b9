// Servers of nginx's `http` block, where they only pass requests on: one server has the port, and one `location /` leads to a backend.
// Whatever else nginx does with a request (headers, other locations, several names on one port) has no counterpart, and is left out.
import type { Context } from "../draft/context.ts";
import { PLAIN, type DraftExpose } from "../draft/draft.ts";
import { accessOf, connectionsOf, isObstacle, type Obstacle } from "./access.ts";
import { exposesOfParts, frontOf, placesBehind, type Part } from "./front.ts";
import { strangeIn, type Level } from "./stream.ts";
import { named, shown, type Directive } from "./syntax.ts";
import { targetOf } from "./upstreams.ts";

/** Directives that refuse nobody and answer nothing by themselves. */
const PASSIVE =
  "allow|deny|limit_conn|limit_conn_zone|limit_conn_log_level|limit_conn_status|upstream|map|map_hash_\\w+|geo|types|default_type|types_hash_\\w+|sendfile|tcp_nopush|tcp_nodelay|keepalive_\\w+|gzip\\w*|access_log|error_log|log_format|log_not_found|server_tokens|server_names_hash_\\w+|variables_hash_\\w+|client_\\w+|large_client_header_buffers|send_timeout|proxy_(?!pass$|cache$|intercept_errors$|redirect$|store$)\\w+|root|index|resolver|resolver_timeout|charset|add_header|underscores_in_headers|ssl_certificate|ssl_certificate_key|ssl_dhparam|ssl_ecdh_curve|ssl_stapling\\w*|ssl_trusted_certificate|ssl_buffer_size|set_real_ip_from|real_ip_header|real_ip_recursive|http2|ssl_protocols|ssl_ciphers|ssl_prefer_server_ciphers|ssl_session_\\w+|open_file_cache\\w*|reset_timedout_connection";
const AROUND = new RegExp(`^(?:${PASSIVE}|server)$`);
const SERVER = new RegExp(`^(?:${PASSIVE}|listen|server_name|location)$`);
const LOCATION = new RegExp(`^(?:${PASSIVE}|proxy_pass)$`);

export function httpExposes(context: Context, level: Level): readonly DraftExpose[] {
  const around = strangeIn(level.block, AROUND);
  return level.servers.flatMap((one) =>
    exposesOfParts(context, { ...one, obstacle: around ?? one.obstacle }, (part) => serverExposes(context, level, one.server, part)),
  );
}

function serverExposes(context: Context, { block, all, certificates }: Level, server: Directive, part: Part): readonly DraftExpose[] | Obstacle {
  const own = server.block ?? [];
  const strange = strangeIn(own, SERVER);
  if (strange !== null) return strange;
  const [location, ...others] = named(own, "location");
  if (location === undefined) return { directive: server, why: "nginx answers by itself there" };
  const [other] = others;
  if (other !== undefined) return { directive: other, why: "several locations are chosen by the path, which ingressd does not read" };
  if (location.args.join(" ") !== "/") return { directive: location, why: "only `location /` is every request" };
  const inside = location.block ?? [];
  const odd = strangeIn(inside, LOCATION);
  if (odd !== null) return odd;
  const levels = [block, own, inside];
  const [from, perSource, pass] = [accessOf(levels), connectionsOf(levels, block), named(inside, "proxy_pass")[0]];
  if (isObstacle(from)) return from;
  if (isObstacle(perSource)) return perSource;
  if (pass === undefined) return { directive: location, why: "nginx answers by itself there" };
  const http2 = levels.map((level) => named(level, "http2")[0]).findLast((found) => found !== undefined);
  if (http2?.args[0] === "on" && !part.first.isTls)
    return { directive: http2, why: "nginx speaks HTTP/2 there, and ingressd forwards the bytes of a client as they are" };
  const front = frontOf(context, certificates, part, levels, true);
  if (isObstacle(front)) return front;
  const address = /^http:\/\/([^/$]+)\/?$/.exec(pass.args[0] ?? "")?.[1]?.replace(/^unix:(.*):$/, "unix:$1") ?? null;
  if (address === null) return { directive: pass, why: "it changes the path, speaks TLS or depends on a variable" };
  const { backends, why, differs } = targetOf(
    /[:]/.test(address) || named(block, "upstream").some(({ args }) => args[0] === address) ? address : `${address}:80`,
    named(block, "upstream"),
  );
  if (why !== null) return { directive: pass, why };
  if (differs !== null) context.omit(differs.directive, shown(differs.directive), differs.why);
  for (const header of [...own, ...inside].filter(({ name }) => name === "proxy_set_header" || name === "add_header"))
    context.omit(header, shown(header), "ingressd forwards requests unchanged");
  return placesBehind(front, part, all, from).map(({ protocol, ports, bind, from: sources }) => ({
    ...PLAIN,
    at: pass,
    name: named(own, "server_name")[0]?.args[0] ?? `http_${ports[0]?.first ?? 0}`,
    protocols: [protocol],
    ports,
    bind,
    ...front,
    mode: part.first.isTls ? "tls" : "tcp",
    backends,
    perSource,
    allows: [{ from: sources, hosts: null }],
  }));
}
