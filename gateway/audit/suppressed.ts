// Refusals of datagrams cost nobody anything but a packet, with any source on it: only so many a second are recorded for
// each listener and reason, and the next record says how many were not.
import type { Reason } from "../../runtime/abi/names.ts";
import type { Counters } from "./counters.ts";

const WINDOW_MS = 1_000;

interface Window {
  startMs: number;
  recorded: number;
  suppressed: number;
}

export interface Suppression {
  /** How many were suppressed since the last record, where one is due now; null where this one is suppressed, too. */
  recordDue(listener: string, reason: Reason, monoMs: number): number | null;
}

/** Zero records none. */
export function createSuppression(perSecond: () => number, counters: Counters): Suppression {
  const windows = new Map<string, Window>();
  return {
    recordDue(listener, reason, monoMs) {
      const key = `${listener} ${reason}`;
      let window = windows.get(key);
      if (window === undefined) {
        window = { startMs: monoMs, recorded: 0, suppressed: 0 };
        if (windows.size >= MOST_WINDOWS) windows.clear();
        windows.set(key, window);
      }
      if (monoMs - window.startMs >= WINDOW_MS) Object.assign(window, { startMs: monoMs, recorded: 0 });
      if (window.recorded >= perSecond()) {
        window.suppressed++;
        counters.auditSuppressed++;
        return null;
      }
      window.recorded++;
      const { suppressed } = window;
      window.suppressed = 0;
      return suppressed;
    },
  };
}

/** Names of listeners change with policies; what was suppressed under old ones stays counted. */
const MOST_WINDOWS = 16_384;
