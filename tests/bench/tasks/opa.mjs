// OPA's own compiler, built from its Go module, and the two policies compiled by it. Nothing of it is
// committed: the binary and the modules are beside the peers in node_modules.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { REGO } from "../subjects/opa.mjs";

export const OPA_VERSION = "v1.10.1";
const home = fileURLToPath(new URL(`../node_modules/.opa-${OPA_VERSION}/`, import.meta.url));
const BUILD_MS = 480_000;

function run(command, args, options) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: "utf8", maxBuffer: 2 ** 28, ...options });
  if (status !== 0) throw new Error(`${command} ${args.slice(0, 2).join(" ")}: ${error?.message ?? stderr.trim().split("\n").at(-1)}`);
  return stdout;
}

/** The paths of the compiled policies, or the reason why there are none. `build`: the compiler may be built. */
export function opaModules({ build }) {
  const modules = Object.fromEntries(Object.keys(REGO).map((name) => [name, join(home, `${name}.wasm`)]));
  if (Object.values(modules).every((path) => existsSync(path))) return { modules };
  try {
    mkdirSync(home, { recursive: true });
    const binary = join(home, "opa");
    if (!existsSync(binary)) {
      if (!build) return { missing: "its compiler is not built; the whole bench builds it" };
      if (spawnSync("go", ["version"]).status !== 0) return { missing: "go is not installed, which builds its compiler" };
      run("go", ["install", `github.com/open-policy-agent/opa@${OPA_VERSION}`], {
        env: { ...process.env, GOBIN: home, GOTOOLCHAIN: "local", GOFLAGS: "-trimpath" },
        timeout: BUILD_MS,
      });
    }
    for (const [name, path] of Object.entries(modules)) {
      writeFileSync(join(home, `${name}.rego`), REGO[name]);
      run(binary, ["build", "-t", "wasm", "-e", "ingress/allow", "-o", `${name}.tar.gz`, `${name}.rego`], { cwd: home });
      writeFileSync(path, run("tar", ["-xzOf", `${name}.tar.gz`, "/policy.wasm"], { cwd: home, encoding: "buffer" }));
    }
    return { modules };
  } catch (error) {
    return { missing: error instanceof Error ? error.message : "its policies could not be compiled" };
  }
}
