// A diagnostic: what is wrong, where, and what to do about it. Phases return lists of them;
// nothing is thrown at a policy author.
import { MAX_ERRORS } from "../source/bounds.ts";
import type { DiagnosticCode } from "./codes.ts";
import { wordsOf, type DataOf, type TypedCode, type TypedData } from "./words.ts";
import type { Span } from "../source/source.ts";

export interface Diagnostic<C extends DiagnosticCode = DiagnosticCode> {
  readonly code: C;
  /** The values in the words, for programs; null where the code and the place say all. */
  readonly data: DataOf<C>;
  /** One sentence, lower case, no period, the author's text in backticks. */
  readonly message: string;
  readonly span: Span;
  /** The text behind the carets; may be empty. */
  readonly label: string;
  /** Second places, for example "first exposed here". */
  readonly related: readonly { readonly span: Span; readonly label: string }[];
  /** How to fix it; null where no advice is known. */
  readonly help: string | null;
  /** The help as an edit that can be applied. */
  readonly fix: { readonly span: Span; readonly text: string } | null;
}

/** The parts of a diagnostic beside its words. */
export type Beside = Partial<Pick<Diagnostic, "related" | "fix">>;

/** A diagnostic with the words of its code and data. */
export function diagnostic<C extends TypedCode>(code: C, data: TypedData<C> & DataOf<C>, span: Span, { related = [], fix = null }: Beside = {}): Diagnostic<C> {
  const { message, help = null, label = "" } = wordsOf(code, data);
  return { code, data, message, span, label, related, help, fix };
}

/** The first errors of a sorted list, and one more that says that there are others. */
export function firstErrors(sorted: readonly Diagnostic[]): Diagnostic[] {
  const next = sorted[MAX_ERRORS];
  if (next === undefined) return [...sorted];
  return [...sorted.slice(0, MAX_ERRORS), diagnostic("ING606", null, next.span)];
}
