// List files: one entry a line, `#` comments, white space ignored. A line that is
// something else is an error at its place in the list; no more of the file than the one token
// is ever shown, since a policy's author may not be allowed to read it.
import { MAX_LIST_BYTES, MAX_LIST_ERRORS, MAX_PREFIXES } from "../bounds.ts";
import type { Member } from "../ast/nodes.ts";
import { quote } from "../quote.ts";
import type { ReadFailure, SourceFile, SourceReader } from "../source.ts";
import type { Problem, Report } from "./report.ts";

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
  not_text: ["is not UTF-8 text", "a list has one entry a line"],
  unreadable: ["can't be read", "check that it is a file and its permissions"],
} as const satisfies Record<ReadFailure, readonly [string, string]>;

/**
 * Reads a list, at most `max` entries of it, relative to the file in which the path is written.
 * The number of its entries, or null if it can't be used (then it was told why).
 */
export function readList(report: Report, reader: SourceReader, node: FileMember, max: number, into: Entries): number | null {
  const { text: path, span } = node.path;
  const file = path.startsWith("/") || path.includes("\\") ? "outside" : reader.read(path, span.file);
  if (typeof file === "string") {
    const [what, help] = FAILURES[file];
    report.say("ING501", `${quote(path)} ${what}`, span, { help });
    return null;
  }
  return readEntries(report, file, node, max, into);
}

function readEntries(report: Report, file: SourceFile, node: FileMember, max: number, into: Entries): number | null {
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
      report.say("ING503", `${quote(node.path.text)} has more than ${max} entries`, node.max.span, { help: "raise `max`, or look why the list is so long" });
      return null;
    }
    entries++;
    const rest = skipSpace(text, end, lineEnd);
    if (rest < lineEnd && text.charCodeAt(rest) !== HASH) {
      errors++;
      if (errors <= MAX_LIST_ERRORS) {
        report.say("ING502", "more than one entry on a line", { file, start: rest, end: tokenEnd(text, rest, lineEnd) }, { related, help: `a list has one ${into.what} a line; a comment begins with \`#\`` });
      }
      continue;
    }
    if (into.scan?.(text, start, end) === true) continue;
    const problem = into.add(text.slice(start, end));
    if (problem === null) continue;
    errors++;
    if (errors <= MAX_LIST_ERRORS) {
      const more = { related, help: problem.help };
      report.say("ING502", problem.message, { file, start, end }, problem.replace === null ? more : { ...more, replace: problem.replace });
    }
  }
  if (errors > MAX_LIST_ERRORS) {
    report.say("ING504", `${quote(node.path.text)} has ${errors} errors, of which ${MAX_LIST_ERRORS} are shown`, node.path.span, { help: `has it one ${into.what} a line?` });
  }
  return errors > 0 ? null : entries;
}

const HASH = 35;

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
  while (at < end && text.charCodeAt(at) !== HASH && !isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** The number behind `max`, or null (then it was told why). */
export function readMax(report: Report, node: FileMember): number | null {
  const max = Number(node.max.text);
  if (/^[1-9][0-9]*$/.test(node.max.text) && max <= MAX_PREFIXES) return max;
  report.say("ING310", `\`max\` is 1 to ${MAX_PREFIXES}, and ${quote(node.max.text)} is not`, node.max.span, { help: "write the most entries that the list should ever have" });
  return null;
}
