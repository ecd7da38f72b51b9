// A policy or a module as it is in a revision of the git repository around it, without a checkout. Nothing but blobs is read: no
// filter, hook or attribute of the repository runs.
import { spawnSync, type SpawnSyncReturns } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { basename, dirname, join, posix, relative, resolve } from "node:path";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { SharedSets } from "../../analysis/model.ts";
import { MAX_LIST_BYTES, MAX_SOURCE_BYTES } from "../../source/bounds.ts";
import type { ReadFailure, SourceFile } from "../../source/source.ts";
import { cannotOpen, compileOpened } from "../compiled.ts";
import { beginModule, looksLikeModule } from "../modules.ts";
import { usage, type Outcome } from "../outcome.ts";
import type { Progress } from "../progress.ts";
import { decodeText } from "../utf8.ts";
import { sideOfModule, sideOfPolicy, type Side } from "./side.ts";

const MOST_LISTED = 64 * 1_048_576;
const NEW_POLICY = "check the path; a policy that is new opens all that it admits: compare it with a file that has `edition 1` alone";

export function readRevision(rev: string, path: string, progress: Progress, shared: SharedSets): Result<Side, Outcome> {
  const found = revisionOf(rev, path);
  if (!found.ok) return found;
  const shown = `${rev}:${path}`;
  const entry = found.value.blob(found.value.entry, MAX_LIST_BYTES);
  if (!entry.ok) {
    const outcome = cannotOpen(shown, entry.error);
    return failed(entry.error === "missing" ? { ...outcome, help: NEW_POLICY } : outcome);
  }
  if (looksLikeModule(entry.value)) {
    beginModule(progress, entry.value);
    return sideOfModule(shown, entry.value, shared);
  }
  if (entry.value.length > MAX_SOURCE_BYTES) return failed(cannotOpen(shown, "too_large"));
  const text = decodeText(entry.value);
  if (!text.ok) return failed(cannotOpen(shown, text.error));
  const file: SourceFile = { path: found.value.entry, text: text.value };
  const none = { folders: new Set<string>(), files: new Set<string>(), found: new Map<string, string>() };
  const read = (named: string, from: SourceFile | null): Result<SourceFile, ReadFailure> => readBelow(found.value, file, named, from);
  const compiled = compileOpened(shown, { entry: file, reader: { read }, root: found.value.folder, inputs: none }, "host", progress);
  return compiled.ok ? sideOfPolicy(shown, compiled.value, shared) : failed(compiled.error.outcome);
}

/** The files of a folder in a revision. */
interface Revision {
  readonly folder: string;
  /** The name of the policy in it. */
  readonly entry: string;
  blob(path: string, most: number): Result<Uint8Array, "missing" | "unreadable" | "too_large">;
}

function revisionOf(rev: string, path: string): Result<Revision, Outcome> {
  const named = resolve(path);
  const folder = dirname(named);
  const refused = refusedPlace(rev, path, named);
  if (refused !== null) return failed(refused);
  const at = git(folder, ["rev-parse", "--verify", "--quiet", "--end-of-options", `${rev}^{commit}`], 4_096);
  if (at === "no_git")
    return failed({
      class: "missing",
      code: "policy.no_git",
      message: "`--git` needs git, which can't be started",
      help: "install git, or name the older file itself",
    });
  if (at === null)
    return failed(
      usage(
        "no_revision",
        `\`${rev}\` is no revision of the git repository of \`${path}\``,
        "write a branch, a tag or a commit, such as `refs/remotes/origin/main`; a shallow clone has no other branch until `git fetch origin main`",
      ),
    );
  const listed = git(folder, ["ls-tree", "-r", "-z", at.toString("utf8").trim(), "."], MOST_LISTED);
  if (listed === null || listed === "no_git")
    return failed(usage("no_revision", `the files of \`${rev}\` can't be listed`, "check the repository with `git fsck`"));
  const files = new Map<string, { readonly mode: string; readonly sha: string }>();
  for (const row of listed.toString("utf8").split("\0")) {
    const [, mode = "", kind, sha = "", name = ""] = /^(\d+) (\w+) ([0-9a-f]+)\t([^]+)$/.exec(row) ?? [];
    if (kind === "blob") files.set(name, { mode, sha });
  }
  return ok({
    folder,
    entry: basename(named),
    blob(name, most) {
      const file = files.get(name);
      if (file === undefined) return failed("missing");
      // A link's blob is the path that it names.
      if (file.mode === "120000") return failed("unreadable");
      const blob = git(folder, ["cat-file", "blob", file.sha], most + 1);
      if (blob === null || blob === "no_git") return failed("unreadable");
      return blob.length > most ? failed("too_large") : ok(blob);
    },
  });
}

/**
 * Why the revision says nothing about the file that `path` is now. The change that is judged may have put a link or a repository of its own
 * there, so that another file, or another history, would be compared.
 */
function refusedPlace(rev: string, path: string, named: string): Outcome | null {
  const found = git(dirname(named), ["rev-parse", "--absolute-git-dir", "--show-toplevel", "--show-superproject-working-tree"], 65_536);
  // Said where the revision is read.
  if (found === "no_git") return null;
  if (found === null && !existsSync(dirname(named))) return cannotOpen(path, "missing");
  if (found === null && isOfAnotherUser(dirname(named)))
    return usage(
      "no_revision",
      `git does not read the repository of \`${path}\`, because another user owns it`,
      "run as its owner, or name its folder with `git config --global --add safe.directory FOLDER`",
    );
  const [store = "", top = "", outer = ""] = found === null ? [] : found.toString("utf8").split("\n");
  // A folder of the working tree that looks like a bare repository is one to a git before 2.38.
  if (top === "" || foldersAbove(join(realPathOf(dirname(named)) ?? "", basename(named))).includes(realPathOf(store) ?? ""))
    return usage(
      "no_revision",
      `\`${rev}\` is no revision of the git repository of \`${path}\`, which is in none`,
      "name a policy in a checkout of its repository",
    );
  if (outer !== "")
    return usage(
      "no_revision",
      `\`${path}\` is in the submodule \`${top}\`, whose history is not that of \`${outer}\``,
      "compare the policies where the submodule's own repository is checked out",
    );
  // The outermost: a link inside the repository may lead to the repository.
  const start = foldersAbove(named).findLast((folder) => realPathOf(folder) === realPathOf(top));
  const place = start === undefined ? null : join(realPathOf(top) ?? top, relative(start, named));
  // The file is opened as `path`, in which `..` follows a link. The policy may be gone by now, but then its folder is there.
  const real = existsSync(path) ? realPathOf(path) : join(realPathOf(dirname(named)) ?? "", basename(named));
  if (place === null || real !== place)
    return usage(
      "no_revision",
      `\`${path}\` leads through a symbolic link of the working tree, which a change can turn to another file`,
      "name the file that the link leads to, or make it a file",
    );
  return null;
}

function foldersAbove(path: string): readonly string[] {
  const folder = dirname(path);
  return folder === path ? [] : [folder, ...foldersAbove(folder)];
}

function realPathOf(path: string): string | null {
  try {
    // Not the one that takes `..` out before it follows links.
    return realpathSync.native(path);
  } catch {
    return null;
  }
}

/** Variables that say where the repository is. A hook has them, of whatever repository; the one around the policy is meant. */
const REPOSITORY_VARIABLES =
  /^GIT_(?:DIR|WORK_TREE|COMMON_DIR|INDEX_FILE|OBJECT_DIRECTORY|ALTERNATE_OBJECT_DIRECTORIES|NAMESPACE|PREFIX|REPLACE_REF_BASE|GRAFT_FILE|SHALLOW_FILE)$/;

/** Files of the change that look like a bare repository are none, and no object is replaced by another. */
const STRICT = ["--no-replace-objects", "-c", "safe.bareRepository=explicit", "-c", "core.fsmonitor=false"];

function started(folder: string, words: readonly string[], most: number): SpawnSyncReturns<Buffer> {
  const kept = Object.entries(process.env).filter(([name]) => !REPOSITORY_VARIABLES.test(name));
  return spawnSync("git", [...STRICT, "-C", folder, ...words], {
    maxBuffer: most,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...Object.fromEntries(kept), GIT_OPTIONAL_LOCKS: "0", GIT_NO_LAZY_FETCH: "1", LC_ALL: "C" },
  });
}

/** Where the job of a merge request runs in a container, the checkout may belong to the user outside of it. */
function isOfAnotherUser(folder: string): boolean {
  return started(folder, ["rev-parse", "--git-dir"], 65_536).stderr.includes("dubious ownership");
}

/** Null: it failed, or printed too much. */
function git(folder: string, words: readonly string[], most: number): Buffer | null | "no_git" {
  if (!existsSync(folder)) return null;
  const ended = started(folder, words, most);
  if (ended.error !== undefined && "code" in ended.error && ended.error.code === "ENOENT") return "no_git";
  return ended.error === undefined && ended.status === 0 ? ended.stdout : null;
}

/** As of a disk: relative to the file that names it, and never above the folder of the policy. */
function readBelow(revision: Revision, entry: SourceFile, named: string, from: SourceFile | null): Result<SourceFile, ReadFailure> {
  if (named === "" || named.includes("\0")) return failed("missing");
  if (posix.isAbsolute(named)) return failed("outside");
  const path = posix.normalize(join(from === null ? "." : posix.dirname(from.path), named));
  if (path === entry.path) return ok(entry);
  if (path === ".." || path.startsWith("../")) return failed("outside");
  const blob = revision.blob(path, MAX_LIST_BYTES);
  if (!blob.ok) return failed(blob.error);
  const text = decodeText(blob.value);
  return text.ok ? ok({ path, text: text.value }) : failed(text.error);
}
