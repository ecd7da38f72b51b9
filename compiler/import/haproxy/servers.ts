// `bind` and `server` lines: where a frontend listens, and the backends on this host.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { backendText, NO_BACKEND } from "../draft/backends.ts";
import { MAX_PROTOCOLS } from "../../source/bounds.ts";
import { listenAddress, type Endpoint } from "../draft/endpoints.ts";
import { linesWith, shown, type Line, type Section } from "./sections.ts";
import { tlsOption } from "./tls_options.ts";

export interface Obstacle {
  readonly line: Line;
  readonly why: string;
}

/** How HAProxy terminates TLS: the files of its certificates, and the protocols that it offers behind it. */
export interface Tls {
  readonly line: Line;
  readonly paths: readonly string[];
  readonly alpn: readonly string[];
}

export interface Bound {
  readonly endpoints: readonly Endpoint[];
  /** Every connection begins with a PROXY header, of whichever peer, and then with TLS. All `bind` are alike in that. */
  readonly isProxied: boolean;
  readonly tls: Tls | null;
  readonly obstacle: Obstacle | null;
  /** Some address could not be read, so that it may be any. */
  readonly isUnclear: boolean;
  /** Parts that are narrower than in HAProxy. */
  readonly narrower: readonly Obstacle[];
}

const BIND_REASONS: Readonly<Record<string, string>> = {
  "ca-file": "HAProxy requests certificates of clients there; write `as mtls` with a `ca` of ingressd's configuration",
  "crt-list": "the list of its certificates is not here",
};
const BIND_HARMLESS = new Set(["accept-proxy", "ssl", "tfo", "defer-accept", "transparent", "v4v6", "v6only"]);
const BIND_VALUES = new Set([
  "alpn",
  "ciphers",
  "ciphersuites",
  "crt",
  "name",
  "backlog",
  "id",
  "process",
  "thread",
  "shards",
  "tcp-ut",
  "mss",
  "maxconn",
  "level",
  "nice",
]);

export function boundOf(lines: readonly Line[]): Bound {
  const [endpoints, narrower]: [Endpoint[], Obstacle[]] = [[], []];
  let obstacle: Obstacle | null = null;
  let isUnclear = false;
  const fronts: Front[] = [];
  for (const line of linesWith(lines, "bind")) {
    const [, places = "", ...parameters] = line.words;
    const front = frontOf(line, parameters);
    if ("why" in front) obstacle ??= front;
    else fronts.push(front);
    for (const place of places.split(",")) {
      const [, family = "", named = "", from = "", to = from] = /^(?:ipv([46])@)?(.*):(\d{1,5})(?:-(\d{1,5}))?$/.exec(place) ?? [];
      const ports = { first: Number(from), last: Number(to) };
      const host = family === "6" && (named === "" || named === "*") ? "[::]" : named;
      const isOther = family !== "" && host !== "" && host !== "*" && host.includes(":") !== (family === "6");
      const address = isOther ? null : listenAddress(host);
      if (from === "" || ports.first < 1 || ports.last > 65_535 || ports.first > ports.last || address === null) {
        isUnclear ||= !/^(?:\/|unix@|abns@|abnsz@)/.test(place);
        obstacle ??= { line, why: `\`${place}\` is no address and port that a policy can have` };
        continue;
      }
      const isSix = address.isWide && host.includes(":");
      if (isSix && !parameters.includes("v4v6") && !parameters.includes("v6only"))
        narrower.push({ line, why: "whether IPv4 comes there depends on the host, so it is IPv6 alone here; write `v4v6` or `v6only`" });
      endpoints.push({ protocol: "tcp", ports, ...address, ...(isSix && parameters.includes("v4v6") ? { local: ANY } : {}) });
    }
  }
  const [first, ...others] = fronts;
  const differs = others.find(({ text }) => text !== first?.text);
  if (differs !== undefined) obstacle ??= { line: differs.line, why: "not all of its `bind` have the same `ssl`, `crt`, `alpn` and `accept-proxy`; divide it" };
  return { endpoints, obstacle, isUnclear, narrower, isProxied: first?.isProxied ?? false, tls: first?.tls ?? null };
}

interface Front {
  readonly line: Line;
  readonly isProxied: boolean;
  readonly tls: Tls | null;
  /** Equal for what comes first alike. */
  readonly text: string;
}

function frontOf(line: Line, parameters: readonly string[]): Front | Obstacle {
  const [paths, alpn]: [string[], string[]] = [[], []];
  for (let i = 0; i < parameters.length; i++) {
    const [parameter = "", value = ""] = [parameters[i], parameters[i + 1]];
    if (parameter === "crt") paths.push(value);
    else if (parameter === "alpn") alpn.push(...value.split(","));
    const option = tlsOption(parameter, value);
    if (option !== null && option.why !== null) return { line, why: option.why };
    if (option !== null) i += option.length - 1;
    else if (BIND_VALUES.has(parameter)) i++;
    else if (!BIND_HARMLESS.has(parameter)) return { line, why: BIND_REASONS[parameter] ?? `\`${parameter}\` has no counterpart in a policy` };
  }
  const [isProxied, isTls] = [parameters.includes("accept-proxy"), parameters.includes("ssl")];
  if (alpn.length > MAX_PROTOCOLS || !alpn.every((name) => /^[A-Za-z0-9./_-]{1,64}$/.test(name))) return { line, why: "its `alpn` can't be written" };
  if (isTls && paths.length === 0) return { line, why: "HAProxy terminates TLS there, and no `crt` says with which certificate" };
  if (!isTls && paths.length + alpn.length > 0) return { line, why: "it has a certificate or protocols, and no `ssl`" };
  return { line, isProxied, tls: isTls ? { line, paths, alpn } : null, text: JSON.stringify([isProxied, isTls, paths, alpn]) };
}

export interface Servers {
  readonly backends: readonly string[];
  readonly proxy: "v1" | "v2" | null;
  readonly differs: Obstacle | null;
}

const SERVER_HARMLESS = new Set(["check", "disabled", "enabled", "backup", "send-proxy", "send-proxy-v2"]);
const SERVER_VALUES = new Set([
  "weight",
  "maxconn",
  "inter",
  "fastinter",
  "downinter",
  "rise",
  "fall",
  "port",
  "id",
  "slowstart",
  "maxqueue",
  "minconn",
  "cookie",
  "addr",
  "observe",
  "on-error",
  "on-marked-down",
  "on-marked-up",
  "error-limit",
]);
const BACKEND_HARMLESS =
  /^(?:mode|server|balance|option|timeout|log|log-format|retries|default-server|hash-type|stick|stick-table|fullconn|id|description|maxconn|bind|acl|use_backend|default_backend|tcp-request|tcp-check|load-server-state-from-file|enabled|backlog)$/;

/** The backends of a section for clients of `front`, or why it has none on this host. */
export function serversOf({ head, lines, defaults, kind, name }: Section, front: string): Servers | Obstacle {
  const isOwn = kind === "listen" && name === front;
  // The rules of a backend, and of a `listen` that another frontend leads to, are evaluated after those of the frontend.
  const rule = isOwn ? undefined : linesWith([...defaults, ...lines], "tcp-request")[0];
  const strange = lines.find(({ words: [word = ""] }) => !BACKEND_HARMLESS.test(word)) ?? rule;
  if (strange !== undefined) return { line: strange, why: "it has no counterpart in a policy" };
  const servers = linesWith(lines, "server").filter(({ words }) => !words.includes("disabled"));
  const proxies = new Set<"v1" | "v2" | null>();
  const backends = new Set<string>();
  const before = linesWith([...defaults, ...lines], "default-server").flatMap(({ words }) => words.slice(1));
  for (const line of servers) {
    const [, , address = "", ...parameters] = line.words;
    const all = [...before, ...parameters];
    for (let i = 0; i < all.length; i++) {
      const parameter = all[i] ?? "";
      if (SERVER_VALUES.has(parameter)) i++;
      else if (!SERVER_HARMLESS.has(parameter)) return { line, why: `\`${parameter}\` has no counterpart in a policy` };
    }
    proxies.add(
      all.includes("send-proxy-v2") ? "v2"
      : all.includes("send-proxy") ? "v1"
      : null,
    );
    const backend = backendText(address.startsWith("/") ? `unix:${address}` : address.replace(/^ipv[46]@/, ""));
    if (backend === null)
      return {
        line,
        why: `\`${address}\` ${NO_BACKEND}`,
      };
    backends.add(backend);
  }
  if (backends.size === 0) return { line: head, why: "it has no server" };
  if (proxies.size > 1 || backends.size > 32) return { line: head, why: "its servers differ in `send-proxy`, or are more than 32" };
  const balance = linesWith(lines, "balance")[0];
  const special = servers.find(({ words }) => words.includes("backup") || words.includes("weight"));
  const isEven = backends.size === 1 || balance?.words[1] === "leastconn";
  const differs = special ?? (isEven ? null : (balance ?? head));
  return {
    backends: [...backends],
    proxy: [...proxies][0] ?? null,
    differs: differs === null ? null : { line: differs, why: "ingressd chooses the backend with the fewest open connections" },
  };
}

export function obstacleText({ line, why }: Obstacle): string {
  return `${shown(line)}: ${why}`;
}
