// The package as its users get it: the tarball, and folders that it is installed into.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { ownFolder } from "../suite.ts";

export const PROJECT = fileURLToPath(new URL("../../", import.meta.url));
export const TOOLS = join(PROJECT, "tests/package/tools");
const INSTALLED = join(TOOLS, "node_modules/.package-lock.json");

export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end; a test's own Node comes first on the path. */
export function run(
  program: string,
  words: readonly string[],
  { cwd = PROJECT, env = {} }: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {},
): Ended {
  const { status, stdout, stderr, error } = spawnSync(program, words, {
    cwd,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
    env: { ...process.env, NO_COLOR: "1", PATH: `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`, ...env },
  });
  if (error !== undefined) throw error;
  return { code: status, out: stdout, err: stderr };
}

/** The same; it throws where the program fails. */
export function must(program: string, words: readonly string[], options: Parameters<typeof run>[2] = {}): string {
  const { code, out, err } = run(program, words, options);
  if (code !== 0) throw new Error(`${program} ${words.join(" ")} ended with ${code}\n${out}${err}`);
  return out;
}

export function newFolder(): string {
  return ownFolder("ingressd-package-");
}

/** The tarball that `INGRESSD_PACKAGES` has (a folder of `npm run release`), or else one that is made in `folder`. */
export function tarball(folder: string): string {
  const made = process.env["INGRESSD_PACKAGES"];
  if (made === undefined) {
    must("npm", ["run", "--silent", "package"]);
    must("npm", ["pack", "--silent", join(PROJECT, "dist/package"), "--pack-destination", folder]);
  }
  const from = made ?? folder;
  const name = readdirSync(from).find((entry) => entry.endsWith(".tgz"));
  if (name === undefined) throw new Error(`no tarball in ${from}`);
  return join(from, name);
}

/** The versions that a lock file names; npm writes a shorter one of what it has installed. */
function lockedIn(file: string): ReadonlyMap<string, string | undefined> {
  const { packages } = JSON.parse(readFileSync(file, "utf8")) as { readonly packages: Readonly<Record<string, { readonly version?: string }>> };
  return new Map(Object.entries(packages).flatMap(([path, { version }]) => (path === "" ? [] : [[path, version] as const])));
}

function areInstalled(): boolean {
  if (!existsSync(INSTALLED)) return false;
  const wanted = lockedIn(join(TOOLS, "package-lock.json"));
  return [...lockedIn(INSTALLED)].every(([path, version]) => wanted.get(path) === version);
}

/** Installs the tools of checks, where they are not installed. */
export function installTools(): void {
  if (!areInstalled()) must("npm", ["ci", "--ignore-scripts", "--prefer-offline"], { cwd: TOOLS });
}
