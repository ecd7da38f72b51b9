// `ingressd status --watch`: calls the gateway again and again and shows each answer, until it is ended or
// nobody answers any more.
import { once } from "node:events";
import type { GatewayClock } from "../clock.ts";
import type { Outcome } from "./order.ts";

export const WATCH_MS = 2_000;
/** Home, and nothing below. */
const CLEAR = "\u001b[H\u001b[2J";

export interface WatchStatusSetup {
  readonly query: () => Promise<Outcome>;
  readonly clock: Pick<GatewayClock, "after">;
  readonly ended: AbortSignal;
  /** Gets whole lines. */
  readonly print: (text: string) => void;
  /** A terminal shows each answer in the place of the one before; else they follow each other. */
  readonly terminal: boolean;
}

/** The last outcome; an answer that was shown is not in it. */
export async function watchStatus({ query, clock, ended, print, terminal }: WatchStatusSetup): Promise<Outcome> {
  const over = ended.aborted ? Promise.resolve() : once(ended, "abort").then(() => undefined);
  while (!ended.aborted) {
    const outcome = await query();
    if (outcome.exitCode !== 0) return outcome;
    print(`${terminal ? CLEAR : ""}${outcome.stdout}\n${terminal || outcome.stdout.startsWith("{") ? "" : "\n"}`);
    const next = new Promise<void>((resolve) => {
      const cancel = clock.after(WATCH_MS, resolve);
      void over.then(cancel);
    });
    await Promise.race([over, next]);
  }
  return { exitCode: 0, stdout: "", stderr: "" };
}
