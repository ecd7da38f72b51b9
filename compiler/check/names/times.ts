// Times and durations: UTC to the second, in one spelling (RFC 3339 with `Z`).
import type { TimeFault } from "../../diagnostics/literal_words.ts";
import { refused, type Problem } from "../../diagnostics/report.ts";
import { ok, type Failed, type Result } from "../../../runtime/result/result.ts";

/** UTC seconds since 1970. */
export function readTime(text: string): Result<number, Problem> {
  const no = (fault: TimeFault, replace: string | null = null): Failed<Problem> => refused("ING313", { literal: text, ...fault }, replace);
  const parts = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2})(?::([0-9]{2}))?Z$/.exec(text);
  if (parts === null) {
    if (/^[0-9-]+t[0-9:]+z?$/i.test(text) && /[tz]/.test(text)) {
      const upper = text.toUpperCase();
      return no({ fault: "letter_case" }, readTime(upper).ok ? upper : null);
    }
    if (/^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text)) return no({ fault: "no_time" });
    const utc = withoutZone(text);
    if (utc !== null) return no({ fault: "not_utc", utc }, utc);
    if (/^[0-9-]+T[0-9:]+$/.test(text)) return no({ fault: "no_zone" });
    return no({ fault: "form" });
  }
  const [year, month, day, hour, minute, second] = parts.slice(1).map((p) => Number(p ?? "0"));
  if (year === undefined || month === undefined || day === undefined || hour === undefined || minute === undefined || second === undefined)
    return no({ fault: "form" });
  if (year < 1970) return no({ fault: "before_1970" });
  if (month < 1 || month > 12) return no({ fault: "month" });
  if (day < 1 || day > daysIn(year, month)) return no({ fault: "day", days: daysIn(year, month) });
  if (hour > 23) return no({ fault: "hour" });
  if (minute > 59 || second > 59) return no({ fault: "minute" });
  const seconds = Date.UTC(year, month - 1, day, hour, minute, second) / 1_000;
  // INVARIANT: to the engine 0 is a clock that is not known.
  return seconds > 0 ? ok(seconds) : no({ fault: "first_second" });
}

/** The time in UTC of one with the difference of a zone (RFC 3339), or with a fraction of nothing; null where it is none. */
function withoutZone(text: string): string | null {
  const parts = /^([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:\.0+)?(?:Z|([+-])([0-9]{2}):?([0-9]{2})?)$/i.exec(text);
  if (parts === null) return null;
  const [, local = "", sign, hours = "0", minutes = "0"] = parts;
  const seconds = readTime(`${local.toUpperCase()}Z`);
  // No zone is further off, and none has another minute.
  if (!seconds.ok || Number(hours) > 14 || Number(minutes) > 59) return null;
  const shift = (Number(hours) * 60 + Number(minutes)) * (sign === "-" ? 1 : -1);
  const utc = new Date((seconds.value + shift * 60) * 1_000).toISOString().replace(/(?::00)?\.000Z$/, "Z");
  return readTime(utc).ok ? utc : null;
}

function daysIn(year: number, month: number): number {
  if (month === 2) return year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0) ? 29 : 28;
  return [4, 6, 9, 11].includes(month) ? 30 : 31;
}

const UNITS = new Map([
  ["ms", 1],
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** Milliseconds, 0 to `maxMs`. */
export function readDuration(text: string, maxMs: number): Result<number, Problem> {
  const parts = /^(0|[1-9][0-9]{0,9})([A-Za-z]*)$/.exec(text);
  const unit = UNITS.get(parts?.[2] ?? "");
  if (parts === null || unit === undefined)
    return refused("ING314", { literal: text, fault: "form" }, /^[0-9]{1,9}sec(?:onds?)?$/.test(text) ? text.replace(/[a-z]+$/, "s") : null);
  const ms = Number(parts[1]) * unit;
  if (ms > maxMs) return refused("ING314", { literal: text, fault: "too_long", days: maxMs / 86_400_000 });
  return ok(ms);
}
