// The package's version, and the files of this package that a program starts by path. A build replaces this file
// by a version with their paths in `dist/` (scripts/build.mjs).
import { readFileSync } from "node:fs";

/** The worker thread in which a module is checked. */
export const LOAD_WORKER = new URL("../host/load_worker.mjs", import.meta.url);
/** A worker thread that serves connections of ingressd. */
export const THREAD_WORKER = new URL("../../gateway/threads/worker_main.mjs", import.meta.url);
/** The process that becomes a guarded program. */
export const LAUNCHER = new URL("../guard/launcher.mjs", import.meta.url);
/** The process that hands connections into a guarded program's network namespace. */
export const DOORMAN = new URL("../guard/doorman.mjs", import.meta.url);

/** The program `ingressc`, whose language server runs it again in a worker thread. */
export const INGRESSC = new URL("../../compiler/cli/main.ts", import.meta.url);

/** The version in package.json. */
export function packageVersion(): string {
  const manifest: unknown = JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8"));
  return typeof manifest === "object" && manifest !== null && "version" in manifest ? String(manifest.version) : "unknown";
}
