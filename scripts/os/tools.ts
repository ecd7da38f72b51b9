// The programs that are needed to build and run the image, besides npm packages.
import { spawnSync } from "node:child_process";
import { findWasm2c } from "../../compiler/cli/wasm2c.ts";
import { QEMU } from "./machine.ts";

const DEBIAN: Readonly<Record<string, string>> = {
  [QEMU]: "qemu-system-misc",
  "riscv64-unknown-elf-gcc": "gcc-riscv64-unknown-elf",
};

/** The missing programs, with their Debian packages; null if none is missing. */
export function missingTools(): string | null {
  const missing = Object.keys(DEBIAN).filter((tool) => spawnSync(tool, ["--version"]).status !== 0);
  const npm = findWasm2c() === null ? ["wabt (npm install)"] : [];
  if (missing.length === 0 && npm.length === 0) return null;
  const apt = missing.length === 0 ? "" : `; on Debian: apt-get install --no-install-recommends ${missing.map((tool) => DEBIAN[tool]).join(" ")}`;
  return `${[...missing, ...npm].join(", ")} ${missing.length + npm.length === 1 ? "is" : "are"} not here${apt}`;
}
