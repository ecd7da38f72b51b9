// List files: one entry a line, comments from `#` or `;` on, white space ignored. A line that is
// something else is an error at its place in the list; no more of the file than the one token
// is ever shown, since a policy's author may not be allowed to read it.
import { characterName, unseenIn } from "../../../runtime/text/characters.ts";
import { MAX_LIST_BYTES, MAX_LIST_ERRORS, MAX_PREFIXES } from "../../source/bounds.ts";
import type { Member } from "../../ast/nodes.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { quote } from "../../diagnostics/quote.ts";
import { isReadFailure, type SourceFile, type SourceReader, type Span } from "../../source/source.ts";
import { readBelow, sayFailure, type FailureWords } from "./paths.ts";
import type { Problem, Report } from "../../diagnostics/report.ts";

export type FileMember = Extract<Member, { kind: "file" }>;

/** What the lines of a list are. */
export interface Entries {
  /** "address or prefix" */
  readonly what: string;
  /** Takes an entry as it stands in a text, without a string of its own; false where it is left to `add`. */
  scan?(text: string, start: number, end: number): boolean;
  /** Takes an entry, or says why it is none. */
  add(token: string): Problem | null;
}

const FAILURES = {
  missing: ["does not exist", "the path is relative to the file that names it"],
  outside: ["is outside of the policy's folder", "list files stand in the folder of the policy or below it, without `..` or links that lead out of it"],
  too_large: [`is larger than ${MAX_LIST_BYTES / 1024 / 1024} MiB`, "split it into several files"],
  unreadable: ["can't be read", "check that it is a file and its permissions"],
} as const satisfies FailureWords;

/**
 * Reads a list of a size, no more of it than that, relative to the file in which the path is written.
 * The number of its entries, or null if it can't be used (then it was told why).
 */
export function readList(report: Report, reader: SourceReader, node: FileMember, size: ListSize, into: Entries): number | null {
  const file = readBelow(reader, node.path.text, node.path.span.file);
  if (isReadFailure(file)) {
    sayFailure(report, "ING501", node.path, file, FAILURES);
    return null;
  }
  return readEntries(report, file, node, size, into);
}

function readEntries(report: Report, file: SourceFile, node: FileMember, { min, max }: ListSize, into: Entries): number | null {
  const { text } = file;
  const related = [{ span: node.path.span, label: "read because of this" }];
  let entries = 0;
  let errors = 0;
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length; ) {
    let lineEnd = text.indexOf("\n", at);
    if (lineEnd < 0) lineEnd = text.length;
    const start = skipSpace(text, at, lineEnd);
    const end = tokenEnd(text, start, lineEnd);
    at = lineEnd + 1;
    if (start === end) continue;
    if (entries >= max) {
      report.sayUntyped("ING503", `${quote(node.path.text)} has more than ${max} entries`, node.max.span, { help: "raise `max`, or look why the list is so long" });
      return null;
    }
    entries++;
    const rest = skipSpace(text, end, lineEnd);
    const range = rest < lineEnd ? blankRange(text, start, lineEnd) : null;
    if (range !== null) {
      const problem = into.add(range.text);
      errors++;
      if (errors <= MAX_LIST_ERRORS && problem !== null) sayEntry(report, problem, { file, start, end: range.end }, related);
      continue;
    }
    if (rest < lineEnd && !beginsComment(text.charCodeAt(rest))) {
      errors++;
      if (errors <= MAX_LIST_ERRORS) {
        report.sayUntyped("ING502", "more than one entry on a line", { file, start: rest, end: tokenEnd(text, rest, lineEnd) }, { related, help: `a list has one ${into.what} a line; a comment begins with \`#\` or \`;\`` });
      }
      continue;
    }
    if (into.scan?.(text, start, end) === true) continue;
    const problem = addEntry(into, text.slice(start, end));
    if (problem === null) continue;
    errors++;
    if (errors <= MAX_LIST_ERRORS) sayEntry(report, problem, { file, start, end }, related);
  }
  if (errors > MAX_LIST_ERRORS) {
    report.sayUntyped("ING504", `${quote(node.path.text)} has ${errors} errors, of which ${MAX_LIST_ERRORS} are shown`, node.path.span, { help: `has it one ${into.what} a line?` });
  }
  if (errors > 0) return null;
  if (entries >= min) return entries;
  report.sayUntyped("ING507", `${quote(node.path.text)} has ${entries === 0 ? "no entries" : `${entries} ${entries === 1 ? "entry" : "entries"}`}, fewer than its \`min\` of ${min}`, node.min?.span ?? node.span, {
    help: "look why the list is so short: a download may have failed; or lower `min`",
  });
  return null;
}

/** Several entries in place of one stand on lines of their own. */
function sayEntry(report: Report, { message, help, replace }: Problem, span: Span, related: Diagnostic["related"]): void {
  report.sayUntyped("ING502", message, span, { related, help, ...(replace === null ? {} : { replace: replace.replaceAll(", ", "\n") }) });
}

/** `10.0.0.10 - 10.0.0.20` alone on its line, without its blanks, or null. */
function blankRange(text: string, start: number, lineEnd: number): { readonly text: string; readonly end: number } | null {
  const found = /^[0-9A-Fa-f.:]+[ \t]*-[ \t]*[0-9A-Fa-f.:]+(?=[ \t\r]*(?:[#;]|$))/.exec(text.slice(start, Math.min(lineEnd, start + LONGEST_RANGE)));
  return found === null ? null : { text: found[0].replace(/[ \t]/g, ""), end: start + found[0].length };
}

const LONGEST_RANGE = 200;

/** Blanks that are none, and what can't be seen, are named before anything else. */
function addEntry(into: Entries, token: string): Problem | null {
  const unseen = unseenIn(token);
  if (unseen.length === 0) return into.add(token);
  const seen = [...token].filter((c) => !unseen.includes(c)).join("");
  // The list is refused in any case, so that what is added here is never used.
  const problem = seen === "" ? null : into.add(seen);
  const replace = problem === null ? seen : null;
  return { code: "ING502", message: `${quote(token)} holds ${unseen.map(characterName).join(", ")}`, help: seen === "" || replace === null ? "remove it" : `write ${quote(seen)}`, replace };
}

/** `#` or `;`, which no entry holds. */
function beginsComment(code: number): boolean {
  return code === 35 || code === 59;
}

function isSpace(code: number): boolean {
  return code === 32 || code === 9 || code === 13;
}

function skipSpace(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && isSpace(text.charCodeAt(at))) at++;
  return at;
}

function tokenEnd(text: string, from: number, end: number): number {
  let at = from;
  while (at < end && !beginsComment(text.charCodeAt(at)) && !isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** How many entries a list may have. */
export interface ListSize {
  readonly min: number;
  readonly max: number;
}

/** The numbers behind `max` and `min`, or null (then it was told why). */
export function readSize(report: Report, { max: most, min: least }: FileMember): ListSize | null {
  const max = Number(most.text);
  const isMax = COUNT.test(most.text) && max <= MAX_PREFIXES;
  if (!isMax) report.sayUntyped("ING310", `\`max\` is 1 to ${MAX_PREFIXES}, and ${quote(most.text)} is not`, most.span, { help: "write the most entries that the list should ever have" });
  if (least === null) return isMax ? { min: 0, max } : null;
  const min = Number(least.text);
  const isMin = COUNT.test(least.text) && min <= (isMax ? max : MAX_PREFIXES);
  if (!isMin) report.sayUntyped("ING310", `\`min\` is 1 to ${isMax ? "the `max` of the list" : MAX_PREFIXES}, and ${quote(least.text)} is not`, least.span, { help: "write the fewest entries that the list should ever have, or leave `min` out" });
  return isMax && isMin ? { min, max } : null;
}

const COUNT = /^[1-9][0-9]*$/;
