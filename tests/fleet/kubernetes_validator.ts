// The Python wheel with the schemas of Kubernetes, by version and hash.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const WHEELS = fileURLToPath(new URL("kubernetes_wheels.txt", import.meta.url));
export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingressd-ci");
/** For PYTHONPATH. */
export const MODULES = join(CACHE, "kubernetes-validate-1.37.0");

/** Where it isn't there yet; null, or why it can't be had. */
export function installValidator(): string | null {
  if (existsSync(join(MODULES, "kubernetes_validate"))) return null;
  const flags = ["--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade", "--target", MODULES];
  const { status, error, stderr } = spawnSync("python3", ["-m", "pip", "install", ...flags, "-r", WHEELS], { encoding: "utf8", timeout: 120_000 });
  return status === 0 ? null : `pip did not install the wheels: ${(error?.message ?? stderr).trim().split("\n").at(-1) ?? ""}`;
}
