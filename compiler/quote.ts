// The author's text inside a message: in backticks, on one line, shortened, harmless on a terminal.
import { MAX_QUOTE } from "./bounds.ts";

export function quote(text: string): string {
  const short = text.length > MAX_QUOTE ? `${text.slice(0, MAX_QUOTE)}…` : text;
  return `\`${printable(short)}\``;
}

/**
 * Makes visible what would move a terminal's cursor, change its colours or reorder its text:
 * control characters, bidirectional marks, line separators, lone surrogates.
 */
export function printable(text: string): string {
  return text.replace(
    // eslint-disable-next-line no-control-regex -- control characters are what it looks for
    /[\u0000-\u001f\u007f-\u009f\u00ad\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\uffff]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g,
    (c) => `\\u{${c.charCodeAt(0).toString(16)}}`,
  );
}
