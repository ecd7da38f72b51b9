// Text and places in it. Every node, diagnostic and rule of a policy has a Span, so that
// a person is always shown the line that is meant.

import type { Result } from "../../runtime/result/result.ts";

/** One text that was read; `path` is relative to the policy root. One real file has one `path`. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Half-open range of UTF-16 offsets into `file.text`. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
  /** How the text came to where it takes effect, where that is another place. */
  readonly origin?: Origin | undefined;
}

/** The two ways in which a template puts text in another place. */
export type Origin =
  /** Text of its body replaces this `use`. */
  | { readonly kind: "body"; readonly use: Span }
  /** An argument stands in the place of this parameter; `own` is how the argument itself got there. */
  | { readonly kind: "argument"; readonly parameter: Span; readonly own: Origin | undefined };

/** 1-based line and column; columns count UTF-16 units, without a byte order mark. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Offsets at which lines start, by file: places in lists of a million lines are looked up often. */
const starts = new WeakMap<SourceFile, readonly number[]>();

export function positionOf(file: SourceFile, offset: number): Position {
  const lines = starts.get(file) ?? lineStarts(file);
  let low = 0;
  let high = lines.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((lines[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  const mark = low === 0 && file.text.charCodeAt(0) === 0xfeff && offset > 0 ? 1 : 0;
  return { line: low + 1, column: offset - (lines[low] ?? 0) + 1 - mark };
}

function lineStarts(file: SourceFile): readonly number[] {
  const lines = [0];
  for (let at = file.text.indexOf("\n"); at >= 0; at = file.text.indexOf("\n", at + 1)) lines.push(at + 1);
  starts.set(file, lines);
  return lines;
}

/** Why a file that a policy names can't be had. */
export type ReadFailure = "missing" | "outside" | "too_large" | "unreadable" | NotText;

/** A file that is not UTF-8 text, and the first place where it is none. */
export interface NotText extends Position {
  readonly failure: "not_text";
  /** `the byte 0xe9`, `a NUL character` */
  readonly what: string;
}

/** `is not UTF-8 text: line 3, column 18 has the byte 0xe9` */
export function notTextSays({ line, column, what }: NotText): string {
  return `is not UTF-8 text: line ${line}, column ${column} has ${what}`;
}

/** How the compiler reaches files: the command line gives it, tests give a map. */
export interface SourceReader {
  /**
   * Reads `path`, written relative to the file `from` (null for the entry file).
   * Stays below the policy root (the entry file's directory), by real path.
   */
  read(path: string, from: SourceFile | null): Result<SourceFile, ReadFailure>;
}
