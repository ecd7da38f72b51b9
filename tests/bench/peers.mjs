// The peers of the bench, installed from its own lockfile into its own folder, and the Nodes that
// are among them. The product and its tests need none of this.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const INSTALL_MS = 300_000;

const NODES = ["node-20", "node-26"];
const binary = (name) => `${here}node_modules/${name}/bin/node`;

/** Installs what the lockfile says where it isn't there, the Nodes only for the whole bench; throws with npm's own words. */
export function installPeers(quick) {
  const lock = `${here}package-lock.json`;
  const done = `${here}node_modules/.package-lock.json`;
  const versions = (path) =>
    JSON.stringify(
      Object.entries(JSON.parse(readFileSync(path, "utf8")).packages)
        .filter(([at]) => at !== "")
        .map(([at, { version, optional }]) => (optional === true ? null : [at, version]))
        .filter((v) => v !== null),
    );
  const nodes = quick || process.platform !== "linux" || process.arch !== "x64" || NODES.every((name) => existsSync(binary(name)));
  if (existsSync(done) && versions(done) === versions(lock) && nodes) return;
  const { status, stdout, stderr } = spawnSync("npm", ["ci", "--ignore-scripts", ...(quick ? ["--omit=optional"] : [])], {
    cwd: here,
    encoding: "utf8",
    timeout: INSTALL_MS,
  });
  if (status !== 0) throw new Error(`npm ci in tests/bench: ${(stdout + stderr).trim().split("\n").slice(-5).join("\n")}`);
}

/** The Nodes of the matrix: `{ path, version }`, or why one is missing. */
export function nodesOf(quick) {
  if (quick) return [{ path: process.execPath, version: process.versions.node }];
  return NODES.map((name) => {
    const path = binary(name);
    const { status, stdout } = spawnSync(path, ["-p", "process.versions.node"], { encoding: "utf8" });
    return status === 0 ? { path, version: stdout.trim() } : { missing: name };
  });
}

export function peerVersions() {
  const version = (name) => JSON.parse(readFileSync(`${here}node_modules/${name}/package.json`, "utf8")).version;
  return {
    "ipaddr.js": version("ipaddr.js"),
    casbin: version("casbin"),
    "Cedar": version("@cedar-policy/cedar-wasm"),
    "OPA's SDK": version("@open-policy-agent/opa-wasm"),
  };
}
