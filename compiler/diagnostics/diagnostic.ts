// A diagnostic: what is wrong, where, and what to do about it. Phases return lists of them;
// nothing is thrown at a policy author.
import { MAX_ERRORS } from "../source/bounds.ts";
import type { DiagnosticCode } from "./codes.ts";
import type { Words } from "./sentence.ts";
import { wordsOf, type DataOf } from "./words.ts";
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

/** The places of a diagnostic beside its own, whose labels are in its words; and its edit. */
export interface Beside {
  readonly related?: readonly Span[];
  readonly fix?: Diagnostic["fix"];
}

/** A diagnostic with the words of its code and data. */
export function diagnostic<C extends DiagnosticCode>(code: C, data: DataOf<C>, span: Span, { related = [], fix = null }: Beside = {}): Diagnostic<C> {
  const words = wordsOf(code, data);
  const { message, help = null, label = "" } = words;
  return { code, data, message, span, label, related: labelled(words, related), help, fix };
}

/** The related places with the labels that the words have for them. */
export function labelled({ related: labels = [] }: Words, related: readonly Span[]): Diagnostic["related"] {
  return related.map((span, i) => ({ span, label: labels[i] ?? labels.at(-1) ?? "" }));
}

export function hasCode<C extends DiagnosticCode>(d: Diagnostic, code: C): d is Diagnostic<C> {
  return d.code === code;
}

/** The first errors of a sorted list, and one more that says that there are others. */
export function firstErrors(sorted: readonly Diagnostic[]): Diagnostic[] {
  const next = sorted[MAX_ERRORS];
  if (next === undefined) return [...sorted];
  return [...sorted.slice(0, MAX_ERRORS), diagnostic("ING606", null, next.span)];
}
