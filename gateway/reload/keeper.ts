// The state that outlives a restart, in the state directory: a copy of the last good policy, and the highest
// signed revision. Both are staged before a policy is put in force, so that a full disk is found
// out then, and take their places after it: the copy first, then the mark. Stopped in between,
// the copy is newer than the mark, never older, and so can be served.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import { markText } from "../../runtime/shell/mark.ts";
import { isThere, revisionsIn, type Revisions } from "../../runtime/shell/revision.ts";
import type { Config } from "../config/read.ts";
import type { Result } from "../../runtime/result/result.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";

export const COPY_NAME = "last_good.wasm";

export interface Keeper extends Pick<Revisions, "mark" | "refusal"> {
  readonly directory: string;
  /** Writes beside their places what is new of copy and mark; `hash` is that of `bytes`. Rejects where the disk does. */
  stage(bytes: Uint8Array, hash: string, info: PolicyInfo): Promise<Staged>;
  /** The copy's bytes, not checked; null where there is none. */
  lastGood(): Result<Uint8Array, string> | null;
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

/** `maxBytes`: of the copy, read at each use because a reload may change it. */
export function createKeeper(directory: string, maxBytes: () => number, disk: Disk): Keeper {
  const copyPath = join(directory, COPY_NAME);
  const { path: markPath, mark, refusal, due } = revisionsIn(directory);
  /** Hash of the copy's bytes; null where it is not known. */
  let kept: string | null = null;
  // Two gateways share the directory during a takeover.
  const besides = (path: string): string => `${path}.${process.pid}.new`;

  function lastGood(): Result<Uint8Array, string> | null {
    return isThere(copyPath) ? readTrustedFile(copyPath, maxBytes(), "last good policy") : null;
  }

  /** Whether the copy has these bytes already. */
  function isKept(hash: string): boolean {
    if (kept === null) {
      const copy = lastGood();
      kept = copy?.ok === true ? createHash("sha256").update(copy.value).digest("hex") : "";
    }
    return kept === hash;
  }

  async function putBack(path: string, bytes: Uint8Array | null): Promise<void> {
    if (bytes === null) return disk.remove(path);
    await disk.write(besides(path), bytes);
    await disk.replace(besides(path), path);
  }

  return {
    directory,
    mark,
    lastGood,
    refusal,
    async stage(bytes, hash, info) {
      const renames: (readonly [from: string, to: string])[] = [];
      const write = async (path: string, content: Uint8Array): Promise<void> => {
        renames.push([besides(path), path]);
        await disk.write(besides(path), content);
      };
      const abort = async (): Promise<void> => {
        for (const [from] of renames) await disk.remove(from);
      };
      try {
        const dueMark = due(info);
        if (!isKept(hash)) await write(copyPath, bytes);
        if (dueMark !== null) await write(markPath, Buffer.from(markText(dueMark)));
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
