// Follows `policy.source`: pulls what it offers, puts it beside the state of the last good policy, and has it loaded like any policy file.
// A module of a source is only a file: signature and revision decide at the load whether it may be in force.
//
//   pull      bytes with their digests checked, or unchanged         pulls.ts; a failure: later, with growing distances
//   keep      pulled.wasm in the state directory, by rename          pulled_file.ts; a kill before it changes nothing
//   load      a reload, with everything that it checks               refused: the last good policy is put back in its place
import { nextPullMs } from "../../runtime/distribution/schedule.ts";
import type { Trouble } from "../../runtime/distribution/trouble.ts";
import { failed, type Result } from "../../runtime/result/result.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import { isThere } from "../../runtime/shell/revision.ts";
import type { Cancel } from "../clock.ts";
import type { Keeper } from "../reload/keeper.ts";
import type { Reloader } from "../reload/reload.ts";
import { STOPPING, type Refused, type Report } from "../reload/report.ts";
import { createTurns, type Turns } from "../reload/turns.ts";
import { LastOffer } from "./last_offer.ts";
import { PullRecord, type SourceState } from "./pull_record.ts";
import { PulledFile } from "./pulled_file.ts";
import { Pulls, type Pulled, type PullsSetup } from "./pulls.ts";
import { settingsOf } from "./settings.ts";

export interface SourceSetup extends PullsSetup {
  readonly keeper: Keeper;
  readonly disk: Disk;
  /** From 0 to 1, for the jitter. */
  readonly random: () => number;
  readonly inForce: Pick<PolicyInForce, "generation" | "sha256">;
  readonly reloader: Reloader;
  /** Of the gateway. */
  readonly turns: Turns;
  readonly say: (sentence: string) => void;
}

export class SourceFollower {
  readonly #setup: SourceSetup;
  readonly #file: PulledFile;
  /** One pull at a time. */
  readonly #inTurn: Turns = createTurns();
  readonly #record: PullRecord;
  readonly #pulls: Pulls;
  /** The refusal that was said last, since a policy was put in force. */
  #said: string | null = null;
  #nextMs: number | null = null;
  #cancel: Cancel = () => undefined;
  /** Called at the first policy, where the start had none. */
  #ready: (() => void) | null = null;
  #renew: () => Promise<unknown> = () => Promise.resolve();
  #follows = false;
  /** A pull of the schedule is under way; a reload does not wait for it. */
  #isPolling = false;
  /** Reloads that have not ended; the schedule pulls nothing before them. */
  #reloads = 0;
  /** A pull is due as soon as what is under way has ended. */
  #isDue = false;

  constructor(setup: SourceSetup) {
    this.#setup = setup;
    this.#file = new PulledFile(setup.keeper.directory, setup.disk, setup.ending);
    const lastOffer = new LastOffer(setup.keeper.directory, setup.disk, setup.ending);
    this.#record = new PullRecord({ clock: setup.clock, live: setup.live, inForce: setup.inForce, lastOffer });
    this.#pulls = new Pulls(setup, this.#file, this.#record);
    setup.live.onChange((before, after) => {
      if (!this.#follows) return;
      if (settingsOf(before) !== settingsOf(after)) {
        this.#pulls.stop();
        this.#pullNow();
      } else if (before.source.poll_ms !== after.source.poll_ms) this.#pullLater();
    });
  }

  get state(): SourceState {
    const { clock, live } = this.#setup;
    return {
      source: live.config.policy.source ?? "",
      last: this.#record.last,
      ageMs: this.#record.ageMs,
      failures: this.#pulls.failures,
      nextInMs: this.#nextMs === null ? null : Math.max(0, this.#nextMs - clock.monoMs()),
      pulls: this.#record.counts,
    };
  }

  /** The first load of a start: what the source offers, or what it offered to the last run. Says why it could not be pulled. */
  begin(): Promise<Result<Report, Refused>> {
    const { say } = this.#setup;
    return this.#inTurn(async () => {
      await this.#file.removeAbandoned().catch((error: unknown) => say(`the state directory could not be tidied: ${String(error)}`));
      this.#isDue = false;
      const pulled = await this.#pulls.first();
      if (!pulled.ok) {
        const message = sentenceOf(pulled.error);
        if (!isThere(this.#file.path)) return failed({ cause: "policy", message });
        say(`${message}: the policy that was pulled last is loaded`);
      }
      return this.#load(pulled.ok ? this.#pulls.offered : null);
    });
  }

  /**
   * Pulls from now on. `ready` is called once a policy is in force, where there is none yet. `renew` reads certificates, authorities and
   * CRLs anew: a reload renews them also where nothing can be pulled.
   */
  follow(ready: (() => void) | null, renew: () => Promise<unknown>): void {
    this.#follows = true;
    this.#ready = ready;
    this.#renew = renew;
    this.#pullLater();
  }

  /** The configuration's file may have changed. Without a policy in force it is put in force by itself, and the source is pulled. */
  async configChanged(): Promise<void> {
    const { reloader, inForce, turns, live } = this.#setup;
    if (inForce.generation > 0) return reloader.configChanged();
    await turns(async () => live.adopt());
    this.soon();
  }

  /** Pulls at once, also what was refused before. */
  soon(): void {
    this.#pulls.forget();
    this.#pullNow();
  }

  /**
   * Pulls at once and loads what is offered, changed or not. The configuration is read first, because it says what is pulled. A pull of the
   * schedule that is under way ends.
   */
  async reload(): Promise<Result<Report, Refused>> {
    this.#reloads++;
    try {
      await this.configChanged();
      if (this.#isPolling) this.#pulls.stop();
      return await this.#inTurn(() => this.#reload());
    } finally {
      this.#reloads--;
    }
  }

  stop(): void {
    this.#follows = false;
    this.#cancel();
    this.#nextMs = null;
  }

  async #reload(): Promise<Result<Report, Refused>> {
    const { reloader, ending, say } = this.#setup;
    this.#cancel();
    this.#nextMs = null;
    try {
      this.#pulls.forget();
      let pulled = await this.#pull();
      // Another reload has changed the settings meanwhile.
      while (!pulled.ok && pulled.error.code === "ending" && !ending.aborted) pulled = await this.#pull();
      if (pulled.ok) return await this.#load(this.#pulls.offered);
      if (ending.aborted) return failed(STOPPING);
      await this.#renew().catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
      return reloader.refuse({ cause: "source", message: sentenceOf(pulled.error) });
    } finally {
      this.#pullLater();
    }
  }

  #pullNow(): void {
    this.#isDue = true;
    this.#pullIn(0);
  }

  #pullLater(): void {
    const { live, random } = this.#setup;
    if (this.#isDue) return this.#pullIn(0);
    const { failures, retryAfterMs } = this.#pulls;
    this.#pullIn(nextPullMs({ pollMs: live.config.source.poll_ms, failures, retryAfterMs, random: random() }));
  }

  #pullIn(ms: number): void {
    const { clock, say, ending } = this.#setup;
    this.#cancel();
    if (!this.#follows || ending.aborted) return;
    this.#nextMs = clock.monoMs() + ms;
    this.#cancel = clock.after(ms, () => {
      this.#nextMs = null;
      void this.#inTurn(() => this.#poll()).catch((error: unknown) => say(`the source could not be pulled: ${String(error)}`));
    });
  }

  async #poll(): Promise<void> {
    const { say, ending } = this.#setup;
    if (!this.#follows || ending.aborted) return;
    if (this.#reloads > 0) {
      this.#isDue = false;
      return this.#pullLater();
    }
    const before = this.#record.last?.result;
    try {
      this.#pulls.forgetLongAgo();
      this.#isPolling = true;
      const pulled = await this.#pull().finally(() => (this.#isPolling = false));
      if (!pulled.ok) {
        // Once for each time that it begins to fail.
        if (before !== "failed" && pulled.error.code !== "ending") say(`${sentenceOf(pulled.error)}; the policy in force stays`);
      } else if (pulled.value === "new") this.#sayOnce(await this.#load(this.#pulls.offered));
    } finally {
      this.#pullLater();
    }
  }

  /** The same refusal once. */
  #sayOnce(result: Result<Report, Refused>): void {
    const { reloader, say } = this.#setup;
    const sentence = reloader.sentenceOf(result);
    if (result.ok || sentence !== this.#said) say(sentence);
    this.#said = result.ok ? null : sentence;
  }

  async #pull(): Promise<Pulled> {
    const { reloader, inForce } = this.#setup;
    this.#isDue = false;
    const pulled = await this.#pulls.next();
    if (pulled.ok && this.#pulls.offered !== null && this.#pulls.offered === inForce.sha256) reloader.isOffered();
    return pulled;
  }

  /** `offered`: the hash of what the source offers; null where what was pulled before is loaded. */
  async #load(offered: string | null): Promise<Result<Report, Refused>> {
    const { reloader, inForce, ending, say } = this.#setup;
    if (ending.aborted) return failed(STOPPING);
    let result: Result<Report, Refused>;
    try {
      result = await reloader.reload();
    } catch (error) {
      this.#pulls.forget();
      throw error;
    }
    if (!result.ok) {
      await this.#notLoaded(offered, result.error);
      return result;
    }
    this.#pulls.loaded();
    if (offered !== null && offered !== inForce.sha256) {
      this.#pulls.forget();
      const because = "another policy was loaded than the one that was pulled, because another gateway has put it in the state directory";
      say(because);
      this.#record.note("failed", because);
    } else if (offered !== null) await this.#record.confirmed("new");
    this.#ready?.();
    this.#ready = null;
    return result;
  }

  async #notLoaded(offered: string | null, { cause, message }: Refused): Promise<void> {
    const { say, ending, live } = this.#setup;
    // INVARIANT: the file is the successor's then.
    if (ending.aborted) return;
    if (offered !== null) this.#record.note("refused", message);
    // A fault of this host, and not of the policy, may be gone the next time.
    if (cause !== "policy") this.#pulls.forget();
    else if (offered !== null) this.#pulls.refuse(offered, message);
    try {
      const why = await this.#file.putBack(live.config.policy.max_bytes);
      if (why !== null) say(`the refused policy is removed from the state directory, and the last good one does not take its place: ${why}`);
    } catch (error) {
      say(`the last good policy could not be put in the place of the refused one: ${String(error)}`);
    }
  }
}

function sentenceOf({ code, message }: Trouble): string {
  return `the source can't be pulled (${code}): ${message}`;
}
