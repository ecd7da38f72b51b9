// The findings that are shown of each file: the errors of its text at once, and those of the worker, which move with the text until it
// is checked again.
import { lineRange, offsetAt, type LineRange } from "../../lsp/positions.ts";
import type { SourceFile } from "../../source/source.ts";
import type { FilePlace, Finding } from "./messages.ts";

/** The findings of one file. */
export interface Shown {
  /** Of the text by itself, always of the newest one. */
  syntax: readonly Finding[];
  /** Of `check`, those of the text included. */
  errors: readonly Finding[];
  warnings: readonly Finding[];
  /** Lines of tests that failed. */
  tests: readonly Finding[];
}

export function nothingShown(): Shown {
  return { syntax: [], errors: [], warnings: [], tests: [] };
}

/** Each once. */
export function allShown({ syntax, errors, warnings, tests }: Shown): readonly Finding[] {
  const once = new Map<string, Finding>();
  for (const finding of [...syntax, ...errors, ...warnings, ...tests]) if (!once.has(keyOf(finding))) once.set(keyOf(finding), finding);
  return [...once.values()];
}

/** The text has changed; `syntax` are the errors of the new one. */
export function moveShown(shown: Shown, before: SourceFile, after: SourceFile, syntax: readonly Finding[]): void {
  const old = new Set(shown.syntax.map(keyOf));
  const moved = (findings: readonly Finding[]): readonly Finding[] =>
    findings.flatMap((finding) => (old.has(keyOf(finding)) ? [] : (movedFinding(finding, before, after) ?? [])));
  shown.errors = moved(shown.errors);
  shown.warnings = moved(shown.warnings);
  shown.tests = moved(shown.tests);
  shown.syntax = syntax;
}

function keyOf({ code, place: { range }, message }: Finding): string {
  return JSON.stringify([code, range, message]);
}

/** Null where the text at its place has changed. An edit that would change that text is gone, and so is another place that has changed. */
function movedFinding(finding: Finding, before: SourceFile, after: SourceFile): Finding | null {
  const { place, fix, related } = finding;
  const moved = <T extends FilePlace>(one: T): T | null => {
    if (one.path !== place.path) return one;
    const range = movedRange(one.range, before, after);
    return range === null ? null : { ...one, range };
  };
  const at = moved(place);
  return at === null ? null : { ...finding, place: at, related: related.flatMap((one) => moved(one) ?? []), fix: fix === null ? null : moved(fix) };
}

function movedRange(range: LineRange, before: SourceFile, after: SourceFile): LineRange | null {
  const { start, end, delta } = changeBetween(before.text, after.text);
  const [from, to] = [offsetAt(before, range.start), offsetAt(before, range.end)];
  if (to <= start && from < start) return range;
  if (from >= end && (from > start || end > start)) return lineRange({ file: after, start: from + delta, end: to + delta });
  return null;
}

interface Change {
  readonly start: number;
  /** In the text before. */
  readonly end: number;
  readonly delta: number;
}

let last: { readonly before: string; readonly after: string; readonly change: Change } | null = null;

/** The smallest stretch that has all that differs; that of the last two texts is kept, because all findings of a file need it. */
function changeBetween(before: string, after: string): Change {
  if (last?.before === before && last.after === after) return last.change;
  const most = Math.min(before.length, after.length);
  let start = 0;
  while (start < most && before.charCodeAt(start) === after.charCodeAt(start)) start++;
  let same = 0;
  while (same < most - start && before.charCodeAt(before.length - same - 1) === after.charCodeAt(after.length - same - 1)) same++;
  const change = { start, end: before.length - same, delta: after.length - before.length };
  last = { before, after, change };
  return change;
}
