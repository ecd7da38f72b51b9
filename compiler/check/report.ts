// How the checks speak: one list of diagnostics, and a short way to add to it.
import type { DiagnosticCode } from "../codes.ts";
import type { Diagnostic } from "../diagnostic.ts";
import type { Span } from "../source.ts";

/** What a diagnostic may have beyond its sentence and its place. */
export interface More {
  readonly label?: string;
  readonly help?: string;
  readonly related?: Diagnostic["related"];
  /** The text that should stand in place of the span. */
  readonly replace?: string;
}

export interface Report {
  readonly diagnostics: Diagnostic[];
  say(code: DiagnosticCode, message: string, span: Span, more?: More): void;
}

export function newReport(): Report {
  const diagnostics: Diagnostic[] = [];
  return {
    diagnostics,
    say(code, message, span, more = {}) {
      const { label = "", help = null, related = [], replace } = more;
      diagnostics.push({ code, message, span, label, related, help, fix: replace === undefined ? null : { span, text: replace } });
    },
  };
}

/** What is wrong with one literal, before it is known where it stands. */
export interface Problem {
  readonly code: DiagnosticCode;
  readonly message: string;
  readonly help: string;
  /** What was most likely meant; null where that is a guess. */
  readonly replace: string | null;
}

export function sayProblem(report: Report, problem: Problem, span: Span): void {
  const { code, message, help, replace } = problem;
  report.say(code, message, span, replace === null ? { help } : { help, replace });
}
