// `bind` and `server` lines: where a frontend listens, and the backends on this host.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { backendText } from "../draft/backends.ts";
import { listenAddress, type Endpoint } from "../draft/endpoints.ts";
import { linesWith, shown, type Line, type Section } from "./sections.ts";

export interface Obstacle {
  readonly line: Line;
  readonly why: string;
}

export interface Bound {
  readonly endpoints: readonly Endpoint[];
  readonly obstacle: Obstacle | null;
  /** Some address could not be read, so that it may be any. */
  readonly isUnclear: boolean;
  /** Parts that are narrower than in HAProxy. */
  readonly narrower: readonly Obstacle[];
}

const BIND_REASONS: Readonly<Record<string, string>> = {
  ssl: "HAProxy terminates TLS there; write `as tls` with a `cert` of ingressd's configuration",
  "accept-proxy": "its clients come through load balancers; write `via` with their addresses",
};
const BIND_HARMLESS = new Set(["tfo", "defer-accept", "transparent", "v4v6", "v6only"]);
const BIND_VALUES = new Set(["name", "backlog", "id", "process", "thread", "shards", "tcp-ut", "mss", "maxconn", "level", "nice"]);

export function boundOf(lines: readonly Line[]): Bound {
  const [endpoints, narrower]: [Endpoint[], Obstacle[]] = [[], []];
  let obstacle: Obstacle | null = null;
  let isUnclear = false;
  for (const line of linesWith(lines, "bind")) {
    const [, places = "", ...parameters] = line.words;
    for (let i = 0; i < parameters.length; i++) {
      const parameter = parameters[i] ?? "";
      if (BIND_VALUES.has(parameter)) i++;
      else if (!BIND_HARMLESS.has(parameter)) obstacle ??= { line, why: BIND_REASONS[parameter] ?? `\`${parameter}\` has no counterpart in a policy` };
    }
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
  return { endpoints, obstacle, isUnclear, narrower };
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
        why: `\`${address}\` is no backend on this host: a loopback address with a port, or a unix socket; for another host there is \`backend remote\``,
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
