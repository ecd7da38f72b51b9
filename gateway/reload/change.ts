// A change of policy that another party finishes: a coordinator that changes several things as one prepares here and
// there, and then commits all of them or aborts all.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { InForce } from "../admit/desk.ts";
import type { GatewayClock } from "../clock.ts";
import type { Turns } from "./turns.ts";
import type { Refused, Report } from "./report.ts";
import type { Outlook } from "./transaction.ts";

export interface Change {
  readonly outlook: Outlook;
  /** Puts it in force with all participants, and on the disk. After an error the previous policy is in force. */
  commit(): Promise<Result<Report, Refused>>;
  /**
   * Takes it back. After its commit the previous policy decides again, with its ports, and with
   * what is owed under either; a file that is in place is not loaded again by itself. An error
   * where a later change is in force.
   */
  abort(): Promise<Result<null, Refused>>;
}

/** The work that `keepTurn` makes a change of; its `abort` can't be refused. */
export interface Undoable {
  readonly outlook: Outlook;
  commit(): Promise<Result<Report, Refused>>;
  abort(): Promise<void>;
}

/** A change in this process that nobody commits by then is aborted: reloads and registrations wait behind it. */
export const KEPT_MS = 30_000;

export interface KeepSetup {
  readonly clock: Pick<GatewayClock, "after" | "monoMs">;
  readonly inForce: InForce;
  /** Aborts what is prepared. */
  readonly ending: AbortSignal;
  /** It is aborted once so many milliseconds have passed since it was prepared. */
  readonly afterMs: number;
  /** Called when it is aborted without its owner's doing. */
  readonly aborted: (because: string) => void;
}

/** Prepares in a turn of its own and keeps the turn until the change is committed, aborted, or late. */
export function keepTurn(turns: Turns, prepare: () => Promise<Result<Undoable, Refused>>, setup: KeepSetup): Promise<Result<Change, Refused>> {
  return new Promise((resolve, reject) => {
    turns(async () => {
      const change = await prepare();
      if (!change.ok) return resolve(change);
      await new Promise<void>((release) => resolve(ok(new KeptChange(change.value, turns, release, setup))));
    }).catch(reject);
  });
}

class KeptChange implements Change {
  readonly outlook: Outlook;
  readonly #change: Undoable;
  readonly #turns: Turns;
  readonly #release: () => void;
  readonly #setup: KeepSetup;
  readonly #disarm: () => void;
  readonly #preparedMs: number;
  #state: "prepared" | "committed" | "over" = "prepared";
  /** That it made when it was committed. */
  #generation = 0;

  constructor(change: Undoable, turns: Turns, release: () => void, setup: KeepSetup) {
    this.outlook = change.outlook;
    this.#change = change;
    this.#turns = turns;
    this.#release = release;
    this.#setup = setup;
    const { clock, ending, afterMs } = setup;
    this.#preparedMs = clock.monoMs();
    const stopped = (): void => this.#takeBack("the gateway is shutting down");
    const cancel = clock.after(afterMs, () => this.#takeBack("it was not committed in time"));
    ending.addEventListener("abort", stopped, { once: true });
    this.#disarm = () => {
      cancel();
      ending.removeEventListener("abort", stopped);
    };
    if (ending.aborted) stopped();
  }

  async commit(): Promise<Result<Report, Refused>> {
    const { clock, afterMs } = this.#setup;
    // A timer may be late where the process was busy.
    if (this.#state === "prepared" && clock.monoMs() - this.#preparedMs >= afterMs) this.#takeBack("it was not committed in time");
    if (this.#state === "over") return failed({ cause: "aborted", message: "the change is over: it was aborted, or not committed in time" });
    if (this.#state === "committed") return failed({ cause: "committed", message: "the change is committed already" });
    this.#state = "committed";
    this.#disarm();
    try {
      const report = await this.#change.commit();
      if (report.ok) this.#generation = report.value.generation;
      else this.#state = "over";
      return report;
    } finally {
      this.#release();
    }
  }

  async abort(): Promise<Result<null, Refused>> {
    if (this.#state === "over") return ok(null);
    if (this.#state === "prepared") {
      await this.#end();
      return ok(null);
    }
    this.#state = "over";
    return this.#turns(async () => {
      const { generation } = this.#setup.inForce;
      if (generation !== this.#generation)
        return failed({ cause: "committed", message: `generation ${generation} is in force: a change that is no longer in force can't be taken back` });
      await this.#change.abort();
      return ok(null);
    });
  }

  #takeBack(because: string): void {
    if (this.#state !== "prepared") return;
    this.#setup.aborted(because);
    void this.#end().catch(() => undefined);
  }

  async #end(): Promise<void> {
    this.#state = "over";
    this.#disarm();
    await this.#change.abort().finally(this.#release);
  }
}
