// Starts programs of the project in tests: the built file if the runner has built it (tests/transpile.mjs), which saves
// most of a second per start, else the source.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../", import.meta.url));

/** Node's arguments for a program; `path` is relative to the project. */
export function program(path: string): readonly string[] {
  const folder = process.env["INGRESSD_TESTS_READY"];
  const ready = folder === undefined ? null : join(folder, path.replace(/\.ts$/, ".mjs"));
  if (ready !== null && existsSync(ready)) return ["--enable-source-maps", ready];
  return shipped(path);
}

/** The same from the source, for tests of that. */
export function shipped(path: string): readonly string[] {
  return [...(path.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : []), join(PROJECT, path)];
}
