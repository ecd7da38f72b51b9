// Text for a terminal, without what a hostile policy, module or argument could send to steer it.

// C0 (but tab and newline), DEL, C1, bidirectional controls; an SGR colour is matched first
// and kept, because paint and the diagnostics' renderer write those.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const STEERING = /\x1b\[(?:0|1|2|22|39|3[1-7]|9[0-7]|1;3[1-7])?m|[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g;

/** Replaces every character that steers a terminal by its `\u` escape. */
export function printable(text: string): string {
  return text.replace(STEERING, (m) => (m.length > 1 ? m : unicodeEscape(m)));
}

/** JSON on one line, with the same characters escaped inside its strings. */
export function printableJson(value: unknown): string {
  return JSON.stringify(value).replace(/[\x7f-\x9f\u200e\u200f\u202a-\u202e\u2028\u2029\u2066-\u2069]/g, unicodeEscape);
}

function unicodeEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}
