// One pull: what `policy.source` offers, with its digests checked, goes into the file in the state directory. When a pull is due, and what
// is loaded after it, follow.ts says.
import type { Environment } from "../../runtime/distribution/proxy.ts";
import { BACK_OFF_MOST_MS } from "../../runtime/distribution/schedule.ts";
import { PolicySource, type Offer } from "../../runtime/distribution/source.ts";
import { troubled, type Trouble } from "../../runtime/distribution/trouble.ts";
import { ok, type Result } from "../../runtime/result/result.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { GatewayClock } from "../clock.ts";
import type { LiveConfig } from "../config/live.ts";
import type { PullRecord } from "./pull_record.ts";
import type { PulledFile } from "./pulled_file.ts";
import { readSettings } from "./settings.ts";

/** How long a start pulls before it takes the last good policy, in milliseconds. */
const FIRST_PULL_MS = 5_000;

export interface PullsSetup {
  readonly live: LiveConfig;
  readonly clock: GatewayClock;
  readonly env: Environment;
  readonly inForce: Pick<PolicyInForce, "sha256">;
  /** Aborted: nothing more is pulled. */
  readonly ending: AbortSignal;
}

/** `new`: the file in the state directory is another one now. */
export type Pulled = Result<"new" | "unchanged", Trouble>;

/** An offer that may not be in force. */
interface RefusedOffer {
  readonly sha256: string;
  readonly because: string;
  /** By the monotonic clock. */
  readonly atMs: number;
}

export class Pulls {
  readonly #setup: PullsSetup;
  readonly #file: PulledFile;
  readonly #record: PullRecord;
  /** The source, and the settings that it was made of. */
  #source: { readonly of: string; readonly pulls: PolicySource; readonly stop: AbortController } | null = null;
  #offered: string | null = null;
  #refused: RefusedOffer | null = null;
  #failures = 0;
  #retryAfterMs: number | null = null;

  constructor(setup: PullsSetup, file: PulledFile, record: PullRecord) {
    this.#setup = setup;
    this.#file = file;
    this.#record = record;
  }

  /** SHA-256 of what was offered last; null before the first offer. */
  get offered(): string | null {
    return this.#offered;
  }

  /** In a row. */
  get failures(): number {
    return this.#failures;
  }

  /** The milliseconds that the server demands after the last failure; null where it demands none. */
  get retryAfterMs(): number | null {
    return this.#retryAfterMs;
  }

  /** The next offer is downloaded whole, and loaded whatever became of it before. */
  forget(): void {
    this.#source?.pulls.forget();
    this.#refused = null;
  }

  /** The same, once a fault of this host that may have been the reason of a refusal has had time to end. */
  forgetLongAgo(): void {
    if (this.#refused !== null && this.#setup.clock.monoMs() - this.#refused.atMs >= BACK_OFF_MOST_MS) this.forget();
  }

  /** A pull under way ends with the code `ending`; the next one begins with a source that knows nothing of it. */
  stop(): void {
    this.#source?.stop.abort();
    this.#source = null;
  }

  /** The offer stays refused, however often it comes. */
  refuse(sha256: string, because: string): void {
    this.#refused = { sha256, because, atMs: this.#setup.clock.monoMs() };
  }

  /** A policy was loaded. */
  loaded(): void {
    this.#refused = null;
  }

  /** That of a start, which fails as `slow` after FIRST_PULL_MS. */
  async first(): Promise<Pulled> {
    const { clock } = this.#setup;
    let late: () => void = () => undefined;
    const lateness = new Promise<Result<never, Trouble>>((resolve) => {
      late = () => resolve(troubled("slow", `nothing has come for ${FIRST_PULL_MS / 1000} s`));
    });
    const cancel = clock.after(FIRST_PULL_MS, () => late());
    const first = await Promise.race([this.next(), lateness]).finally(cancel);
    if (first.ok || first.error.code !== "slow") return first;
    this.stop();
    this.#failures++;
    this.#record.note("failed", first.error.message);
    return first;
  }

  async next(): Promise<Pulled> {
    const [source, by] = [this.#sourceNow(), this.#setup.live.config.policy.source ?? ""];
    const offered = source.ok ? await this.#offerOf(source.value) : source;
    const kept = offered.ok ? await this.#keep(offered.value, by) : offered;
    if (kept.ok) {
      this.#failures = 0;
      this.#retryAfterMs = null;
      return kept;
    }
    if (kept.error.code === "ending") return kept;
    if (source.ok) source.value.forget();
    this.#failures++;
    this.#retryAfterMs = kept.error.retryAfterMs;
    this.#record.note("failed", kept.error.message);
    return kept;
  }

  /** The last offer, where it is neither in force nor refused, was never loaded, so it has to come whole. */
  async #offerOf(source: PolicySource): Promise<Result<Offer, Trouble>> {
    const offer = await source.pull();
    if (!offer.ok || offer.value.kind === "new" || this.#offered === this.#setup.inForce.sha256 || this.#offered === this.#refused?.sha256) return offer;
    source.forget();
    return source.pull();
  }

  /** `by`: the source that offers it. */
  async #keep(offer: Offer, by: string): Promise<Pulled> {
    const { inForce, live } = this.#setup;
    if (offer.kind === "new") {
      this.#offered = offer.sha256;
      this.#record.offered(offer.sha256, by);
    }
    // A refused module stays refused, however often it is offered.
    if (this.#refused !== null && this.#refused.sha256 === this.#offered) {
      this.#record.note("refused", this.#refused.because);
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
    await this.#record.confirmed("unchanged");
    return ok("unchanged");
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
