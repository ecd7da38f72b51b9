// Runs a policy's tests in the very module that is shipped. Each line starts from fresh limits
// and caps, which is a fresh engine, and without a clock.
import type { CheckedPolicy, Expected, TestLine } from "../check/policy.ts";
import { positionOf, type Span } from "../source.ts";
import { openEngine } from "../../runtime/host/ask.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import type { LoadedPolicy, PolicyEngine } from "../../runtime/host/module.ts";
import { askAll } from "./ask.ts";

export interface LineResult {
  readonly test: string;
  readonly span: Span;
  /** The line as it is written, up to `=>`. */
  readonly question: string;
  readonly expected: string;
  readonly actual: string;
  /** The first answer that is not the expected one, or else the first. */
  readonly decision: Decision;
  /** What was asked to get `decision`, where a line asks several ports. */
  readonly asked: string;
  readonly passed: boolean;
}

/** Limits have a random seed; what a single question gets doesn't depend on it. */
const SEED = new Uint8Array(16);

export function freshEngine(policy: LoadedPolicy): PolicyEngine {
  const engine = openEngine(policy, SEED);
  engine.setClock({ monoMs: 0, wallSeconds: null });
  return engine;
}

export function runTests(policy: CheckedPolicy, loaded: LoadedPolicy): readonly LineResult[] {
  return policy.tests.flatMap((test) => test.lines.map((line) => runLine(test.name, line, loaded)));
}

function runLine(test: string, line: TestLine, loaded: LoadedPolicy): LineResult {
  const expected = expectedText(line.expected);
  const answers = askLine(line, loaded);
  const wrong = answers.find((a) => verdictText(a.decision) !== expected);
  const shown = wrong ?? answers[0];
  // INVARIANT: askFrom answers at least once; a line that asks nothing has proven nothing.
  if (shown === undefined) throw new Error("a test line asked nothing");
  const { file, start, end } = line.span;
  const written = file.text.slice(start, end);
  const arrow = written.lastIndexOf("=>");
  return {
    test,
    span: line.span,
    question: (arrow < 0 ? written : written.slice(0, arrow)).trim().replace(/\s+/g, " "),
    expected,
    actual: verdictText(shown.decision),
    decision: shown.decision,
    asked: shown.asked,
    passed: wrong === undefined,
  };
}

function askLine(line: TestLine, loaded: LoadedPolicy): readonly { readonly asked: string; readonly decision: Decision }[] {
  if (line.kind === "bind") return [{ asked: "", decision: freshEngine(loaded).bind(line) }];
  const fresh = (): PolicyEngine => freshEngine(loaded);
  return askFrom(loaded.info, fresh, line.source, line.to).map((a) => ({ asked: a.asked, decision: a.decision }));
}

export function expectedText(expected: Expected): string {
  return expected.verdict === "allow" ? "allow" : `deny ${expected.reason}`;
}

export function verdictText(decision: Decision): string {
  return decision.allowed ? "allow" : `deny ${decision.reason}`;
}

/** `file:line:column`, the file relative to the policy root. */
export function placeText(span: Span): string {
  const { line, column } = positionOf(span.file, span.start);
  return `${span.file.path}:${line}:${column}`;
}
