// Text on a terminal: colour where it is wanted, rows of labels and values, and the clocks that are printed.
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
  const sgr =
    (on: number) =>
    (text: string): string =>
      options.color && text !== "" ? `\x1b[${on}m${text}\x1b[0m` : text;
  return { color: options.color, bold: sgr(1), dim: sgr(2), good: sgr(32), bad: sgr(31) };
}

/** NO_COLOR (no-color.org) and dumb terminals switch colour off; only a TTY has it. */
export function wantsColor(stream: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  const off = env["NO_COLOR"] !== undefined && env["NO_COLOR"] !== "";
  return stream.isTTY === true && !off && env["TERM"] !== "dumb";
}

/** Rows of `label  value`, the values in one column, indented by two. */
export function rows(pairs: readonly (readonly [string, string])[]): string {
  const width = Math.max(0, ...pairs.map(([label]) => label.length)) + 2;
  return pairs.map(([label, value]) => `  ${label.padEnd(width)}${value}`.trimEnd()).join("\n");
}
