// Reload: from the policy's path to a policy in force, after any of its causes (start, SIGHUP, a changed
// file, the control socket). Whatever fails keeps the last good policy and says one sentence.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import type { Candidate, LoadWhen, PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { GatewayClock } from "../clock.ts";
import type { Counters } from "../audit/counters.ts";
import { changesOf, type LiveConfig } from "../config/live.ts";
import type { Reports } from "../reports_to_manager.ts";
import type { ReloadHistory } from "./history.ts";
import type { Turns } from "./turns.ts";
import { keepTurn, KEPT_MS, type Change, type Undoable } from "./change.ts";
import { refusedBy, reportSentence, STOPPING, type Refused, type Report } from "./report.ts";
import { Transaction, type TransactionSetup } from "./transaction.ts";

export interface ReloadSetup extends TransactionSetup {
  readonly inForce: PolicyInForce;
  readonly counters: Counters;
  readonly turns: Turns;
  readonly clock: GatewayClock;
  /** Called before the first policy is put in force, with its engine; the answer is why it must not be, or null. */
  readonly beforeFirst: ((engine: PolicyEngine) => Promise<string | null>) | null;
  readonly history: ReloadHistory;
  readonly live: LiveConfig;
  readonly reports: Pick<Reports, "reloading" | "reloaded">;
}

/** How long a prepared change is kept, and who hears that it was aborted. */
export interface Kept {
  readonly afterMs: number;
  readonly aborted: (because: string) => void;
}

/** The file is the one in force, or the one that was refused last. */
const UNCHANGED: Refused = { cause: "policy", message: "nothing was loaded" };
const NOT_ALONE =
  "the configuration has changed and is not put in force: the policy's file is the one of a change that was aborted, and both change together; `ingressd reload` puts them in force";
const IN_PROCESS: Kept = { afterMs: KEPT_MS, aborted: () => undefined };

export class Reloader {
  readonly #setup: ReloadSetup;
  #instead: string | null = null;

  constructor(setup: ReloadSetup) {
    this.#setup = setup;
  }

  /** Reads the file and puts it in force; the answer comes when only the new policy decides. */
  reload(): Promise<Result<Report, Refused>> {
    const { turns, reports } = this.#setup;
    return turns(async () => {
      reports.reloading();
      return this.#load("always").finally(() => reports.reloaded());
    });
  }

  /** The configuration's file may have changed: as `reload`, but silent and without effect where its values are those that were read last. */
  configChanged(): Promise<void> {
    const { turns, live, say } = this.#setup;
    return turns(async () => {
      const staged = live.stage();
      live.unstage();
      if (staged.ok && !staged.value) return;
      const result = await this.#load("unless_aborted");
      say(result.ok || result.error !== UNCHANGED ? this.sentenceOf(result) : NOT_ALONE);
    });
  }

  /** As `reload`, but silent and without effect when the file's bytes are those in force, or those that were refused last. */
  changed(): Promise<void> {
    const { turns, say } = this.#setup;
    return turns(async () => {
      const result = await this.#load("if_changed");
      if (!result.ok && result.error === UNCHANGED) return;
      say(this.sentenceOf(result));
    });
  }

  /** Says what became of a reload, of the policy and of the configuration. */
  sentenceOf(result: Result<Report, Refused>): string {
    const { inForce, live } = this.#setup;
    return result.ok ?
        `${reportSentence(result.value)}${changesOf(live.state)}`
      : `reload refused, generation ${inForce.generation} stays in force: ${result.error.message}`;
  }

  /** The file's policy, ready to be put in force by another party; see change.ts. */
  prepare(kept: Kept = IN_PROCESS): Promise<Result<Change, Refused>> {
    const { turns, clock, inForce, ending } = this.#setup;
    return keepTurn(turns, () => this.#prepareFile(), { clock, inForce, ending, ...kept });
  }

  /**
   * For a start at which `why` refused the file: puts the copy of the last good policy in force,
   * checked in full again. Without one, or where it is refused too, the answer is a refusal.
   */
  fallBack(why: Refused): Promise<Result<Report, Refused>> {
    return this.#setup.turns(() => this.#fallBack(why));
  }

  /** Why the last good policy is in force in place of the file or of what the source offers; null where it is not. */
  insteadOf(): string | null {
    return this.#instead;
  }

  /** The policy's source offers the very policy that is in force, so that nothing is in force in its place. */
  isOffered(): void {
    this.#instead = null;
  }

  /** Counts a reload that was refused before anything was loaded. */
  refuse(error: Refused): Result<never, Refused> {
    return this.#refused(error);
  }

  async #load(when: LoadWhen): Promise<Result<Report, Refused>> {
    const candidate = await this.#candidate(when);
    if (!candidate.ok) return candidate;
    const report = await this.#putInForce(candidate.value).finally(() => this.#setup.live.unstage());
    if (this.#setup.ending.aborted) return failed(STOPPING);
    if (!report.ok) return this.#refused(report.error);
    this.#inPlace();
    return report;
  }

  /** The policy's file under the configuration's, which is staged then. */
  async #candidate(when: LoadWhen): Promise<Result<Candidate, Refused>> {
    const { inForce, live } = this.#setup;
    // Before the first policy it was read just now, by the start or by the source's follower.
    const staged = inForce.generation === 0 ? ok(false) : live.stage();
    if (!staged.ok) return this.#refused({ cause: "config", message: staged.error });
    const loaded = await inForce.load(staged.value && when === "if_changed" ? "unless_aborted" : when);
    if (loaded.ok && loaded.value !== null) return ok(loaded.value);
    live.unstage();
    return loaded.ok ? failed(UNCHANGED) : this.#refused(refusedBy(loaded.error));
  }

  async #putInForce(candidate: Candidate): Promise<Result<Report, Refused>> {
    const change = await Transaction.prepare(this.#setup, candidate, "final");
    if (!change.ok) return change;
    const { beforeFirst, inForce } = this.#setup;
    const because = beforeFirst === null || inForce.generation > 0 ? null : await beforeFirst(change.value.engine);
    if (because === null) return change.value.commit();
    await change.value.abort();
    return failed({ cause: "takeover", message: `the gateway that runs can't be taken over, and continues: ${because}` });
  }

  async #prepareFile(): Promise<Result<Undoable, Refused>> {
    const candidate = await this.#candidate("always");
    if (!candidate.ok) return candidate;
    const change = await Transaction.prepare(this.#setup, candidate.value, "undoable");
    if (!change.ok) {
      this.#setup.live.unstage();
      return this.#refused(change.error);
    }
    /** Of the policy that a commit has replaced. */
    let replaced: { readonly instead: string | null } | null = null;
    return ok({
      outlook: change.value.outlook,
      commit: async () => {
        const report = await change.value.commit();
        if (!report.ok) return this.#refused(report.error);
        replaced = { instead: this.#instead };
        this.#inPlace();
        return report;
      },
      abort: async () => {
        await change.value.abort();
        if (replaced !== null) this.#instead = replaced.instead;
      },
    });
  }

  #inPlace(): void {
    this.#instead = null;
    this.#done();
  }

  #done(): void {
    const { counters, history, inForce } = this.#setup;
    counters.reloads++;
    history.done(inForce.generation);
  }

  #refused(error: Refused): Result<never, Refused> {
    const { counters, history, inForce } = this.#setup;
    if (error === STOPPING) return failed(error);
    counters.reloadsRefused++;
    history.refused(inForce.generation, error.message);
    return failed(error);
  }

  async #fallBack(why: Refused): Promise<Result<Report, Refused>> {
    const { keeper, ending } = this.#setup;
    // A busy port, a missing key is the same for the copy.
    if (ending.aborted || why.cause === "port" || why.cause === "sockets" || why.cause === "takeover" || why.cause === "keys" || keeper === null)
      return failed(why);
    const copy = keeper.lastGood();
    if (copy === null) return failed(why);
    const result = copy.ok ? await this.#putCopyInForce(copy.value) : failed<Refused>({ cause: "policy", message: copy.error });
    if (ending.aborted) return failed(STOPPING);
    if (!result.ok) return failed({ cause: result.error.cause, message: `${why.message}; and ${result.error.message}` });
    this.#instead = why.message;
    this.#done();
    return result;
  }

  async #putCopyInForce(bytes: Uint8Array): Promise<Result<Report, Refused>> {
    const candidate = await this.#setup.inForce.loadCopy(bytes, "the last good policy");
    return candidate.ok ? this.#putInForce(candidate.value) : failed(refusedBy(candidate.error));
  }
}
