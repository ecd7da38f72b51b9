// Archives whose bytes depend on their contents alone: names in order, one time, owner root.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { run, sourceSeconds } from "./project.ts";

const SAME = ["--sort=name", "--numeric-owner", "--format=ustar"];

/** A tar of everything in `folder`, with `./` before each name. The `owned` folders, which are empty, belong to `user` alone. */
export function writeTar(folder: string, file: string, owned: readonly string[] = [], user = 0): void {
  const words = [...SAME, `--mtime=@${sourceSeconds()}`, "-C", folder];
  const options = { env: { ...process.env, LC_ALL: "C" } };
  run("tar", [...words, "--owner=0", "--group=0", ...owned.map((path) => `--exclude=./${path}`), "-cf", file, "."], options);
  if (owned.length > 0) run("tar", [...words, `--owner=${user}`, `--group=${user}`, "--mode=0700", "-rf", file, ...owned.map((path) => `./${path}`)], options);
}

/** Lower-case hex. */
export function sha256Of(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
