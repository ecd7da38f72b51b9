// Watches the directories that can redirect a path, not the file: an atomic rename makes a new
// file under the old name, and a link may be turned anywhere on the way. Events close together
// are one. A change that raises no event (a directory that was renamed and made anew, a file system
// without events) is found by looking every now and then.
import { statSync, watch, type FSWatcher } from "node:fs";
import { followLinks, type Way } from "../host/links.ts";
import type { Cancel, Timers } from "./clock.ts";

/** A writer's several events become one. */
export const SETTLE_MS = 50;
/** How often it is looked whether the path leads to another file. */
export const LOOK_MS = 2_000;

export interface WatchSetup {
  /** Absolute and normal. */
  readonly path: string;
  readonly clock: Timers;
  readonly say: (sentence: string) => void;
  /** Called after the file may have changed. */
  readonly changed: () => void;
}

/** The files that the path led to when it was looked at. */
interface View {
  readonly way: Way;
  /** The directories to watch; they are watched anew when this changes. */
  readonly places: string;
  readonly all: string;
}

export function watchFile({ path, clock, say, changed }: WatchSetup): Cancel {
  const said = new Set<string>();
  let pending: Cancel | null = null;
  let watchers: readonly FSWatcher[] = [];
  let seen = look(path);

  function notice(): void {
    pending ??= clock.after(SETTLE_MS, () => {
      pending = null;
      const now = look(path);
      if (now.places !== seen.places) arm(now.way);
      seen = now;
      changed();
    });
  }

  function arm({ steps }: Way): void {
    for (const watcher of watchers) watcher.close();
    watchers = [...new Set(steps.map(({ folder }) => folder))].flatMap((folder) => {
      const names = new Set(steps.filter((step) => step.folder === folder).map(({ name }) => name));
      const watcher = watchFolder(folder, names);
      return watcher === null ? [] : [watcher];
    });
  }

  function watchFolder(folder: string, names: ReadonlySet<string>): FSWatcher | null {
    const unwatched = (error: unknown): void => {
      const sentence =
        `the directory \`${folder}\` can't be watched (${error instanceof Error ? error.message : String(error)}): ` +
        `a change of the file is seen within ${LOOK_MS} ms`;
      if (!said.has(sentence)) say(sentence);
      said.add(sentence);
    };
    try {
      const watcher = watch(folder, { persistent: false }, (_event, name) => {
        if (name === null || names.has(name)) notice();
      });
      watcher.on("error", (error) => {
        watcher.close();
        unwatched(error);
      });
      return watcher;
    } catch (error) {
      unwatched(error);
      return null;
    }
  }

  arm(seen.way);
  // A change that came while the watchers were made.
  if (look(path).all !== seen.all) notice();
  const looking = clock.every(LOOK_MS, () => {
    if (look(path).all !== seen.all) notice();
  });
  return () => {
    looking();
    pending?.();
    for (const watcher of watchers) watcher.close();
    watchers = [];
  };
}

function look(path: string): View {
  const way = followLinks(path);
  const places = way.steps.map(({ folder, name }) => `${identity(folder, false)} ${folder} ${name}`).join("\n");
  return { way, places, all: `${places}\n${way.real === null ? "" : identity(way.real, true)}` };
}

/** Which file it is, and with `content` in which state; "" where it can't be seen. */
function identity(path: string, content: boolean): string {
  try {
    const { dev, ino, size, mtimeNs, ctimeNs } = statSync(path, { bigint: true });
    return content ? `${dev}:${ino}:${size}:${mtimeNs}:${ctimeNs}` : `${dev}:${ino}`;
  } catch {
    return "";
  }
}
