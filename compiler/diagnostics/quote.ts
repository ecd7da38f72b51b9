// The author's text inside a message: in backticks, on one line, shortened, harmless on a terminal.
import { quoted, visible } from "../../runtime/text/characters.ts";
import { MAX_QUOTE } from "../source/bounds.ts";

/** Where a character looks like one of ASCII and is another, its code point follows. */
export function quote(text: string): string {
  return quoted(text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text);
}

/**
 * Makes visible what can't be seen, what would move a terminal's cursor, change its colours or
 * reorder its text: blanks of other scripts, control characters, bidirectional marks, line
 * separators, lone surrogates.
 */
export function printable(text: string): string {
  return visible(text);
}
