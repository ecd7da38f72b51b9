// Follows a path to its file, link by link. A user who may write a directory with a link on the way, or the file's own
// directory, can decide which file the path leads to. These directories are also the ones to watch for changes.
import { lstatSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** The bound of Linux. */
const MOST_LINKS = 40;

/** An entry whose replacement would lead the path to another file: a link, the file itself, or a missing entry. */
export interface Step {
  /** A path without links. */
  readonly folder: string;
  readonly name: string;
  /** The uid of the link's owner; null where the entry is not a link. */
  readonly linkUid: number | null;
}

export interface Way {
  /** In the order of the path; the last is the file's own entry, or the entry at which the path ends. */
  readonly steps: readonly Step[];
  /** The file's path without links; null where the path leads to no file. */
  readonly real: string | null;
  /** Why the path leads to no file; null where it leads to one. */
  readonly because: string | null;
}

/** `path` is absolute and normal (as `resolve` returns it); it may lead nowhere. */
export function followLinks(path: string): Way {
  const steps: Step[] = [];
  let folder = "/";
  let links = 0;
  for (let rest = parts(path); ;) {
    const [name, ...behind] = rest;
    if (name === undefined) return { steps, real: null, because: "it is a directory" };
    rest = behind;
    // `..` in a link's text is relative to the link's own directory.
    if (name === "..") {
      folder = dirname(folder);
      continue;
    }
    const at = join(folder, name);
    try {
      const stats = lstatSync(at);
      if (stats.isSymbolicLink()) {
        steps.push({ folder, name, linkUid: stats.uid });
        if (++links > MOST_LINKS) return { steps, real: null, because: `more than ${MOST_LINKS} links follow each other` };
        const target = readlinkSync(at);
        if (target.startsWith("/")) folder = "/";
        rest = [...parts(target), ...rest];
        continue;
      }
    } catch (error) {
      steps.push({ folder, name, linkUid: null });
      return { steps, real: null, because: error instanceof Error ? error.message : String(error) };
    }
    if (rest.length === 0) {
      steps.push({ folder, name, linkUid: null });
      return { steps, real: at, because: null };
    }
    folder = at;
  }
}

function parts(path: string): string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}
