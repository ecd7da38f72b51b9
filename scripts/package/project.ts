// The project that packages are made of: its places, its manifest and its lock file.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** All that is made here; git ignores it. */
export const DIST = join(ROOT, "dist");
/** The folder that `npm pack` makes the package of. */
export const STAGE = join(DIST, "package");

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly engines: { readonly node: string };
  readonly bin: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

export interface Locked {
  readonly version: string;
  readonly license?: string;
  /** `sha512-` and base64. */
  readonly integrity?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
}

export const manifest = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as Manifest;

/** Packages whose code is in the bundles: name and row of the lock file, by name. */
export function bundledPackages(): readonly (readonly [name: string, locked: Locked])[] {
  return lockedPackages().filter(([, { dev, optional }]) => dev !== true && optional !== true);
}

export function lockedPackage(name: string): Locked {
  const found = lockedPackages().find(([other]) => other === name);
  if (found === undefined) throw new Error(`package-lock.json has no ${name}`);
  return found[1];
}

function lockedPackages(): readonly (readonly [string, Locked])[] {
  const { packages } = JSON.parse(readFileSync(join(ROOT, "package-lock.json"), "utf8")) as { readonly packages: Readonly<Record<string, Locked>> };
  return Object.entries(packages)
    .flatMap(([path, locked]) => (path === "" ? [] : [[path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length), locked] as const]))
    .sort(([a], [b]) => (a < b ? -1 : 1));
}

/** Runs a program in the project; it throws where the program fails, with the program's messages on standard error. */
export function run(program: string, words: readonly string[], options: { readonly cwd?: string; readonly env?: NodeJS.ProcessEnv } = {}): string {
  return execFileSync(program, words, { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "inherit"], maxBuffer: 256 * 1024 * 1024, ...options });
}

/** Builds the programs, and returns the absolute folder of the build. */
export function builtFolder(): string {
  run(process.execPath, ["scripts/build.mjs"]);
  const { folder } = JSON.parse(readFileSync(join(DIST, "build.json"), "utf8")) as { readonly folder: string };
  return join(DIST, folder);
}

/** Seconds since 1970 of the last commit, or of SOURCE_DATE_EPOCH: the time of every file in what is made. */
export function sourceSeconds(): number {
  const given = process.env["SOURCE_DATE_EPOCH"];
  if (given !== undefined && /^\d+$/.test(given)) return Number(given);
  try {
    return Number(execFileSync("git", ["log", "-1", "--format=%ct"], { cwd: ROOT, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }));
  } catch {
    // A copy without a repository: the same time on every machine.
    return 1_767_225_600;
  }
}
