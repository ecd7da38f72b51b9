// What outlives a restart, in the state directory: a copy of the last good policy, and the highest
// signed revision. Both are staged before a policy is put in force, so that a full disk is found
// out then, and take their places after it: the copy first, then the mark. Stopped in between,
// the copy is newer than the mark, never older, and so can be served.
import { createHash } from "node:crypto";
import { accessSync, constants, lstatSync, mkdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import type { Config } from "../config.ts";
import { failure, EXIT_REJECTED, type Failure } from "../exit.ts";
import type { Disk } from "./disk.ts";
import { belowMark, markText, parseMark, type Mark } from "./mark.ts";
import { isFileRefusal, readTrustedFile, type FileRefusal } from "../../runtime/host/trustedFile.ts";

export const COPY_NAME = "last_good.wasm";
export const MARK_NAME = "revision.mark";
const MOST_MARK_BYTES = 256;

export interface Keeper {
  readonly directory: string;
  /** The highest revision that was in force, null for none, or why that can't be known. */
  mark(): Mark | null | FileRefusal;
  /** Why a verified policy may not be put in force, or null. One without a verified signature has no revision. */
  refusal(info: PolicyInfo): string | null;
  /** Writes beside their places what is new of copy and mark; `hash` is that of `bytes`. Rejects where the disk does. */
  stage(bytes: Uint8Array, hash: string, info: PolicyInfo): Promise<Staged>;
  /** The copy's bytes, not checked; null where there is none. */
  lastGood(): Uint8Array | FileRefusal | null;
}

export interface Staged {
  /** Call it once the policy is in force; rejects where the disk does. */
  commit(): Promise<void>;
  abort(): Promise<void>;
  /** Call it before `commit`: what it gives puts both files back as they are now, and rejects where the disk does. */
  remember(): () => Promise<void>;
}

/** The directory that a configuration or systemd names (with colons between the directories of `StateDirectory=`); null for none. */
export function stateDirectory(config: Pick<Config, "state_dir">, env: NodeJS.ProcessEnv): string | null {
  const given = env["STATE_DIRECTORY"]?.split(":")[0] ?? "";
  return config.state_dir ?? (given.startsWith("/") ? given : null);
}

/** Makes the directory where it is missing. */
export function prepareStateDirectory(directory: string): Failure | null {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    return failure(EXIT_REJECTED, `the state directory \`${directory}\` can't be used (${error instanceof Error ? error.message : String(error)}): name another one with state_dir`);
  }
  return stateDirectoryFault(directory);
}

/** Who may write the directory decides which policies are too old. */
export function stateDirectoryFault(directory: string): Failure | null {
  const refused = (sentence: string): Failure => failure(EXIT_REJECTED, `the state directory \`${directory}\` ${sentence}`);
  try {
    const stats = statSync(directory);
    const self = process.geteuid?.() ?? stats.uid;
    if (stats.uid !== self) return refused(`belongs to uid ${stats.uid}, not to ingressd (${self}): run chown ${self} ${directory}, or name another one with state_dir`);
    if ((stats.mode & 0o022) !== 0) return refused(`can be written by others (mode ${(stats.mode & 0o7777).toString(8).padStart(4, "0")}): run chmod 700 ${directory}`);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return refused(`can't be used (${error instanceof Error ? error.message : String(error)}): name another one with state_dir`);
  }
}

export function createKeeper(directory: string, maxBytes: number, disk: Disk): Keeper {
  const copyPath = join(directory, COPY_NAME);
  const markPath = join(directory, MARK_NAME);
  /** Hash of the copy's bytes; null where it is not known. */
  let kept: string | null = null;

  function mark(): Mark | null | FileRefusal {
    if (!isThere(markPath)) return null;
    const bytes = readTrustedFile(markPath, MOST_MARK_BYTES, "revision mark");
    if (isFileRefusal(bytes)) return bytes;
    return parseMark(new TextDecoder().decode(bytes)) ?? {
      refused: `revision mark \`${markPath}\` is damaged, so nobody can tell which policies are too old: put it back from a backup, or remove it once you are sure that the policy in place is the newest`,
    };
  }

  function lastGood(): Uint8Array | FileRefusal | null {
    return isThere(copyPath) ? readTrustedFile(copyPath, maxBytes, "last good policy") : null;
  }

  /** Whether the copy has these bytes already. */
  function isKept(hash: string): boolean {
    if (kept === null) {
      const copy = lastGood();
      kept = copy === null || isFileRefusal(copy) ? "" : createHash("sha256").update(copy).digest("hex");
    }
    return kept === hash;
  }

  function refusal({ signature, sha256 }: PolicyInfo): string | null {
    if (signature?.verified !== true) return null;
    const highest = mark();
    if (highest === null) return null;
    return "refused" in highest ? `(mark_unreadable): ${highest.refused}` : belowMark(signature, sha256, highest);
  }

  /** The mark that is due once the policy is in force, or null where it stands already. Throws where it may not be. */
  function dueMark(info: PolicyInfo): Mark | null {
    const { signature, sha256 } = info;
    if (signature?.verified !== true) return null;
    const why = refusal(info);
    if (why !== null) throw new Error(why);
    const before = mark();
    return before !== null && "revision" in before && before.revision === signature.revision ? null : { revision: signature.revision, sha256 };
  }

  async function putBack(path: string, bytes: Uint8Array | null): Promise<void> {
    if (bytes === null) return disk.remove(path);
    await disk.write(`${path}.new`, bytes);
    await disk.replace(`${path}.new`, path);
  }

  return {
    directory,
    mark,
    lastGood,
    refusal,
    async stage(bytes, hash, info) {
      const renames: (readonly [from: string, to: string])[] = [];
      const write = async (path: string, content: Uint8Array): Promise<void> => {
        renames.push([`${path}.new`, path]);
        await disk.write(`${path}.new`, content);
      };
      const abort = async (): Promise<void> => {
        for (const [from] of renames) await disk.remove(from);
      };
      try {
        const due = dueMark(info);
        if (!isKept(hash)) await write(copyPath, bytes);
        if (due !== null) await write(markPath, Buffer.from(markText(due)));
      } catch (error) {
        await abort().catch(() => undefined);
        throw error;
      }
      return {
        async commit() {
          kept = null;
          for (const [from, to] of renames) await disk.replace(from, to);
          kept = hash;
        },
        abort,
        remember() {
          const [copy, mark] = [copyPath, markPath].map((path) => (isThere(path) ? readFileSync(path) : null));
          return async () => {
            kept = null;
            // The mark first: stopped in between, the copy is newer than the mark, never older.
            await putBack(markPath, mark ?? null);
            await putBack(copyPath, copy ?? null);
          };
        },
      };
    },
  };
}

/** Also what can't be looked at counts as there: it is read then, and refused with its reason. */
function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
