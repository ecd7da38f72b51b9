// Follows `policy.source`: pulls what it offers, puts it beside the state of the last good policy, and has it loaded like any policy file.
// A module of a source is only a file: signature and revision decide at the load whether it may be in force.
//
//   pull      bytes with their digests checked, or unchanged         a failure: later, with growing distances
//   keep      pulled.wasm in the state directory, by rename          a kill before it changes nothing
//   load      a reload, with everything that it checks               refused: the last good policy is put back in its place
import { createHash } from "node:crypto";
import { statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import type { Environment } from "../../runtime/distribution/proxy.ts";
import { parseLocation } from "../../runtime/distribution/location.ts";
import { nextPullMs } from "../../runtime/distribution/schedule.ts";
import { PolicySource, type Offer } from "../../runtime/distribution/source.ts";
import { trouble, troubled, type Trouble } from "../../runtime/distribution/trouble.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Disk } from "../../runtime/shell/disk.ts";
import { isThere } from "../../runtime/shell/revision.ts";
import type { Cancel, GatewayClock } from "../clock.ts";
import type { LiveConfig } from "../config/live.ts";
import type { Config } from "../config/read.ts";
import { COPY_NAME, type Keeper } from "../reload/keeper.ts";
import type { Reloader } from "../reload/reload.ts";
import type { Refused, Report } from "../reload/report.ts";
import { createTurns, type Turns } from "../reload/turns.ts";

const PULLED_NAME = "pulled.wasm";
/** How long a start pulls before it takes the last good policy, in milliseconds. */
export const FIRST_PULL_MS = 5_000;
const MOST_CA_BYTES = 1024 * 1024;

/** Where a source is pulled to. */
export function pulledPath(stateDirectory: string): string {
  return join(stateDirectory, PULLED_NAME);
}

export interface SourceSetup {
  readonly live: LiveConfig;
  readonly keeper: Keeper;
  readonly disk: Disk;
  readonly clock: GatewayClock;
  readonly env: Environment;
  /** From 0 to 1, for the jitter. */
  readonly random: () => number;
  readonly inForce: { readonly generation: number };
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

export class SourceFollower {
  readonly #setup: SourceSetup;
  readonly #path: string;
  /** One pull at a time. */
  readonly #inTurn: Turns = createTurns();
  readonly #pulls = new Map<PullResult, number>();
  /** The source, and the settings that it was made of. */
  #source: { readonly of: string; readonly pulls: PolicySource; readonly stop: AbortController } | null = null;
  /** SHA-256 of the bytes in force; null where that is not known. */
  #inForce: string | null = null;
  #confirmedMs: number | null;
  /** Why what was offered last may not be in force; null where it may. */
  #refused: string | null = null;
  #last: SourceState["last"] = null;
  #failures = 0;
  #retryAfterMs: number | null = null;
  #nextMs: number | null = null;
  #cancel: Cancel = () => undefined;
  /** Called at the first policy, where the start had none. */
  #ready: (() => void) | null = null;
  #follows = false;

  constructor(setup: SourceSetup) {
    this.#setup = setup;
    this.#path = pulledPath(setup.keeper.directory);
    this.#confirmedMs = modifiedMs(join(setup.keeper.directory, COPY_NAME));
    setup.live.onChange((before, after) => {
      if (this.#follows && settingsOf(before) !== settingsOf(after)) this.#pullIn(0);
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
    return this.#inTurn(async () => {
      const pulled = await this.#pullFirst();
      if (!pulled.ok) {
        const message = sentenceOf(pulled.error);
        if (!isThere(this.#path)) return failed({ cause: "policy", message });
        this.#setup.say(`${message}: the policy that was pulled last is loaded`);
      }
      return this.#load(pulled.ok);
    });
  }

  /** Pulls from now on. `ready` is called once a policy is in force, where there is none yet. */
  follow(ready: (() => void) | null): void {
    this.#follows = true;
    this.#ready = ready;
    this.#inForce ??= this.#hashInForce();
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
    this.#source?.pulls.forget();
    this.#pullIn(0);
  }

  /** Pulls at once and loads what is offered, changed or not. The configuration is read first, because it says what is pulled. */
  reload(): Promise<Result<Report, Refused>> {
    return this.#inTurn(async () => {
      await this.configChanged();
      this.#cancel();
      this.#source?.pulls.forget();
      const pulled = await this.#pull();
      const result = pulled.ok ? await this.#load(true) : this.#setup.reloader.refuse({ cause: "source", message: sentenceOf(pulled.error) });
      this.#pullLater();
      return result;
    });
  }

  stop(): void {
    this.#follows = false;
    this.#cancel();
    this.#nextMs = null;
  }

  #pullLater(): void {
    const { live, random } = this.#setup;
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
    const { reloader, say, ending } = this.#setup;
    if (!this.#follows || ending.aborted) return;
    const before = this.#last?.result;
    try {
      const pulled = await this.#pull();
      if (!pulled.ok) {
        // Once for each time that it begins to fail.
        if (before !== "failed" && pulled.error.code !== "ending") say(`${sentenceOf(pulled.error)}; the policy in force stays`);
      } else if (pulled.value === "new") say(reloader.sentenceOf(await this.#load(true)));
    } finally {
      this.#pullLater();
    }
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
    // The transfer ends here, and the next pull begins with a source that knows nothing of it.
    this.#source?.stop.abort();
    this.#source = null;
    this.#failures++;
    this.#note("failed", first.error.message);
    return first;
  }

  /** `new`: the file in the state directory is another one now. */
  async #pull(): Promise<Result<"new" | "unchanged", Trouble>> {
    const source = this.#sourceNow();
    const offered = source.ok ? await source.value.pull() : source;
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

  async #keep(offer: Offer): Promise<Result<"new" | "unchanged", Trouble>> {
    const { disk } = this.#setup;
    if (offer.kind === "new" && offer.sha256 !== this.#inForce) {
      try {
        await this.#put(offer.bytes, disk);
      } catch (error) {
        return troubled("settings", `what was pulled can't be written to the state directory (${error instanceof Error ? error.message : String(error)})`);
      }
      return ok("new");
    }
    if (offer.kind === "new") this.#refused = null;
    // A refused module stays refused, however often it is offered.
    if (this.#refused !== null) this.#note("refused", this.#refused);
    else this.#confirmed("unchanged");
    return ok("unchanged");
  }

  /** `isOffered`: the source offers what is loaded. */
  async #load(isOffered: boolean): Promise<Result<Report, Refused>> {
    const { reloader, keeper, disk, say } = this.#setup;
    const result = await reloader.reload();
    if (result.ok) {
      this.#inForce = this.#hashInForce();
      this.#refused = null;
      if (isOffered) this.#confirmed("new");
      this.#ready?.();
      this.#ready = null;
      return result;
    }
    const { cause, message } = result.error;
    if (isOffered) this.#note("refused", message);
    this.#refused = cause === "policy" ? message : null;
    // A fault of this host, and not of the policy, may be gone the next time.
    if (cause !== "policy") this.#source?.pulls.forget();
    const good = keeper.lastGood();
    try {
      if (good === null) await disk.remove(this.#path);
      else if (good.ok) await this.#put(good.value, disk);
    } catch (error) {
      say(`the last good policy could not be put in the place of the refused one: ${String(error)}`);
    }
    return result;
  }

  async #put(bytes: Uint8Array, disk: Disk): Promise<void> {
    // Two gateways share the directory during a takeover.
    const coming = `${this.#path}.${process.pid}.new`;
    await disk.write(coming, bytes);
    await disk.replace(coming, this.#path);
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

  /** The copy that is kept at each commit. */
  #hashInForce(): string | null {
    const good = this.#setup.keeper.lastGood();
    return good?.ok === true ? createHash("sha256").update(good.value).digest("hex") : null;
  }

  /** Of the settings in force. The authorities are read each time, because their file may be renewed. */
  #sourceNow(): Result<PolicySource, Trouble> {
    const { live, clock, env, ending } = this.#setup;
    const { config } = live;
    const location = parseLocation(config.policy.source ?? "");
    if (!location.ok) return troubled("settings", `policy.source ${location.error}`);
    const ca = readAuthorities(config);
    if (!ca.ok) return failed(trouble("settings", ca.error));
    const of = `${settingsOf(config)}\n${ca.value ?? ""}`;
    if (this.#source?.of !== of) {
      const stop = new AbortController();
      const http = { clock, wallMs: () => clock.wallMs(), env, ca: ca.value, ending: AbortSignal.any([ending, stop.signal]) };
      const pulls = new PolicySource({ http, location: location.value, tokenFile: config.source.token_file ?? null, maxBytes: config.policy.max_bytes });
      this.#source = { of, pulls, stop };
    }
    return ok(this.#source.pulls);
  }
}

/** Null where Node's own authorities are trusted. */
export function readAuthorities({ source }: Pick<Config, "source">): Result<string | null, string> {
  if (source.ca === undefined) return ok(null);
  const bytes = readTrustedFile(source.ca, MOST_CA_BYTES, "source.ca");
  if (!bytes.ok) return bytes;
  const text = new TextDecoder().decode(bytes.value);
  return text.includes("-----BEGIN CERTIFICATE-----") ? ok(text) : failed(`source.ca \`${source.ca}\` has no certificate in PEM`);
}

/** The settings that name a source, and those by which other bytes are good. */
function settingsOf({ policy, source }: Config): string {
  return JSON.stringify([policy.source, policy.max_bytes, policy.trusted_keys, source.ca, source.token_file]);
}

function sentenceOf({ code, message }: Trouble): string {
  return `the source can't be pulled (${code}): ${message}`;
}

function modifiedMs(path: string): number | null {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? null : stats.mtimeMs;
}
