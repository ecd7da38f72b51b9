// Text on a terminal: colour where it is wanted, and nothing that a hostile policy or module
// could send to steer the terminal.
import { systemClock } from "../../runtime/shell/clock.ts";

/** Milliseconds of a clock that never steps back. */
export function monotonicMs(): number {
  return performance.now();
}

/** UTC seconds by the clock of this host. */
export function wallSeconds(): number {
  return Math.floor(systemClock().wallMs() / 1_000);
}

export interface Paint {
  readonly color: boolean;
  bold(text: string): string;
  dim(text: string): string;
  good(text: string): string;
  bad(text: string): string;
}

export function paint(options: { readonly color: boolean }): Paint {
  const sgr = (on: number) => (text: string): string =>
    options.color && text !== "" ? `\x1b[${on}m${text}\x1b[0m` : text;
  return { color: options.color, bold: sgr(1), dim: sgr(2), good: sgr(32), bad: sgr(31) };
}

/** NO_COLOR (no-color.org) and dumb terminals switch colour off; only a TTY has it. */
export function wantsColor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const off = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  return stream.isTTY === true && !off && env["TERM"] !== "dumb";
}

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

/** Rows of `label  value`, the values in one column, indented by two. */
export function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length)) + 2;
  return pairs.map(([label, value]) => `  ${label.padEnd(width)}${value}`.trimEnd()).join("\n");
}
