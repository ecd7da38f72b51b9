// Counts, rates and source keys.
import { DEFAULT_KEY_V4, DEFAULT_KEY_V6, MAX_LIMIT_COUNT, MAX_WINDOW_MS } from "../../source/bounds.ts";
import type { KeyNode, Piece } from "../../ast/nodes.ts";
import type { CountName } from "../../diagnostics/literal_words.ts";
import { isOctalToo } from "./octal.ts";
import type { SourceKey } from "../../policy/policy.ts";
import type { Report } from "../../diagnostics/report.ts";

/** A whole number from 1 (or `min`) to `max`, or null (then the reason was reported). */
export function readCount(report: Report, text: string, at: Piece, max: number, of: CountName | { readonly budget: string }, min = 1): number | null {
  const n = Number(text);
  if (/^[0-9]+$/.test(text) && !(text.length > 1 && text.startsWith("0")) && n >= min && n <= max) return n;
  const fault = /^0+[1-9]/.test(text) ? "leading_zero" : "range";
  // Only where the number is all of the text can it be replaced.
  const more = fault === "leading_zero" && !isOctalToo(text) && at.text === text && n <= max ? { replace: String(n) } : {};
  const named = typeof of === "string" ? { of, clause: null } : { of: "budget" as const, clause: of.budget };
  report.say("ING310", { ...named, literal: text, min, max, fault }, at.span, more);
  return null;
}

const UNITS = new Map([
  ["s", 1_000],
  ["m", 60_000],
  ["h", 3_600_000],
  ["d", 86_400_000],
]);

/** `200/s`, `6/30s`: how many in a window, which is one of its unit where no number is written. */
export function readRate(report: Report, rate: Piece): { readonly count: number; readonly periodMs: number } | null {
  const [, digits = "", several = "", unit = ""] = /^([0-9]*)\/([0-9]*)(.*)$/.exec(rate.text) ?? [];
  const unitMs = UNITS.get(unit);
  if (unitMs === undefined) {
    const guess = unit.slice(0, 1).toLowerCase();
    report.say("ING407", { rate: rate.text, fault: "unit", unit }, rate.span, {
      ...(/^(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?)$/i.test(unit) ? { replace: `${digits}/${several}${guess}` } : {}),
    });
    return null;
  }
  const periodMs = several === "" ? unitMs : Number(several) * unitMs;
  if (several.startsWith("0") || periodMs > MAX_WINDOW_MS) {
    report.say("ING407", { rate: rate.text, fault: "window", window: `${several}${unit}` }, rate.span);
    return null;
  }
  const count = readCount(report, digits, rate, MAX_LIMIT_COUNT, "limit");
  return count === null ? null : { count, periodMs };
}

export function readKey(report: Report, key: KeyNode): SourceKey | null {
  if (key === null) return { v4: DEFAULT_KEY_V4, v6: DEFAULT_KEY_V6 };
  const v4 = keyLength(report, key.v4, 32, "IPv4");
  const v6 = keyLength(report, key.v6, 128, "IPv6");
  return v4 === null || v6 === null ? null : { v4, v6 };
}

function keyLength(report: Report, at: Piece, max: number, family: "IPv4" | "IPv6"): number | null {
  const text = at.text.slice(1);
  const n = Number(text);
  if (/^[1-9][0-9]*$/.test(text) && n <= max) return n;
  report.say("ING304", { literal: at.text, family, fault: "source_key" }, at.span);
  return null;
}
