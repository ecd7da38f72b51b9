// The last reloads and what became of them, for status, metrics and the status page.
import type { GatewayClock } from "../clock.ts";

/** The oldest is forgotten. */
export const MOST_RELOADS = 16;

export interface PastReload {
  readonly atMs: number;
  readonly done: boolean;
  /** In force afterwards. */
  readonly generation: number;
  /** Why it was refused; empty where it was done. */
  readonly because: string;
}

export class ReloadHistory {
  readonly #clock: Pick<GatewayClock, "wallMs">;
  readonly #past: PastReload[] = [];
  #lastDoneMs: number | null = null;

  constructor(clock: Pick<GatewayClock, "wallMs">) {
    this.#clock = clock;
  }

  done(generation: number): void {
    this.#lastDoneMs = this.#clock.wallMs();
    this.#add({ atMs: this.#lastDoneMs, done: true, generation, because: "" });
  }

  refused(generation: number, because: string): void {
    this.#add({ atMs: this.#clock.wallMs(), done: false, generation, because });
  }

  /** The last one first. */
  get past(): readonly PastReload[] {
    return this.#past;
  }

  get lastDoneMs(): number | null {
    return this.#lastDoneMs;
  }

  #add(reload: PastReload): void {
    this.#past.unshift(reload);
    this.#past.length = Math.min(this.#past.length, MOST_RELOADS);
  }
}
