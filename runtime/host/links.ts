// The way to a file, link by link. Whoever may write a directory that holds a link on the way, or
// the file itself, decides where the path leads; and there is what to watch.
import { lstatSync, readlinkSync } from "node:fs";
import { dirname, join } from "node:path";

/** As Linux has it. */
const MOST_LINKS = 40;

/** An entry that could lead elsewhere: a link, the file itself, or what is missing. */
export interface Step {
  /** Without links in it. */
  readonly folder: string;
  readonly name: string;
  /** Whose link it is; null where it is none. */
  readonly linkUid: number | null;
}

export interface Way {
  /** In the order of the way; the last is the file's own, or where the way ends. */
  readonly steps: readonly Step[];
  /** The file's path without links; null where the way ends before it. */
  readonly real: string | null;
  /** Why it ends before it; null where it does not. */
  readonly because: string | null;
}

/** `path` is absolute and normal (as `resolve` returns it); it may lead nowhere. */
export function followLinks(path: string): Way {
  const steps: Step[] = [];
  let folder = "/";
  let links = 0;
  for (let rest = parts(path); ; ) {
    const [name, ...behind] = rest;
    if (name === undefined) return { steps, real: null, because: "it is a directory" };
    rest = behind;
    // A link's text may climb: from where the link is, not from where the path was.
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
