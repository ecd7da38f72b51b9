// A change of policy in the hands of another party: a coordinator that changes several things as one
// prepares here and there, and then commits all of them or aborts all.
import type { InForce } from "../admit/admit.ts";
import type { GatewayClock } from "../clock.ts";
import type { Turns } from "../turns.ts";
import { isRefused, type Refused, type Report } from "./exchange.ts";

export interface Change {
  /** Puts it in force with all participants, and on the disk. A refusal: the former policy is in force. */
  commit(): Promise<Report | Refused>;
  /**
   * Takes it back. After the own commit the former policy decides again, with its ports, and with
   * what is owed under either; a file that is in place is not loaded again by itself. Throws
   * where a later change is in force.
   */
  abort(): Promise<void>;
}

/** A change that nobody commits by then is aborted: reloads and registrations wait behind it. */
export const HELD_MS = 30_000;

export interface HoldSetup {
  readonly clock: Pick<GatewayClock, "after">;
  readonly inForce: InForce;
  /** Aborts what is held. */
  readonly ending: AbortSignal;
}

/** Prepares in a turn of its own and keeps the turn until the change is committed, aborted, or late. */
export function hold(turns: Turns, prepare: () => Promise<Change | Refused>, { clock, inForce, ending }: HoldSetup): Promise<Change | Refused> {
  return new Promise((resolve, reject) => {
    turns(async () => {
      const change = await prepare();
      if (isRefused(change)) return resolve(change);
      await new Promise<void>((release) => resolve(held(change, release)));
    }).catch(reject);
  });

  function held(change: Change, release: () => void): Change {
    let state: "prepared" | "committed" | "over" = "prepared";
    let generation = 0;
    const end = async (): Promise<void> => {
      if (state !== "prepared") return;
      state = "over";
      settle();
      await change.abort().finally(release);
    };
    const late = (): void => void end().catch(() => undefined);
    const cancel = clock.after(HELD_MS, late);
    ending.addEventListener("abort", late, { once: true });
    const settle = (): void => {
      cancel();
      ending.removeEventListener("abort", late);
    };
    if (ending.aborted) late();
    return {
      async commit() {
        if (state !== "prepared") throw new Error(state === "over" ? "the change is over: it was aborted, or not committed in time" : "the change is committed already");
        state = "committed";
        settle();
        try {
          const report = await change.commit();
          if (isRefused(report)) state = "over";
          else ({ generation } = report);
          return report;
        } finally {
          release();
        }
      },
      async abort() {
        if (state === "prepared") return end();
        if (state === "over") return;
        state = "over";
        await turns(async () => {
          if (inForce.generation !== generation) throw new Error(`generation ${inForce.generation} is in force: a change that is no longer in force can't be taken back`);
          await change.abort();
        });
      },
    };
  }
}
