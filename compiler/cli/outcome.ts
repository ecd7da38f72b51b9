// The result of a command: one record, from which main.ts makes the text for people, the JSON
// envelope and the exit code.
import { grouped } from "../../runtime/text/number.ts";
import type { ExitClass } from "../../runtime/shell/exit.ts";
import type { Paint } from "./terminal.ts";

export type OutcomeClass = ExitClass;

export interface Outcome {
  readonly class: OutcomeClass;
  /** `policy.<snake_case>` or `usage.<snake_case>`, for programs; never reworded. */
  readonly code: string;
  /** One sentence, lower case, no period. */
  readonly message: string;
  /** How to fix it. */
  readonly help?: string;
  /** The body for people, without a final newline; to stdout for `ok` and `no`, else to stderr. */
  readonly report?: (paint: Paint) => string;
  /** The report is a document for other programs, so nothing is printed beside it. */
  readonly document?: true;
  /** Not a character of the report is changed: it goes back into a file. */
  readonly exact?: true;
  /** The body for programs; must survive JSON. */
  readonly data?: unknown;
}

export function usage(code: string, message: string, help: string): Outcome {
  return { class: "usage", code: `usage.${code}`, message, help };
}

/** `1 error`, `2 errors`. */
export function count(n: number, noun: string): string {
  return `${grouped(n)} ${noun}${n === 1 ? "" : "s"}`;
}
