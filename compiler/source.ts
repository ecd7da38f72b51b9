// Text and places in it. Every node, diagnostic and rule of a policy carries a Span, so that
// a person is always shown the line that is meant.

/** One text that was read; `path` is how the author names it, relative to the policy root. */
export interface SourceFile {
  readonly path: string;
  readonly text: string;
}

/** Half-open range of UTF-16 offsets into `file.text`. */
export interface Span {
  readonly file: SourceFile;
  readonly start: number;
  readonly end: number;
}

/** 1-based line and column; columns count UTF-16 units. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

export function positionOf(file: SourceFile, offset: number): Position {
  const before = file.text.slice(0, offset);
  const line = before.split("\n").length;
  return { line, column: offset - (before.lastIndexOf("\n") + 1) + 1 };
}

/** Why a file that a policy names can't be had. */
export type ReadFailure = "missing" | "outside" | "too_large" | "not_text" | "unreadable";

/** How the compiler reaches files: the command line gives it, tests give a map. */
export interface SourceReader {
  /**
   * Reads `path`, written relative to the file `from` (null for the entry file).
   * Stays below the policy root (the entry file's directory), by real path.
   */
  read(path: string, from: SourceFile | null): SourceFile | ReadFailure;
}
