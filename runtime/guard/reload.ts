// When the policy is read again: on SIGHUP, and when its path leads to other bytes. Whatever fails keeps the policy
// in force, and is said.
import type { Timers } from "../shell/clock.ts";
import { watchFile } from "../shell/watch.ts";
import type { PolicyInForce } from "./policy.ts";

export interface ReloadSetup {
  readonly policy: Pick<PolicyInForce, "load">;
  /** Absolute and normal. */
  readonly path: string;
  readonly trustedKeys: readonly string[];
  readonly clock: Timers;
  readonly say: (sentence: string) => void;
  /** Another policy is in force. */
  readonly reloaded: () => void;
}

export function reloadOnChange({ policy, path, trustedKeys, clock, say, reloaded }: ReloadSetup): void {
  let running = false;
  let asked: "no" | "by a change" | "by a signal" = "no";
  let said = "";

  async function run(): Promise<void> {
    running = true;
    while (asked !== "no") {
      const by = asked;
      asked = "no";
      const result = await policy.load();
      if (typeof result === "object") {
        const sentence = `${result.refused}: the previous policy stays in force`;
        // A file that keeps changing says the same once.
        if (by === "by a signal" || sentence !== said) say(sentence);
        said = sentence;
        continue;
      }
      said = "";
      if (result === "loaded") reloaded();
      if (result === "loaded" || by === "by a signal") say("the policy was read again and is in force");
    }
    running = false;
  }
  const ask = (by: "by a change" | "by a signal"): void => {
    if (asked !== "by a signal") asked = by;
    if (!running) void run();
  };
  process.on("SIGHUP", () => ask("by a signal"));
  for (const file of new Set([path, ...trustedKeys])) watchFile({ path: file, clock, say, changed: () => ask("by a change") });
}
