// Follows `policy.source`: pulls what it offers, puts it beside the state of the last good policy, and has it loaded like any policy file.
// A module of a source is only a file: signature and revision decide at the load whether it may be in force.
//
//   pull      bytes with their digests checked, or unchanged         a failure: later, with growing distances
//   keep      pulled.wasm in the state directory, by rename          a kill before it changes nothing
//   load      a reload, with everything that it checks               refused: the last good policy is put back in its place
import { statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../runtime/distribution/proxy.ts";
import { BACK_OFF_MOST_MS, nextPullMs } from "../../runtime/distribution/schedule.ts";
import { PolicySource, type Offer } from "../../runtime/distribution/source.ts";
import { troubled, type Trouble } from "../../runtime/distribution/trouble.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import { isThere } from "../../runtime/shell/revision.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { LiveConfig } from "../config/live.ts";
import { COPY_NAME, type Keeper } from "../reload/keeper.ts";
import type { Reloader } from "../reload/reload.ts";
import { STOPPING, type Refused, type Report } from "../reload/report.ts";
import { createTurns, type Turns } from "../reload/turns.ts";
import { PulledFile } from "./pulled_file.ts";
import { readSettings, settingsOf } from "./settings.ts";

/** How long a start pulls before it takes the last good policy, in milliseconds. */
export const FIRST_PULL_MS = 5_000;
export interface SourceSetup {
  readonly live: LiveConfig;
  readonly keeper: Keeper;
  readonly disk: Disk;
  readonly clock: GatewayClock;
  readonly env: Environment;
  /** From 0 to 1, for the jitter. */
  readonly random: () => number;
  readonly inForce: Pick<PolicyInForce, "generation" | "sha256">;
  readonly reloader: Reloader;
  /** Of the gateway. */
  readonly turns: Turns;
  readonly say: (sentence: string) => void;
  /** Aborted: nothing more is pulled. */
  readonly ending: AbortSignal;
}

/** `failed`: nothing came; `refused`: what came may not be in force. */
export const PULL_RESULTS = ["new", "unchanged", "failed", "refused"] as const;
export type PullResult = (typeof PULL_RESULTS)[number];

/** The facts about the source in status, readiness and metrics. */
export interface SourceState {
  readonly source: string;
  /** Of the last pull; null before the first. */
  readonly last: { readonly result: PullResult; readonly atMs: number; readonly because: string | null } | null;
  /** Milliseconds since the source last offered what is in force; null where it never did. */
  readonly ageMs: number | null;
  /** Pulls in a row that failed. */
  readonly failures: number;
  /** Milliseconds; null while it is pulled. */
  readonly nextInMs: number | null;
  readonly pulls: ReadonlyMap<PullResult, number>;
}

/** An offer that may not be in force. */
interface RefusedOffer {
  readonly sha256: string;
  readonly because: string;
  /** By the monotonic clock. */
  readonly atMs: number;
}

export class SourceFollower {
  readonly #setup: SourceSetup;
  readonly #file: PulledFile;
  /** One pull at a time. */
  readonly #inTurn: Turns = createTurns();
  readonly #pulls = new Map<PullResult, number>();
  /** The source, and the settings that it was made of. */
  #source: { readonly of: string; readonly pulls: PolicySource; readonly stop: AbortController } | null = null;
  /** SHA-256 of what was offered last; null before the first offer. */
  #offered: string | null = null;
  #confirmedMs: number | null;
  #refused: RefusedOffer | null = null;
  /** The refusal that was said last, since a policy was put in force. */
  #said: string | null = null;
  #last: SourceState["last"] = null;
  #failures = 0;
  #retryAfterMs: number | null = null;
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
    this.#confirmedMs = modifiedMs(join(setup.keeper.directory, COPY_NAME));
    setup.live.onChange((before, after) => {
      if (!this.#follows) return;
      if (settingsOf(before) !== settingsOf(after)) {
        this.#stopPull();
        this.#pullNow();
      } else if (before.source.poll_ms !== after.source.poll_ms) this.#pullLater();
    });
  }

  get state(): SourceState {
    const { clock, live } = this.#setup;
    return {
      source: live.config.policy.source ?? "",
      last: this.#last,
      ageMs: this.#confirmedMs === null ? null : Math.max(0, clock.wallMs() - this.#confirmedMs),
      failures: this.#failures,
      nextInMs: this.#nextMs === null ? null : Math.max(0, this.#nextMs - clock.monoMs()),
      pulls: this.#pulls,
    };
  }

  /** The first load of a start: what the source offers, or what it offered to the last run. Says why it could not be pulled. */
  begin(): Promise<Result<Report, Refused>> {
    const { say } = this.#setup;
    return this.#inTurn(async () => {
      await this.#file.removeAbandoned().catch((error: unknown) => say(`the state directory could not be tidied: ${String(error)}`));
      const pulled = await this.#pullFirst();
      if (!pulled.ok) {
        const message = sentenceOf(pulled.error);
        if (!isThere(this.#file.path)) return failed({ cause: "policy", message });
        say(`${message}: the policy that was pulled last is loaded`);
      }
      return this.#load(pulled.ok ? this.#offered : null);
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
    this.#forget();
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
      if (this.#isPolling) this.#stopPull();
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
      this.#forget();
      let pulled = await this.#pull();
      // Another reload has changed the settings meanwhile.
      while (!pulled.ok && pulled.error.code === "ending" && !ending.aborted) pulled = await this.#pull();
      if (pulled.ok) return await this.#load(this.#offered);
      if (ending.aborted) return failed(STOPPING);
      await this.#renew().catch((error: unknown) => say(`the certificates could not be renewed: ${String(error)}`));
      return reloader.refuse({ cause: "source", message: sentenceOf(pulled.error) });
    } finally {
      this.#pullLater();
    }
  }

  /** The next offer is downloaded whole, and loaded whatever became of it before. */
  #forget(): void {
    this.#source?.pulls.forget();
    this.#refused = null;
  }

  /** A pull under way ends with the code `ending`; the next one begins with a source that knows nothing of it. */
  #stopPull(): void {
    this.#source?.stop.abort();
    this.#source = null;
  }

  #pullNow(): void {
    this.#isDue = true;
    this.#pullIn(0);
  }

  #pullLater(): void {
    const { live, random } = this.#setup;
    if (this.#isDue) return this.#pullIn(0);
    this.#pullIn(nextPullMs({ pollMs: live.config.source.poll_ms, failures: this.#failures, retryAfterMs: this.#retryAfterMs, random: random() }));
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
    const { say, ending, clock } = this.#setup;
    if (!this.#follows || ending.aborted) return;
    if (this.#reloads > 0) {
      this.#isDue = false;
      return this.#pullLater();
    }
    const before = this.#last?.result;
    try {
      // A fault of this host may have been the reason.
      if (this.#refused !== null && clock.monoMs() - this.#refused.atMs >= BACK_OFF_MOST_MS) this.#forget();
      this.#isPolling = true;
      const pulled = await this.#pull().finally(() => (this.#isPolling = false));
      if (!pulled.ok) {
        // Once for each time that it begins to fail.
        if (before !== "failed" && pulled.error.code !== "ending") say(`${sentenceOf(pulled.error)}; the policy in force stays`);
      } else if (pulled.value === "new") this.#tell(await this.#load(this.#offered));
    } finally {
      this.#pullLater();
    }
  }

  /** The same refusal once. */
  #tell(result: Result<Report, Refused>): void {
    const { reloader, say } = this.#setup;
    const sentence = reloader.sentenceOf(result);
    if (result.ok || sentence !== this.#said) say(sentence);
    this.#said = result.ok ? null : sentence;
  }

  async #pullFirst(): Promise<Result<"new" | "unchanged", Trouble>> {
    const { clock } = this.#setup;
    let late: () => void = () => undefined;
    const lateness = new Promise<Result<never, Trouble>>((resolve) => {
      late = () => resolve(troubled("slow", `nothing has come for ${FIRST_PULL_MS / 1000} s`));
    });
    const cancel = clock.after(FIRST_PULL_MS, () => late());
    const first = await Promise.race([this.#pull(), lateness]).finally(cancel);
    if (first.ok || first.error.code !== "slow") return first;
    this.#stopPull();
    this.#failures++;
    this.#note("failed", first.error.message);
    return first;
  }

  /** `new`: the file in the state directory is another one now. */
  async #pull(): Promise<Result<"new" | "unchanged", Trouble>> {
    this.#isDue = false;
    const source = this.#sourceNow();
    const offered = source.ok ? await this.#offerOf(source.value) : source;
    const kept = offered.ok ? await this.#keep(offered.value) : offered;
    if (kept.ok) {
      this.#failures = 0;
      this.#retryAfterMs = null;
      return kept;
    }
    if (kept.error.code === "ending") return kept;
    if (source.ok) source.value.forget();
    this.#failures++;
    this.#retryAfterMs = kept.error.retryAfterMs;
    this.#note("failed", kept.error.message);
    return kept;
  }

  /** The last offer, where it is neither in force nor refused, was never loaded, so it has to come whole. */
  async #offerOf(source: PolicySource): Promise<Result<Offer, Trouble>> {
    const offer = await source.pull();
    if (!offer.ok || offer.value.kind === "new" || this.#offered === this.#setup.inForce.sha256 || this.#offered === this.#refused?.sha256) return offer;
    source.forget();
    return source.pull();
  }

  async #keep(offer: Offer): Promise<Result<"new" | "unchanged", Trouble>> {
    const { inForce, live } = this.#setup;
    if (offer.kind === "new") this.#offered = offer.sha256;
    // A refused module stays refused, however often it is offered.
    if (this.#refused !== null && this.#refused.sha256 === this.#offered) {
      this.#note("refused", this.#refused.because);
      return ok("unchanged");
    }
    const isInForce = this.#offered === inForce.sha256;
    try {
      // Another gateway may have put another policy there.
      const isDue = offer.kind === "new" && !(isInForce && (await this.#file.has(offer.sha256, live.config.policy.max_bytes)));
      if (isDue && !(await this.#file.put(offer.bytes))) return troubled("ending", "the program is ending");
    } catch (error) {
      return troubled("settings", `what was pulled can't be written to the state directory (${error instanceof Error ? error.message : String(error)})`);
    }
    if (!isInForce) return ok("new");
    this.#refused = null;
    this.#confirmed("unchanged");
    return ok("unchanged");
  }

  /** `offered`: the hash of what the source offers; null where what was pulled before is loaded. */
  async #load(offered: string | null): Promise<Result<Report, Refused>> {
    const { reloader, inForce, ending, say } = this.#setup;
    if (ending.aborted) return failed(STOPPING);
    let result: Result<Report, Refused>;
    try {
      result = await reloader.reload();
    } catch (error) {
      this.#forget();
      throw error;
    }
    if (!result.ok) {
      await this.#notLoaded(offered, result.error);
      return result;
    }
    this.#refused = null;
    if (offered !== null && offered !== inForce.sha256) {
      this.#forget();
      const because = "another policy was loaded than the one that was pulled, because another gateway has put it in the state directory";
      say(because);
      this.#note("failed", because);
    } else if (offered !== null) this.#confirmed("new");
    this.#ready?.();
    this.#ready = null;
    return result;
  }

  async #notLoaded(offered: string | null, { cause, message }: Refused): Promise<void> {
    const { clock, say, ending, live } = this.#setup;
    // INVARIANT: the file is the successor's then.
    if (ending.aborted) return;
    if (offered !== null) this.#note("refused", message);
    // A fault of this host, and not of the policy, may be gone the next time.
    if (cause !== "policy") this.#forget();
    else if (offered !== null) this.#refused = { sha256: offered, because: message, atMs: clock.monoMs() };
    try {
      const why = await this.#file.putBack(live.config.policy.max_bytes);
      if (why !== null) say(`the refused policy is removed from the state directory, and the last good one does not take its place: ${why}`);
    } catch (error) {
      say(`the last good policy could not be put in the place of the refused one: ${String(error)}`);
    }
  }

  #confirmed(result: PullResult): void {
    const { clock, keeper } = this.#setup;
    this.#confirmedMs = clock.wallMs();
    this.#note(result, null);
    try {
      utimesSync(join(keeper.directory, COPY_NAME), this.#confirmedMs / 1000, this.#confirmedMs / 1000);
    } catch {
      // The age begins at the last write of the copy then, after the next start.
      return;
    }
  }

  #note(result: PullResult, because: string | null): void {
    this.#last = { result, atMs: this.#setup.clock.wallMs(), because };
    this.#pulls.set(result, (this.#pulls.get(result) ?? 0) + 1);
  }

  /** Of the settings in force. */
  #sourceNow(): Result<PolicySource, Trouble> {
    const { live, clock, env, ending } = this.#setup;
    const { config } = live;
    const settings = readSettings(config);
    if (!settings.ok) return troubled("settings", settings.error);
    const { id, location, ca } = settings.value;
    if (this.#source?.of !== id) {
      const stop = new AbortController();
      const http = { clock, wallMs: () => clock.wallMs(), env, ca, ending: AbortSignal.any([ending, stop.signal]) };
      const pulls = new PolicySource({ http, location, tokenFile: config.source.token_file ?? null, maxBytes: config.policy.max_bytes });
      this.#source = { of: id, pulls, stop };
    }
    return ok(this.#source.pulls);
  }
}

function sentenceOf({ code, message }: Trouble): string {
  return `the source can't be pulled (${code}): ${message}`;
}

function modifiedMs(path: string): number | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : stats.mtimeMs;
}
