// A reload does not change these keys, because sockets, threads and files were made from them at the start, by a process that
// may have given up the rights for it since.
import { changedKeys } from "./changed.ts";
import type { Config } from "./keys.ts";

/** Dotted keys; `*` is one part, a name or a key. */
export const RESTART_ONLY = [
  "state_dir",
  "threads",
  "forwarder",
  "tls.engine",
  "control.*",
  "intents.*",
  "services.*.socket",
  "services.*.mode",
  "services.*.gid",
  "audit.file",
  "metrics.listen",
  "metrics.token_file",
  "guard.key_file",
  "policy.file",
  "policy.source",
  "policy.watch",
  "config.watch",
  "timers.keepalive_ms",
] as const;

const patterns = RESTART_ONLY.map((key) => new RegExp(`^${key.replaceAll(".", "\\.").replaceAll("*", "[^.]+")}$`, "u"));

export function needsRestart(key: string): boolean {
  return patterns.some((pattern) => pattern.test(key));
}

/** `read`, with the values in force of the keys that need a restart; and those of them that differ. */
export function withoutRestart(inForce: Config, read: Config): { readonly next: Config; readonly restart: readonly string[] } {
  const next = structuredClone(read);
  // Another source is followed in place of the previous one; a source in place of a file needs a start.
  const isFollowed = inForce.policy.source !== undefined && read.policy.source !== undefined;
  const restart = changedKeys(inForce, read).filter((key) => needsRestart(key) && !(isFollowed && key === "policy.source"));
  for (const key of restart) {
    const path = key.split(".");
    const last = path.pop() ?? "";
    const table = tableAt(next, path);
    // A service that is gone has no socket key that could be kept.
    if (table === null) continue;
    const before = tableAt(inForce, path);
    const value: unknown = before === null ? undefined : Reflect.get(before, last);
    if (value === undefined) Reflect.deleteProperty(table, last);
    else Reflect.set(table, last, value);
  }
  return { next, restart };
}

function tableAt(config: Config, path: readonly string[]): object | null {
  let at: unknown = config;
  for (const part of path) at = typeof at === "object" && at !== null && Object.hasOwn(at, part) ? Reflect.get(at, part) : null;
  return typeof at === "object" && at !== null ? at : null;
}
