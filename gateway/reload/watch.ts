// Watches the directory of the policy, not the file: an atomic rename makes a new file under
// the old name. Events close together are one.
import { watch, type FSWatcher } from "node:fs";
import { basename, dirname } from "node:path";
import type { Cancel, GatewayClock } from "../clock.ts";

/** A writer's several events become one. */
const SETTLE_MS = 50;

/** Calls `changed` after the file may have changed; a string is why it can't be watched. */
export function watchFile(path: string, clock: GatewayClock, changed: () => void): Cancel | string {
  let waiting: Cancel | null = null;
  let watcher: FSWatcher;
  const name = basename(path);
  try {
    watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
      // A symlinked directory swap (as some mounts do) names other entries.
      if (file !== null && file !== name && !file.startsWith("..")) return;
      waiting ??= clock.after(SETTLE_MS, () => {
        waiting = null;
        changed();
      });
    });
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  watcher.on("error", () => watcher.close());
  return () => {
    waiting?.();
    watcher.close();
  };
}
