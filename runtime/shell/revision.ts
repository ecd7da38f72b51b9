// The highest signed revision that was in force, over restarts: a mark in a directory of state. It is
// staged before a policy is put in force, so that a full disk is found out then, and takes its place after it.
import { accessSync, constants, lstatSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { PolicyInfo } from "../host/module.ts";
import { failed, ok, type Result } from "../result/result.ts";
import { readTrustedFile } from "../host/trusted_file.ts";
import type { Disk } from "./disk.ts";
import { belowMark, markText, parseMark, type Mark } from "./mark.ts";

const MARK_NAME = "revision.mark";
const MOST_MARK_BYTES = 256;

export interface Revisions {
  /** The mark's file. */
  readonly path: string;
  /** The highest revision that was in force, null for none, or why that can't be known. */
  mark(): Result<Mark | null, string>;
  /** Why a verified policy may not be put in force, or null. One without a verified signature has no revision. */
  refusal(info: PolicyInfo): string | null;
  /** The mark that is due once the policy is in force, or null where it is there already. Throws where the policy may not be in force. */
  due(info: PolicyInfo): Mark | null;
  /** Writes the mark that is due; it is on the disk when this resolves. Rejects with what the disk says, and where `due` throws. */
  keep(info: PolicyInfo, disk: Disk): Promise<void>;
}

export function revisionsIn(directory: string): Revisions {
  const path = join(directory, MARK_NAME);

  function mark(): Result<Mark | null, string> {
    if (!isThere(path)) return ok(null);
    const bytes = readTrustedFile(path, MOST_MARK_BYTES, "revision mark");
    if (!bytes.ok) return bytes;
    const read = parseMark(new TextDecoder().decode(bytes.value));
    return read !== null ?
        ok(read)
      : failed(
          `revision mark \`${path}\` is damaged, so it is not known which policies are too old: restore it from a backup, or remove it once you know that the policy in place is the newest`,
        );
  }

  function refusal({ signature, sha256 }: PolicyInfo): string | null {
    if (signature?.verified !== true) return null;
    const highest = mark();
    if (!highest.ok) return `(mark_unreadable): ${highest.error}`;
    return highest.value === null ? null : belowMark(signature, sha256, highest.value);
  }

  function due(info: PolicyInfo): Mark | null {
    const { signature, sha256 } = info;
    if (signature?.verified !== true) return null;
    const why = refusal(info);
    if (why !== null) throw new Error(why);
    const before = mark();
    return before.ok && before.value?.revision === signature.revision ? null : { revision: signature.revision, sha256 };
  }

  return {
    path,
    mark,
    refusal,
    due,
    async keep(info, disk) {
      const next = due(info);
      if (next === null) return;
      // Programs that share a directory don't write into each other's files.
      const coming = `${path}.${process.pid}.new`;
      await disk.write(coming, Buffer.from(markText(next)));
      await disk.replace(coming, path);
    },
  };
}

/**
 * Makes the directory where it is missing; null, or why it can't be used. A user that may write it decides which policies
 * are too old. `program`: whose it must be; `option`: what names another one.
 */
export function prepareStateDirectory(directory: string, program: string, option: string): string | null {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (error) {
    return `the state directory \`${directory}\` can't be used (${error instanceof Error ? error.message : String(error)}): name another one with ${option}`;
  }
  return stateDirectoryFault(directory, program, option);
}

/** Why a directory that is there can't be used, or null. */
export function stateDirectoryFault(directory: string, program: string, option: string): string | null {
  const refused = (sentence: string): string => `the state directory \`${directory}\` ${sentence}`;
  try {
    const stats = statSync(directory);
    const self = process.geteuid?.() ?? stats.uid;
    if (stats.uid !== self)
      return refused(`belongs to uid ${stats.uid}, not to ${program} (${self}): run chown ${self} ${directory}, or name another one with ${option}`);
    if ((stats.mode & 0o022) !== 0)
      return refused(`can be written by others (mode ${(stats.mode & 0o7777).toString(8).padStart(4, "0")}): run chmod 700 ${directory}`);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    return refused(`can't be used (${error instanceof Error ? error.message : String(error)}): name another one with ${option}`);
  }
}

/** A file that can't be examined counts as there; it is read then, and refused with its reason. */
export function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
