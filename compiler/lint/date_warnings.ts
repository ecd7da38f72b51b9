// Warnings that come and go with the date: allows that have ended, and that end soon.
import type { Report } from "../diagnostics/report.ts";
import type { WrittenRule } from "./rule_texts.ts";

const DAY_SECONDS = 86_400;
/** An allow that ends within so many days ends soon. */
export const SOON_DAYS = 30;

/** Of a text in several places the first end counts. */
export function sayEnds(report: Report, texts: readonly WrittenRule[], wallSeconds: number): void {
  for (const { ordered, span } of texts) {
    const ends = ordered.flatMap(({ until }) => (until === null ? [] : [until]));
    if (ends.length === 0) continue;
    const end = Math.min(...ends);
    const until = timeText(end);
    // At its end a rule no longer applies.
    if (end <= wallSeconds) report.say("ING880", { until }, span);
    else if (end - wallSeconds <= SOON_DAYS * DAY_SECONDS) report.say("ING881", { until, days: Math.floor((end - wallSeconds) / DAY_SECONDS) }, span);
  }
}

/** As a policy writes it. */
function timeText(wallSeconds: number): string {
  return new Date(wallSeconds * 1_000).toISOString().replace(/(?::00)?\.000Z$/, "Z");
}
