// When a source is pulled again.
import type { IncomingHttpHeaders } from "node:http";

/** Of a poll's interval, up and down, so that a fleet does not call in one moment. */
export const JITTER = 0.2;
/** The longest time between two tries after failures, unless `poll_ms` is longer. */
export const BACK_OFF_MOST_MS = 900_000;
/** The longest `Retry-After` that counts. */
export const RETRY_AFTER_MOST_MS = 3_600_000;

export interface ScheduleFacts {
  readonly pollMs: number;
  /** In a row; 0 after a success. */
  readonly failures: number;
  /** Of the last failure. */
  readonly retryAfterMs: number | null;
  /** From 0 to 1. */
  readonly random: number;
}

/** Milliseconds until the next pull: never less than what the server said. */
export function nextPullMs({ pollMs, failures, retryAfterMs, random }: ScheduleFacts): number {
  const most = Math.max(pollMs, BACK_OFF_MOST_MS);
  const plain = failures === 0 ? pollMs : Math.min(most, pollMs * 2 ** Math.min(failures - 1, 40));
  const jittered = Math.round(plain * (1 - JITTER + 2 * JITTER * random));
  return Math.max(jittered, retryAfterMs ?? 0);
}

/** Whole seconds or a date, as milliseconds from now; null where it is neither or is over. */
export function retryAfter(header: IncomingHttpHeaders["retry-after"], wallMs: number): number | null {
  if (header === undefined) return null;
  const ms = /^[0-9]{1,10}$/.test(header) ? Number(header) * 1000 : Date.parse(header) - wallMs;
  return Number.isFinite(ms) && ms > 0 ? Math.min(ms, RETRY_AFTER_MOST_MS) : null;
}
