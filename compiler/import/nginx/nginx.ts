// nginx: the servers of its `stream` blocks, and those of `http` that only pass requests on.
import { Certificates } from "../draft/certificates.ts";
import type { Context } from "../draft/context.ts";
import type { Draft, DraftExpose } from "../draft/draft.ts";
import { collide, type Endpoint } from "../draft/endpoints.ts";
import type { Obstacle } from "./access.ts";
import { httpExposes } from "./http.ts";
import { listeningOf, type Listening } from "./listen.ts";
import { streamExposes, type Level } from "./stream.ts";
import { named, readNginx, shown, type Directive } from "./syntax.ts";

/** The longest configuration whose sockets are compared pair by pair. */
const MAX_ENDPOINTS = 5_000;
/** Directives of the top level that have no part in who is admitted. */
const HARMLESS =
  /^(?:user|worker_\w+|pid|daemon|master_process|error_log|events|load_module|include|env|pcre_jit|lock_file|timer_resolution|thread_pool|debug_points|mail)$/;

export function importNginx(context: Context): Draft | null {
  const directives = readNginx(context);
  if (directives === null || context.faults.length > 0) return null;
  const blocks = directives.filter(({ name }) => name === "stream" || name === "http");
  // A file of servers alone is what `include` names in one of the two blocks: what it listens for says which.
  const bare = named(directives, "server");
  const top = bare.length > 0 ? [...blocks, { name: isStream(bare) ? "stream" : "http", args: [], block: directives, at: 0, end: 0 }] : blocks;
  if (top.length === 0)
    return context.fault(
      "ING875",
      { at: 0, end: 0 },
      "it has no `stream`, `http` or `server`, so nothing of it says who may connect",
      "give the output of `nginx -T`",
    );
  for (const directive of bare.length > 0 ? [] : directives)
    if (!HARMLESS.test(directive.name) && !blocks.includes(directive)) context.omit(directive, shown(directive), "it has no counterpart in a policy");
  for (const directive of named(directives, "include"))
    if (bare.length === 0) context.omit(directive, shown(directive), "the file is not here; give the output of `nginx -T`, which has all files");

  const listening = top.flatMap(({ name, block }) => named(block, "server").map((server) => ({ server, ...listeningOf(server, name === "http" ? 80 : null) })));
  const all = listening.flatMap(({ endpoints }) => endpoints);
  if (all.length > MAX_ENDPOINTS) return context.fault("ING877", { at: 0, end: 0 }, `it has more than ${MAX_ENDPOINTS} \`listen\``, "import a part of it");
  const certificates = new Certificates();
  const obstacles = new Map(listening.map((one) => [one.server, one.obstacle ?? collision(one, listening)]));
  const exposes = top.flatMap(({ name, block }): readonly DraftExpose[] => {
    const servers = listening
      .filter(({ server }) => (block ?? []).includes(server))
      .map(({ server, endpoints }) => ({ server, endpoints, obstacle: obstacles.get(server) ?? null }));
    const level: Level = { block: block ?? [], servers, all, certificates };
    return name === "stream" ? streamExposes(context, level) : httpExposes(context, level);
  });
  return { header: certificates.lines(), exposes };
}

function isStream(servers: readonly Directive[]): boolean {
  return servers.some(({ block }) => named(block, "proxy_pass").length > 0);
}

/** Why a server can't be distinguished from others by where it listens. */
function collision(own: Listening & { readonly server: Directive }, all: readonly (Listening & { readonly server: Directive })[]): Obstacle | null {
  const unclear = all.find(({ isUnclear }) => isUnclear);
  if (unclear !== undefined && own.endpoints.some(({ isWide }) => isWide))
    return { directive: unclear.server, why: "it may listen at an address of this server, and that could not be read" };
  for (const { server, endpoints } of all) {
    const others = endpoints.filter((endpoint) => !own.endpoints.includes(endpoint));
    const meets = (endpoint: Endpoint): boolean => others.some((other) => collide(endpoint, other));
    if (own.endpoints.some(meets))
      return { directive: server, why: "both have the same port, and nginx chooses one by the `Host` of a request or the server name" };
  }
  return own.endpoints.some((a) => own.endpoints.some((b) => a !== b && collide(a, b))) ? { directive: own.server, why: "it has one port twice" } : null;
}
