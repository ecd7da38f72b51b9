// A repository of policies with a change, the package of ingressd, and the blocks of docs/how_to/merge_requests.md.
import { createHash } from "node:crypto";
import { chmodSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { must, PROJECT, run, tarball, type Ended } from "../package/packed.ts";
import { ownFolder } from "../suite.ts";

export const TOOLS = join(PROJECT, "tests/snippets/tools");
/** Tools that are built or installed once outlive a run, as in `.ci/run`. */
export const CACHE = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "ingressd-ci");

export type Files = Readonly<Record<string, string>>;

/** The policy of the main branch, and what changes make of it. */
export const BASE = `edition 1

@why "the shop"
expose web on tcp 80 {
  backend 127.0.0.1:8080
  allow from 10.0.0.0/16
}

test "t" {
  from 10.0.0.1 to web => allow
}
`;
export const WIDER = BASE.replace("10.0.0.0/16", "10.0.0.0/8");
export const NARROWER = BASE.replace("10.0.0.0/16", "10.0.0.0/24");
export const WRONG = BASE.replace("tcp 80", "tcp 99999");
export const FAILING = BASE.replace("=> allow", "=> deny cidr");
export const ACCEPTED = '[[opening]]\nlistener = "web"\nfrom = "10.0.0.0/8"\nowner = "shop team"\nuntil = 2200-01-01\nwhy = "OPS-1"\n';

/** The names of files that a shell, a program's flags or a log would take for something else. */
export const HOSTILE_NAMES = ["-p.ingress", "a b.ingress", "$(touch ran).ingress", "`touch ran`;touch ran.ingress", "a\n::error::x\nb.ingress", "'\"p.ingress"];

export interface Package {
  readonly path: string;
  readonly sha256: string;
}

export function packed(): Package {
  const path = tarball(ownFolder("ingressd-snippets-"));
  return { path, sha256: createHash("sha256").update(readFileSync(path)).digest("hex") };
}

/** A folder with `ingressc` as npm installs it. */
export function installed({ path }: Package): string {
  const folder = ownFolder("ingressd-snippets-");
  must("tar", ["-xzf", path, "-C", folder]);
  mkdirSync(join(folder, "bin"));
  symlinkSync("../package/compiler/cli/ingressc.mjs", join(folder, "bin/ingressc"));
  return join(folder, "bin");
}

export function git(folder: string, ...words: readonly string[]): string {
  return must("git", ["-C", folder, "-c", "user.name=t", "-c", "user.email=t@example.com", "-c", "init.defaultBranch=main", ...words]).trim();
}

export interface Repository {
  readonly folder: string;
  /** The commit that the change began from. */
  readonly base: string;
}

/** A checkout of a change, with the main branch as `refs/remotes/origin/main`. Its folder can be read by every user. */
export function repository(before: Files, after: Files): Repository {
  const folder = ownFolder("ingressd-snippets-");
  chmodSync(folder, 0o755);
  git(folder, "init", "--quiet");
  const commit = (files: Files): void => {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, name)), { recursive: true });
      writeFileSync(join(folder, name), text);
    }
    git(folder, "add", "--all");
    git(folder, "commit", "--quiet", "--allow-empty", "--message", "c");
  };
  commit(before);
  const base = git(folder, "rev-parse", "HEAD");
  git(folder, "update-ref", "refs/remotes/origin/main", base);
  git(folder, "checkout", "--quiet", "-b", "change");
  commit(after);
  return { folder, base };
}

/** The block of the page that begins with a comment of its file's name. */
export function block(file: string): string {
  const page = readFileSync(join(PROJECT, "docs/how_to/merge_requests.md"), "utf8");
  for (const [, text = ""] of page.matchAll(/^```yaml\n([^]*?)^```$/gm)) if (text.startsWith(`# ${file}\n`)) return text;
  throw new Error(`the page has no block of ${file}`);
}

/** Every text that is to be another one has to be there. */
export function replaced(text: string, others: Readonly<Record<string, string>>): string {
  return Object.entries(others).reduce((made, [from, to]) => {
    if (!made.includes(from)) throw new Error(`\`${from}\` is not in the snippet`);
    return made.replaceAll(from, to);
  }, text);
}

/** A program without a network but loopback. */
export function offline(program: string, words: readonly string[], options: Parameters<typeof run>[2] = {}): Ended {
  return run("unshare", ["--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh", program, ...words], options);
}
