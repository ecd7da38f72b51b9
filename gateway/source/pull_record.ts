// The results of the pulls of a source, for status, readiness and metrics.
import { statSync, utimesSync } from "node:fs";

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

export class PullRecord {
  readonly #wallMs: () => number;
  readonly #copy: string;
  readonly #counts = new Map<PullResult, number>();
  #last: SourceState["last"] = null;
  #confirmedMs: number | null;

  /** `copy`: the file of the last good policy, whose modification time is when the source last offered it. */
  constructor(wallMs: () => number, copy: string) {
    this.#wallMs = wallMs;
    this.#copy = copy;
    this.#confirmedMs = statSync(copy, { throwIfNoEntry: false })?.mtimeMs ?? null;
  }

  get last(): SourceState["last"] {
    return this.#last;
  }

  get counts(): SourceState["pulls"] {
    return this.#counts;
  }

  get ageMs(): number | null {
    return this.#confirmedMs === null ? null : Math.max(0, this.#wallMs() - this.#confirmedMs);
  }

  note(result: PullResult, because: string | null): void {
    this.#last = { result, atMs: this.#wallMs(), because };
    this.#counts.set(result, (this.#counts.get(result) ?? 0) + 1);
  }

  /** The source offers what is in force. */
  confirmed(result: "new" | "unchanged"): void {
    this.#confirmedMs = this.#wallMs();
    this.note(result, null);
    try {
      utimesSync(this.#copy, this.#confirmedMs / 1000, this.#confirmedMs / 1000);
    } catch {
      // The age begins at the last write of the copy then, after the next start.
      return;
    }
  }
}
