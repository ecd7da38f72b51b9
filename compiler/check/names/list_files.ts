// List files: one entry a line, comments from `#` or `;` on, white space ignored. A line that is
// something else is an error at its place in the list; no more of the file than the one token
// is ever shown, since a policy's author may not be allowed to read it.
import { characterName, unseenIn } from "../../../runtime/text/characters.ts";
import { MAX_LIST_ERRORS, MAX_PREFIXES } from "../../source/bounds.ts";
import type { Member } from "../../ast/nodes.ts";
import type { Entry, FileData } from "../../diagnostics/file_words.ts";
import type { ListFile } from "../../policy/policy.ts";
import type { SourceFile, SourceReader, Span } from "../../source/source.ts";
import { readBelow, sayFailure } from "./paths.ts";
import { literalProblem, type Problem, type Report } from "../../diagnostics/report.ts";

export type FileMember = Extract<Member, { kind: "file" }>;

/** Reads the lines of a list. */
export interface Entries {
  readonly what: Entry;
  /** Takes an entry from its place in a text, without a string of its own; false where `add` must read it. */
  scan?(text: string, start: number, end: number): boolean;
  /** Takes an entry, or says why it is none. */
  add(token: string): Problem | null;
}

/**
 * Reads a list of a size, no more of it than that, relative to the file in which the path is written.
 * Null if it can't be used (then the reason was reported).
 */
export function readList(report: Report, reader: SourceReader, node: FileMember, size: ListSize, into: Entries): ListFile | null {
  const file = readBelow(reader, node.path.text, node.path.span.file);
  if (!file.ok) {
    sayFailure(report, "ING501", node.path, file.error);
    return null;
  }
  const entries = readEntries(report, file.value, node, size, into);
  return entries === null ? null : { path: file.value.path, entries, ...size };
}

function readEntries(report: Report, file: SourceFile, node: FileMember, { min, max }: ListSize, into: Entries): number | null {
  const { text } = file;
  const related = [node.path.span];
  let entries = 0;
  let errors = 0;
  for (let at = text.charCodeAt(0) === 0xfeff ? 1 : 0; at < text.length;) {
    let lineEnd = text.indexOf("\n", at);
    if (lineEnd < 0) lineEnd = text.length;
    const start = skipSpace(text, at, lineEnd);
    const end = tokenEnd(text, start, lineEnd);
    at = lineEnd + 1;
    if (start === end) continue;
    if (entries >= max) {
      report.say("ING503", { path: node.path.text, max }, node.max.span);
      return null;
    }
    entries++;
    const rest = skipSpace(text, end, lineEnd);
    const range = rest < lineEnd ? blankRange(text, start, lineEnd) : null;
    if (range !== null) {
      const problem = entryProblem(into.add(range.text));
      errors++;
      if (errors <= MAX_LIST_ERRORS && problem !== null) sayEntry(report, problem, { file, start, end: range.end }, related);
      continue;
    }
    if (rest < lineEnd && !beginsComment(text.charCodeAt(rest))) {
      errors++;
      if (errors <= MAX_LIST_ERRORS) {
        report.say("ING502", { fault: "two_entries", entry: into.what }, { file, start: rest, end: tokenEnd(text, rest, lineEnd) }, { related });
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
    report.say("ING504", { path: node.path.text, errors, entry: into.what }, node.path.span);
  }
  if (errors > 0) return null;
  if (entries >= min) return entries;
  report.say("ING507", { path: node.path.text, entries, min }, node.min?.span ?? node.span);
  return null;
}

/** Several entries that replace one are on lines of their own. */
function sayEntry(report: Report, { data, replace }: EntryProblem, span: Span, related: readonly Span[]): void {
  report.say("ING502", data, span, { related, ...(replace === null ? {} : { replace: replace.replaceAll(", ", "\n") }) });
}

/** `10.0.0.10 - 10.0.0.20` alone on its line, without its blanks, or null. */
function blankRange(text: string, start: number, lineEnd: number): { readonly text: string; readonly end: number } | null {
  const found = /^[0-9A-Fa-f.:]+[ \t]*-[ \t]*[0-9A-Fa-f.:]+(?=[ \t\r]*(?:[#;]|$))/.exec(text.slice(start, Math.min(lineEnd, start + LONGEST_RANGE)));
  return found === null ? null : { text: found[0].replace(/[ \t]/g, ""), end: start + found[0].length };
}

const LONGEST_RANGE = 200;

/** Blanks that are none, and what can't be seen, are named before anything else. */
function addEntry(into: Entries, token: string): EntryProblem | null {
  const unseen = unseenIn(token);
  if (unseen.length === 0) return entryProblem(into.add(token));
  const seen = [...token].filter((c) => !unseen.includes(c)).join("");
  // The list is refused in any case, so that what is added here is never used.
  const problem = seen === "" ? null : into.add(seen);
  const replace = problem === null ? seen : null;
  return { data: { fault: "unseen", token, characters: unseen.map(characterName), meant: replace }, replace };
}

interface EntryProblem {
  readonly data: FileData["ING502"];
  readonly replace: string | null;
}

function entryProblem(problem: Problem | null): EntryProblem | null {
  return problem === null ? null : { data: { fault: "entry", of: literalProblem(problem) }, replace: problem.replace };
}

/** `#` or `;`, which no entry contains. */
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

/** The numbers behind `max` and `min`, or null (then the reason was reported). */
export function readSize(report: Report, { max: most, min: least }: FileMember): ListSize | null {
  const max = Number(most.text);
  const isMax = COUNT.test(most.text) && max <= MAX_PREFIXES;
  if (!isMax) report.say("ING310", { of: "list_max", clause: null, literal: most.text, min: 1, max: MAX_PREFIXES, fault: "range" }, most.span);
  if (least === null) return isMax ? { min: 0, max } : null;
  const min = Number(least.text);
  const isMin = COUNT.test(least.text) && min <= (isMax ? max : MAX_PREFIXES);
  if (!isMin)
    report.say(
      "ING310",
      { of: "list_min", clause: isMax ? "max" : null, literal: least.text, min: 1, max: isMax ? max : MAX_PREFIXES, fault: "range" },
      least.span,
    );
  return isMax && isMin ? { min, max } : null;
}

const COUNT = /^[1-9][0-9]*$/;
