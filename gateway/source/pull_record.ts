// The results of the pulls of a source, for status, readiness and metrics.
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import type { GatewayClock } from "../clock.ts";
import type { LiveConfig } from "../config/live.ts";
import type { LastOffer, Offered } from "./last_offer.ts";

/** `failed`: nothing came; `refused`: what came may not be in force. */
export const PULL_RESULTS = ["new", "unchanged", "failed", "refused"] as const;
export type PullResult = (typeof PULL_RESULTS)[number];

/** The facts about the source in status, readiness and metrics. */
export interface SourceState {
  readonly source: string;
  /** Of the last pull; null before the first. */
  readonly last: { readonly result: PullResult; readonly atMs: number; readonly because: string | null } | null;
  /** Milliseconds since this source last offered what is in force; null where it is not known to have done so. */
  readonly ageMs: number | null;
  /** Pulls in a row that failed. */
  readonly failures: number;
  /** Milliseconds; null while it is pulled. */
  readonly nextInMs: number | null;
  readonly pulls: ReadonlyMap<PullResult, number>;
}

interface RecordSetup {
  readonly clock: Pick<GatewayClock, "wallMs">;
  readonly live: LiveConfig;
  readonly inForce: Pick<PolicyInForce, "sha256">;
  readonly lastOffer: LastOffer;
}

export class PullRecord {
  readonly #setup: RecordSetup;
  readonly #counts = new Map<PullResult, number>();
  #last: SourceState["last"] = null;
  /** The last one of this run; null before it. */
  #offered: Offered | null = null;

  constructor(setup: RecordSetup) {
    this.#setup = setup;
  }

  get last(): SourceState["last"] {
    return this.#last;
  }

  get counts(): SourceState["pulls"] {
    return this.#counts;
  }

  get ageMs(): number | null {
    const { clock, live, inForce, lastOffer } = this.#setup;
    const source = live.config.policy.source ?? "";
    const now = this.#offered;
    // Between the moment at which an offer is in force and the one at which its load has ended it is not confirmed yet.
    const isLoading = now !== null && now.sha256 === inForce.sha256 && now.source === source;
    const atMs = lastOffer.atMs(source, inForce.sha256) ?? (isLoading ? now.atMs : null);
    return atMs === null ? null : Math.max(0, clock.wallMs() - atMs);
  }

  /** A source offers another module than before. */
  offered(sha256: string, source: string): void {
    this.#offered = { sha256, source, atMs: this.#setup.clock.wallMs() };
  }

  note(result: PullResult, because: string | null): void {
    this.#last = { result, atMs: this.#setup.clock.wallMs(), because };
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
  }

  /** The source offers what is in force. */
  async confirmed(result: "new" | "unchanged"): Promise<void> {
    this.note(result, null);
    if (this.#offered !== null) await this.#setup.lastOffer.note({ ...this.#offered, atMs: this.#setup.clock.wallMs() });
  }
}
