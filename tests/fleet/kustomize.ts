// The program that renders a kustomization: that of kubectl, or kustomize itself, built by Go from the module proxy.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { CACHE } from "./kubernetes_validator.ts";

const MODULE = "sigs.k8s.io/kustomize/kustomize/v5@v5.7.1";
const FOLDER = join(CACHE, "kustomize-5.7.1");

interface Kustomizer {
  /** The command, before a folder. */
  readonly build: readonly string[];
  /** Why it can't be had; null where it is there. */
  readonly missing: string | null;
}

export function kustomizer(): Kustomizer {
  const built = join(FOLDER, "kustomize");
  // Components came with the kustomize of kubectl 1.21.
  const embedded = spawnSync("kubectl", ["version", "--client"], { encoding: "utf8" });
  if (/^Kustomize Version: v[5-9]/m.test(embedded.stdout ?? "")) return { build: ["kubectl", "kustomize"], missing: null };
  if (!existsSync(built)) {
    const { status, error, stderr } = spawnSync("go", ["install", MODULE], { encoding: "utf8", timeout: 300_000, env: { ...process.env, GOBIN: FOLDER } });
    if (status !== 0) return { build: [], missing: `neither kubectl nor kustomize is here: ${(error?.message ?? stderr).trim().split("\n").at(-1) ?? ""}` };
  }
  return { build: [built, "build"], missing: null };
}
