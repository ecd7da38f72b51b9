// How the checks speak: one list of diagnostics, and a short way to add to it. A place in a
// template's body is shown with the `use` that brought it, an argument with the parameter that
// it is for; an error in several uses of one body is reported once.
import { MAX_LOOKS } from "../source/bounds.ts";
import type { DiagnosticCode } from "./codes.ts";
import { diagnostic, type Diagnostic } from "./diagnostic.ts";
import { PLACE_LABELS } from "./sentence.ts";
import type { DataOf } from "./words.ts";
import { failed, type Failed } from "../../runtime/result/result.ts";
import { LITERAL_WORDS, type LiteralData, type LiteralProblem } from "./literal_words.ts";
import type { Span } from "../source/source.ts";

/** The parts of a diagnostic beside its data and its place. */
export interface More {
  /** Their labels are in the words of the code. */
  readonly related?: readonly Span[];
  /** The text that should replace the span. */
  readonly replace?: string;
  /** Where that text should be written, if not there. */
  readonly at?: Span;
}

export interface Report {
  readonly diagnostics: Diagnostic[];
  /** Names that may still be compared with mistyped ones, so that a thousand errors in a thousand names cost what they weigh. */
  looks: number;
  say<C extends DiagnosticCode>(code: C, data: DataOf<C>, span: Span, more?: More): void;
}

export function newReport(): Report {
  const diagnostics: Diagnostic[] = [];
  const reported = new Set<string>();
  return {
    diagnostics,
    looks: MAX_LOOKS,
    say(code, data, span, { related = [], replace, at } = {}) {
      const said = diagnostic(code, data, span, { related, fix: replace === undefined ? null : { span: at ?? span, text: replace } });
      if (span.origin !== undefined) {
        const key = `${code} ${span.file.path} ${span.start} ${span.end} ${said.message}`;
        if (reported.has(key)) return;
        reported.add(key);
      }
      diagnostics.push({ ...said, related: [...said.related.flatMap((r) => [r, ...ways(r.span)]), ...ways(span)] });
    },
  };
}

/** Steps shown of the way that a template's text took. */
const MAX_WAYS = 4;

function ways(span: Span): Diagnostic["related"][number][] {
  const out: Diagnostic["related"][number][] = [];
  for (let { origin } = span; origin !== undefined && out.length < MAX_WAYS;) {
    if (origin.kind === "body") {
      out.push({ span: origin.use, label: PLACE_LABELS.use });
      origin = origin.use.origin;
    } else {
      out.push({ span: origin.parameter, label: PLACE_LABELS.parameter });
      origin = origin.own;
    }
  }
  return out;
}

/** The fault of one literal, before its place is known. */
export interface Problem<C extends keyof LiteralData = keyof LiteralData> {
  readonly code: C;
  readonly data: LiteralData[C];
  readonly message: string;
  readonly help: string;
  /** The most likely meaning; null where that is a guess. */
  readonly replace: string | null;
}

export function problem<C extends keyof LiteralData>(code: C, data: LiteralData[C], replace: string | null = null): Problem<C> {
  const { message, help = "" } = LITERAL_WORDS[code](data);
  return { code, data, message, help, replace };
}

/** The part of a problem that other data can have in it. */
export function literalProblem({ code, data }: Problem): LiteralProblem {
  // The code and the data of one problem belong together, which the type of a union does not say.
  return { code, data } as LiteralProblem;
}

/** The same as the failure of a reader of literals. */
export function refused<C extends keyof LiteralData>(code: C, data: LiteralData[C], replace: string | null = null): Failed<Problem<C>> {
  return failed(problem(code, data, replace));
}

export function sayProblem(report: Report, { code, data, replace }: Problem, span: Span): void {
  report.say(code, data, span, replace === null ? {} : { replace });
}

/** The same for a text in quotes. */
export function sayTextProblem(report: Report, problem: Problem, span: Span): void {
  sayProblem(report, { ...problem, replace: problem.replace === null ? null : `"${problem.replace}"` }, span);
}
