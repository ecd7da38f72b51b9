// Runs a build again whenever its inputs change. Folders are watched and not files, because
// editors and deployments replace files by renaming, and the folders of symlinks too, because
// deployments turn a link to the next release; whether something changed is decided by
// content, so that an event for a neighbour (or for the module itself) builds nothing.
import { watch, type FSWatcher } from "node:fs";
import { basename } from "node:path";
import { fingerprint, type Inputs } from "./disk.ts";

/** One save is several events; a look at the contents waits until they are over. */
const SETTLE_MS = 40;
/** A folder that is gone is looked for again after this time. */
const RETRY_MS = 500;

export interface WatchOptions {
  readonly stop: AbortSignal;
  /** Builds once and says what it has read. */
  run(): Promise<Inputs>;
  /** Called once, when the first build is done and its folders are watched. */
  watching(folders: readonly string[]): void;
}

/** Resolves after `stop`, when the build that is under way has ended. */
export async function watchInputs({ stop, run, watching }: WatchOptions): Promise<void> {
  const folders = new Folders();
  stop.addEventListener("abort", () => folders.wake(), { once: true });
  try {
    for (let first = true; !stop.aborted; first = false) {
      const inputs = await run();
      // The first comparison finds changes between the reading and the watching.
      let complete = folders.follow(inputs.folders);
      if (first) watching([...inputs.folders]);
      while (!stop.aborted && !hasChanged(inputs)) {
        await folders.event(complete ? null : RETRY_MS);
        if (!stop.aborted) await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
        complete = folders.follow(inputs.folders);
      }
    }
  } finally {
    folders.close();
  }
}

function hasChanged(inputs: Inputs): boolean {
  return [...inputs.found].some(([path, before]) => fingerprint(path) !== before);
}

/** The watched folders, and a promise of the next event in any of them. */
class Folders {
  private readonly watchers = new Map<string, FSWatcher>();
  private resume: () => void = () => undefined;

  wake(): void {
    this.resume();
  }

  /** Resolves at an event, at `wake`, or after `atMostMs`. */
  event(atMostMs: number | null): Promise<void> {
    return new Promise((resolve) => {
      const timer = atMostMs === null ? null : setTimeout(resolve, atMostMs);
      this.resume = () => {
        if (timer !== null) clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Watches exactly these; false while one of them can't be watched. */
  follow(wanted: ReadonlySet<string>): boolean {
    for (const folder of this.watchers.keys()) if (!wanted.has(folder)) this.drop(folder);
    for (const folder of wanted) if (!this.watchers.has(folder)) this.add(folder);
    return [...wanted].every((folder) => this.watchers.has(folder));
  }

  close(): void {
    for (const folder of this.watchers.keys()) this.drop(folder);
  }

  private add(folder: string): void {
    try {
      const watcher = watch(folder, (event, name) => {
        // The folder itself was moved or removed: this watcher sees nothing any more.
        if (event === "rename" && name === basename(folder)) this.drop(folder);
        this.wake();
      });
      watcher.on("error", () => {
        this.drop(folder);
        this.wake();
      });
      this.watchers.set(folder, watcher);
    } catch {
      // Not there at this moment: `follow` says so, and is asked again after RETRY_MS.
    }
  }

  private drop(folder: string): void {
    this.watchers.get(folder)?.close();
    this.watchers.delete(folder);
  }
}
