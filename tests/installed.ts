// Which programs this machine has, for checks that need them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";

const DEBIAN_POSTGRESQL = "/usr/lib/postgresql";

/** The folder of the programs of the newest PostgreSQL, which Debian keeps out of PATH; null where there is none. */
export function postgresFolder(): string | null {
  const versions = existsSync(DEBIAN_POSTGRESQL) ? readdirSync(DEBIAN_POSTGRESQL) : [];
  const newest = versions.sort((a, b) => Number(a) - Number(b)).at(-1);
  const folder = join(DEBIAN_POSTGRESQL, newest ?? "none", "bin");
  return existsSync(join(folder, "postgres")) ? folder : null;
}

/** Those that are not here, also not in /usr/sbin. `postgresql` is one with its own folder, `root` the user. */
export function notInstalled(programs: readonly string[]): readonly string[] {
  const env = { ...process.env, PATH: `${process.env["PATH"] ?? ""}:/usr/sbin:/sbin` };
  return programs.filter((program) => {
    if (program === "postgresql") return postgresFolder() === null;
    if (program === "root") return process.getuid?.() !== 0;
    return spawnSync("sh", ["-c", 'command -v "$1"', "sh", program], { env }).status !== 0;
  });
}
