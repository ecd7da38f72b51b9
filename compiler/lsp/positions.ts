// Places as the Language Server Protocol has them: lines and UTF-16 units from 0, and lines that end with LF, CR LF or CR.
import type { SourceFile, Span } from "../source/source.ts";

export interface LinePosition {
  readonly line: number;
  readonly character: number;
}

export interface LineRange {
  readonly start: LinePosition;
  readonly end: LinePosition;
}

const starts = new WeakMap<SourceFile, readonly number[]>();

export function linePosition(file: SourceFile, offset: number): LinePosition {
  const lines = linesOf(file);
  let low = 0;
  let high = lines.length;
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((lines[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return { line: low, character: offset - (lines[low] ?? 0) };
}

export function lineRange({ file, start, end }: Span): LineRange {
  return { start: linePosition(file, start), end: linePosition(file, end) };
}

/** The nearest offset that the text has. */
export function offsetAt(file: SourceFile, { line, character }: LinePosition): number {
  const lines = linesOf(file);
  if (line < 0) return 0;
  const start = lines[line];
  if (start === undefined) return file.text.length;
  const next = lines[line + 1] ?? file.text.length + 1;
  let end = next - 1;
  // Before both characters of CR LF.
  if (lines[line + 1] !== undefined && file.text.charAt(end) === "\n" && end > start && file.text.charAt(end - 1) === "\r") end--;
  return Math.max(start, Math.min(start + Math.max(0, character), end));
}

function linesOf(file: SourceFile): readonly number[] {
  const known = starts.get(file);
  if (known !== undefined) return known;
  const lines = [0];
  const ends = /\r\n|\r|\n/g;
  for (let found = ends.exec(file.text); found !== null; found = ends.exec(file.text)) lines.push(ends.lastIndex);
  starts.set(file, lines);
  return lines;
}
