// A diagnostic as text for a person: the sentence, the line with carets under the place, the
// other places, and what to do. Control characters of the source never reach the terminal.
import { CODES, isWarning } from "./codes.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { MAX_QUOTE } from "../source/bounds.ts";
import { printable, quote } from "./quote.ts";
import { positionOf, type Span } from "../source/source.ts";

/** Columns of a source line that are shown at most. */
const MAX_COLUMNS = 100;
/** Columns that are shown before the place, where a line is shortened. */
const LEAD_COLUMNS = 40;

interface Paint {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  readonly place: (text: string) => string;
  readonly bold: (text: string) => string;
}

const PLAIN: Paint = { error: (t) => t, warning: (t) => t, place: (t) => t, bold: (t) => t };
const COLOR: Paint = { error: sgr("1;31"), warning: sgr("1;33"), place: sgr("34"), bold: sgr("1") };

function sgr(code: string): (text: string) => string {
  return (text) => `\u001b[${code}m${text}\u001b[0m`;
}

/** Lines joined by newlines, without one at the end. */
export function render(diagnostic: Diagnostic, { color }: { readonly color: boolean }): string {
  const paint = color ? COLOR : PLAIN;
  const { code, message, span, label, related, help, fix } = diagnostic;
  const [word, paintWord] = isWarning(code) ? (["warning", paint.warning] as const) : (["error", paint.error] as const);
  const lines = [span, ...related.map((r) => r.span)].map((s) => positionOf(s.file, s.start).line);
  const gutter = String(Math.max(...lines)).length;
  const pad = " ".repeat(gutter);
  const out = [
    `${paintWord(`${word}[${code}]`)}${paint.bold(`: ${printable(message)}`)}`,
    `${pad}${paint.place("-->")} ${where(span)}`,
    `${pad} ${paint.place("|")}`,
    ...excerpt(span, label, "^", gutter, paintWord, paint, CODES[code].excerpt === "token"),
  ];
  for (const r of related) {
    out.push(`${pad} ${paint.place("|")}`, `${pad}${paint.place("-->")} ${where(r.span)}`);
    out.push(...excerpt(r.span, r.label, "-", gutter, paint.place, paint, false));
  }
  if (help !== null) out.push(`${paint.bold("help")}: ${printable(help)}`);
  // Where the help names the very text, it is not said twice.
  if (fix !== null && !(fix.text !== "" && help?.includes(quote(fix.text.trim())) === true)) out.push(`${paint.bold("fix")}: ${fixText(fix)}`);
  return out.join("\n");
}

function where(span: Span): string {
  const { line, column } = positionOf(span.file, span.start);
  return `${printable(span.file.path)}:${line}:${column}`;
}

function fixText(fix: NonNullable<Diagnostic["fix"]>): string {
  if (fix.text === "") return "remove it";
  const [first = "", ...more] = fix.text.trim().split("\n");
  return `${fix.span.start === fix.span.end ? "insert" : "write"} ${quote(first)}${more.length === 0 ? "" : ` and ${more.length} more ${more.length === 1 ? "line" : "lines"}`}`;
}

function excerpt(span: Span, label: string, mark: "^" | "-", gutter: number, paintMark: (text: string) => string, paint: Paint, tokenOnly: boolean): string[] {
  const { text } = span.file;
  const { line } = positionOf(span.file, span.start);
  const lineStart = text.lastIndexOf("\n", span.start - 1) + 1;
  const newline = text.indexOf("\n", span.start);
  const lineEnd = newline < 0 ? text.length : newline;
  const from = tokenOnly ? span.start : Math.max(lineStart, span.start - 4 * MAX_COLUMNS);
  const to = tokenOnly ? Math.min(span.end, lineEnd, span.start + MAX_QUOTE) : Math.min(lineEnd, span.end + 4 * MAX_COLUMNS);
  const end = Math.max(span.start, Math.min(span.end, to));
  let before = shown(text.slice(from, span.start));
  let marked = shown(text.slice(span.start, end));
  let behind = shown(text.slice(end, to).trimEnd());
  if (width(before) + width(marked) + width(behind) > MAX_COLUMNS || from > lineStart) {
    if (width(before) > LEAD_COLUMNS || (from > lineStart && !tokenOnly)) before = `…${keepEnd(before, LEAD_COLUMNS)}`;
    const room = MAX_COLUMNS - width(before);
    if (width(marked) > room) {
      marked = `${keepStart(marked, room - 1)}…`;
      behind = "";
    } else if (width(marked) + width(behind) > room) behind = `${keepStart(behind, room - width(marked))}…`;
  }
  const carets = mark.repeat(Math.max(1, width(marked)));
  const said = label === "" ? carets : `${carets} ${printable(label)}`;
  const number = String(line).padStart(gutter);
  return [
    `${paint.place(number)} ${paint.place("|")} ${before}${marked}${behind}`.trimEnd(),
    `${" ".repeat(gutter)} ${paint.place("|")} ${" ".repeat(width(before))}${paintMark(said)}`,
  ];
}

function shown(text: string): string {
  return printable(text.replaceAll("\t", " ").replaceAll("\r", " "));
}

/** Terminal columns; wide characters of East Asian scripts and emoji take two, combining marks none. */
function width(text: string): number {
  let columns = 0;
  for (const c of text) {
    columns +=
      /\p{Mn}/u.test(c) ? 0
      : /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u.test(c) ? 2
      : 1;
  }
  return columns;
}

function keepStart(text: string, columns: number): string {
  let kept = "";
  for (const c of text) {
    if (width(kept + c) > columns) break;
    kept += c;
  }
  return kept;
}

function keepEnd(text: string, columns: number): string {
  let kept = "";
  for (const c of [...text].reverse()) {
    if (width(c + kept) > columns) break;
    kept = c + kept;
  }
  return kept;
}
