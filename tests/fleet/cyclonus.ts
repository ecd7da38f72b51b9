// Cyclonus as a second reader of NetworkPolicies, built by Go from the module proxy by the hashes of cyclonus/go.sum.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CACHE } from "./kubernetes_validator.ts";

const FOLDER = fileURLToPath(new URL("cyclonus/", import.meta.url));
const SOURCES = ["go.mod", "go.sum", "main.go"];

/** The program's path, or why it can't be had. */
export function buildCyclonus(): { readonly path: string; readonly missing: string | null } {
  const hash = createHash("sha256");
  for (const name of SOURCES) hash.update(readFileSync(join(FOLDER, name)));
  const path = join(CACHE, `cyclonus-${hash.digest("hex").slice(0, 16)}`);
  if (existsSync(path)) return { path, missing: null };
  const words = ["build", "-mod=readonly", "-o", path, "."];
  const { status, error, stderr } = spawnSync("go", words, { cwd: FOLDER, encoding: "utf8", timeout: 400_000, env: { ...process.env, CGO_ENABLED: "0" } });
  return { path, missing: status === 0 ? null : `go did not build Cyclonus: ${(error?.message ?? stderr).trim().split("\n").at(-1) ?? ""}` };
}
