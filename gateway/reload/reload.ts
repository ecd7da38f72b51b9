// Reload: from the policy's path to a policy in force, after any of its causes (start, SIGHUP, a changed
// file, the control socket). Whatever fails keeps the last good policy and says one sentence.
import { createHash } from "node:crypto";
import { isFileRefusal, readTrustedFileInTurns } from "../../runtime/host/trusted_file.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { InForce } from "../admit/admit.ts";
import type { GatewayClock } from "../clock.ts";
import type { Counters } from "../audit/counters.ts";
import type { Turns } from "./turns.ts";
import { checkCandidate, type CandidateSetup, type PolicyBytes } from "./candidate.ts";
import { keepTurn, KEPT_MS, type Change, type Undoable } from "./change.ts";
import { reportSentence, STOPPING, type Refused, type Report } from "./report.ts";
import { Transaction, type TransactionSetup } from "./transaction.ts";

export interface ReloadSetup extends CandidateSetup, TransactionSetup {
  readonly path: string;
  readonly maxBytes: number;
  readonly inForce: InForce;
  readonly counters: Counters;
  readonly turns: Turns;
  readonly clock: GatewayClock;
}

/** How long a prepared change is kept, and who hears that it was aborted. */
export interface Kept {
  readonly afterMs: number;
  readonly aborted: (because: string) => void;
}

/** The file is the one in force, or the one that was refused last. */
const UNCHANGED: Refused = { cause: "policy", message: "nothing was loaded" };
const IN_PROCESS: Kept = { afterMs: KEPT_MS, aborted: () => undefined };

export class Reloader {
  readonly #setup: ReloadSetup;
  /** Hash of the file's bytes in force, and of those that were refused last. */
  #good = "";
  #bad = "";
  #instead: string | null = null;

  constructor(setup: ReloadSetup) {
    this.#setup = setup;
  }

  /** Reads the file and puts it in force; the answer comes when only the new policy decides. */
  reload(): Promise<Result<Report, Refused>> {
    return this.#setup.turns(() => this.#load());
  }

  /** As `reload`, but silent and without effect when the file's bytes are those in force. */
  changed(): Promise<void> {
    const { turns, say, inForce } = this.#setup;
    return turns(async () => {
      const result = await this.#load((sha256) => sha256 === this.#bad || (sha256 === this.#good && inForce.engine?.poisoned === false));
      if (!result.ok && result.error === UNCHANGED) return;
      say(result.ok ? reportSentence(result.value) : `reload refused, generation ${inForce.generation} stays in force: ${result.error.message}`);
    });
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

  /** Why the last good policy is in force in place of the file; null where it is not. */
  insteadOf(): string | null {
    return this.#instead;
  }

  async #load(skips: (sha256: string) => boolean = () => false): Promise<Result<Report, Refused>> {
    const { ending } = this.#setup;
    const file = await this.#readFile(skips);
    if (!file.ok) return file;
    const { sha256 } = file.value;
    if (sha256 === this.#good) this.#bad = "";
    if (skips(sha256)) return failed(UNCHANGED);
    const report = await this.#putInForce(file.value);
    if (ending.aborted) return failed(STOPPING);
    if (!report.ok) return this.#refused(report.error, sha256);
    this.#inPlace(sha256);
    return report;
  }

  async #readFile(skips: (fault: string) => boolean): Promise<Result<PolicyBytes, Refused>> {
    const { path, maxBytes, ending } = this.#setup;
    if (ending.aborted) return failed(STOPPING);
    const file = await readTrustedFileInTurns(path, maxBytes, "policy");
    if (ending.aborted) return failed(STOPPING);
    if (!isFileRefusal(file)) return ok({ ...file, name: `policy \`${path}\`` });
    return skips(file.refused) ? failed(UNCHANGED) : this.#refused({ cause: "policy", message: file.refused }, file.refused);
  }

  async #prepareBytes(given: PolicyBytes, finish: "undoable" | "final"): Promise<Result<Transaction, Refused>> {
    const candidate = await checkCandidate(given, this.#setup);
    if (this.#setup.ending.aborted) return failed(STOPPING);
    return candidate.ok ? Transaction.prepare(this.#setup, candidate.value, finish) : candidate;
  }

  async #putInForce(given: PolicyBytes): Promise<Result<Report, Refused>> {
    const change = await this.#prepareBytes(given, "final");
    return change.ok ? change.value.commit() : change;
  }

  async #prepareFile(): Promise<Result<Undoable, Refused>> {
    const file = await this.#readFile(() => false);
    if (!file.ok) return file;
    const { sha256 } = file.value;
    const before = { good: this.#good, instead: this.#instead };
    const change = await this.#prepareBytes(file.value, "undoable");
    if (!change.ok) return this.#refused(change.error, sha256);
    return ok({
      outlook: change.value.outlook,
      commit: async () => {
        const report = await change.value.commit();
        if (!report.ok) return this.#refused(report.error, sha256);
        this.#inPlace(sha256);
        return report;
      },
      abort: async () => {
        await change.value.abort();
        // The file that is in place was aborted: the watcher must not put it in force by itself.
        this.#good = before.good;
        this.#instead = before.instead;
        if (sha256 !== before.good) this.#bad = sha256;
      },
    });
  }

  #inPlace(sha256: string): void {
    this.#good = sha256;
    this.#bad = "";
    this.#instead = null;
    this.#setup.counters.reloads++;
  }

  #refused(error: Refused, sha256: string): Result<never, Refused> {
    // A port may be free the next time, a key or a disk repaired; the same bytes are not better then.
    this.#bad = error.cause === "policy" ? sha256 : "";
    this.#setup.counters.reloadsRefused++;
    return failed(error);
  }

  async #fallBack(why: Refused): Promise<Result<Report, Refused>> {
    const { keeper, ending, counters } = this.#setup;
    // A busy port, a missing key is the same for the copy.
    const bytes = ending.aborted || why.cause === "port" || why.cause === "keys" ? null : keeper?.lastGood() ?? null;
    if (bytes === null) return failed(why);
    const result = isFileRefusal(bytes) ? failed<Refused>({ cause: "policy", message: bytes.refused })
      : await this.#putInForce({ bytes, sha256: createHash("sha256").update(bytes).digest("hex"), name: "the last good policy" });
    if (ending.aborted) return failed(STOPPING);
    if (!result.ok) return failed({ cause: result.error.cause, message: `${why.message}; and ${result.error.message}` });
    this.#instead = why.message;
    counters.reloads++;
    return result;
  }
}
