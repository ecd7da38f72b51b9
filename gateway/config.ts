// The configuration: TOML text -> Config, or a sentence. Keys, defaults and bounds stand in
// schemas/config/ingressd.schema.json; what a schema can't say (two services with one uid, a
// backend that is not local) is checked here.
import { parse, TomlError } from "smol-toml";
import { canonicalBackend, type BackendAddress } from "./forward/backend.ts";
import { failure, isFailure, EXIT_REJECTED, type Failure } from "./exit.ts";
import { schemaCheck } from "./schema.ts";

export interface ServiceConfig {
  readonly uid?: number;
  readonly socket?: string;
  readonly mode?: string;
  readonly gid?: number;
}

export interface Config {
  readonly on_reload: "recheck" | "keep";
  readonly state_dir?: string;
  readonly allowed_backends: readonly string[];
  readonly control: { readonly socket?: string };
  readonly intents: { readonly socket?: string; readonly mode?: string };
  readonly audit: { readonly file: string; readonly on_error: "closed" | "count" };
  readonly metrics: { readonly listen?: string; readonly token_file?: string };
  readonly caps: {
    readonly ports: number;
    readonly connections: number;
    readonly backend_connecting: number;
    readonly intents: number;
    readonly intents_per_service: number;
    readonly control_connections: number;
  };
  readonly timers: {
    readonly hello_ms: number;
    readonly backend_connect_ms: number;
    readonly idle_ms: number;
    readonly lifetime_ms: number;
    readonly drain_ms: number;
    readonly interface_poll_ms: number;
    readonly policy_check_ms: number;
    readonly control_idle_ms: number;
  };
  readonly policy: { readonly max_bytes: number; readonly watch: boolean; readonly trusted_keys?: readonly string[] };
  readonly services: Readonly<Record<string, ServiceConfig>>;
}

const check = schemaCheck("config/ingressd.schema.json");

/** `name` is how messages call the text; an empty text is the default configuration. */
export function parseConfig(text: string, name: string): Config | Failure {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    const cause = error.message.split("\n")[0] ?? "not TOML";
    return failure(EXIT_REJECTED, `${name}:${error.line}:${error.column}: ${cause}`);
  }
  const refused = (sentence: string): Failure => failure(EXIT_REJECTED, `${name}: ${sentence}`);
  const wrong = check(document);
  if (wrong !== null) return refused(wrong);
  if (!isConfig(document)) return refused("it is not a configuration");
  const problem = problemOf(document);
  return problem === null ? document : refused(problem);
}

/** The default configuration. */
export function defaultConfig(): Config {
  const config = parseConfig("", "the default configuration");
  if (isFailure(config)) throw new Error(config.message);
  return config;
}

/** The schema has spoken; this only tells the type checker so. */
function isConfig(value: unknown): value is Config {
  return check(value) === null;
}

function problemOf(config: Config): string | null {
  const uids = new Map<number, string>();
  const sockets = new Map<string, string>();
  const take = (path: string | undefined, who: string): string | null => {
    if (path === undefined) return null;
    const other = sockets.get(path);
    if (other !== undefined) return `${who} and ${other} name one path \`${path}\`: give each its own`;
    sockets.set(path, who);
    return null;
  };
  const clash = take(config.control.socket, "`control.socket`") ?? take(config.intents.socket, "`intents.socket`");
  if (clash !== null) return clash;
  for (const [service, entry] of Object.entries(config.services)) {
    if (service === "ingressd") return "`services.ingressd` is the gateway's own name: call the service something else";
    const other = entry.uid === undefined ? undefined : uids.get(entry.uid);
    if (other !== undefined) {
      return `\`services.${service}.uid\` = ${entry.uid} is also the uid of \`services.${other}\`, so they can't be told apart: run each under its own user`;
    }
    if (entry.uid !== undefined) uids.set(entry.uid, service);
    const taken = take(entry.socket, `\`services.${service}.socket\``);
    if (taken !== null) return taken;
  }
  for (const text of config.allowed_backends) {
    const backend = canonicalBackend(text);
    if (typeof backend === "string") return `\`allowed_backends\` has \`${text}\`: ${backend}`;
  }
  return null;
}

/** The allowed backends in the form that backends are compared in. */
export function allowedBackends(config: Config): ReadonlySet<string> {
  const keys = config.allowed_backends.map((text) => canonicalBackend(text));
  return new Set(keys.filter((b): b is BackendAddress => typeof b !== "string").map((b) => b.key));
}
