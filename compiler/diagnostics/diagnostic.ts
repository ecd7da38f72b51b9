// A diagnostic: what is wrong, where, and what to do about it. Phases return lists of them;
// nothing is thrown at a policy author.
import { MAX_ERRORS } from "../source/bounds.ts";
import type { DiagnosticCode } from "./codes.ts";
import type { Span } from "../source/source.ts";

export interface Diagnostic {
  readonly code: DiagnosticCode;
  /** One sentence, lower case, no period, the author's text in backticks. */
  readonly message: string;
  readonly span: Span;
  /** What the carets say; may be empty. */
  readonly label: string;
  /** Second places, for example "first exposed here". */
  readonly related: readonly { readonly span: Span; readonly label: string }[];
  /** What to do; null where nothing sensible can be said. */
  readonly help: string | null;
  /** The help as an edit that can be applied. */
  readonly fix: { readonly span: Span; readonly text: string } | null;
}

/** The first errors of a sorted list, and one more that says that there are others. */
export function firstErrors(sorted: readonly Diagnostic[]): Diagnostic[] {
  const next = sorted[MAX_ERRORS];
  if (next === undefined) return [...sorted];
  const more = { ...next, code: "ING606", message: "there are more errors, which are not shown", label: "the next is here", related: [], help: "mend the ones above first", fix: null } as const;
  return [...sorted.slice(0, MAX_ERRORS), more];
}
