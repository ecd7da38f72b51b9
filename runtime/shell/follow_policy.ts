// When a policy is read again: on a signal, and when one of its files changes. One load at a time: what comes meanwhile
// is one more load, after it.
import type { Cancel, Timers } from "./clock.ts";
import { watchFile } from "./watch.ts";

export interface FollowSetup {
  /** Absolute and normal: the policy, and what else decides whether it may be in force. */
  readonly paths: readonly string[];
  readonly clock: Timers;
  readonly say: (sentence: string) => void;
  /** Loads the policy and puts it in force. Must not reject. */
  readonly load: (because: "change" | "signal") => Promise<void>;
}

export interface Following {
  /** Loads now, because an operator has ordered it. */
  readonly signal: () => void;
  readonly stop: Cancel;
}

export function followPolicy({ paths, clock, say, load }: FollowSetup): Following {
  let isLoading = false;
  let due: "change" | "signal" | null = null;

  async function run(): Promise<void> {
    isLoading = true;
    while (due !== null) {
      const because = due;
      due = null;
      await load(because);
    }
    isLoading = false;
  }
  const request = (because: "change" | "signal"): void => {
    if (due !== "signal") due = because;
    if (!isLoading) void run();
  };
  const watches = [...new Set(paths)].map((path) => watchFile({ path, clock, say, changed: () => request("change") }));
  return {
    signal: () => request("signal"),
    stop() {
      for (const stop of watches) stop();
    },
  };
}
