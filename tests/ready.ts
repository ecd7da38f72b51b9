// How a test starts a program of the project: ready-made where the runner has put it together
// (tests/transpile.mjs), which saves most of a second a start, else as it stands.
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

/** The same as it stands, for a test that is about that. */
export function shipped(path: string): readonly string[] {
  return [...(path.endsWith(".ts") ? ["--import", import.meta.resolve("tsx")] : []), join(PROJECT, path)];
}
