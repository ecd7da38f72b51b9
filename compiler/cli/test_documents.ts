// Results of tests in the forms that build servers read: TAP 14 and JUnit XML. A policy's text
// comes from its author, so each form escapes all of it.
import { positionOf } from "../source/source.ts";
import { printable } from "../diagnostics/quote.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import { shownPath } from "./compiled.ts";
import type { LineResult } from "./policy_tests.ts";
import { printableJson } from "../../runtime/shell/printable.ts";
import { becauseText } from "./test_report.ts";

/** https://testanything.org/tap-version-14-specification.html; one point a test line. */
export function tapText(results: readonly LineResult[], info: PolicyInfo, root: string): string {
  const points = results.map((r, i) => {
    const line = `${r.passed ? "ok" : "not ok"} ${i + 1} - ${tapWords(`${r.test}: ${lineText(r)}`)}`;
    if (r.passed) return line;
    // A string of JSON is one of YAML.
    const facts = Object.entries({
      expected: r.expected,
      actual: r.actual,
      at: placeOf(r, root),
      "asked": r.place,
      because: becauseText(r.decision.code, r.decision.rule, info, root),
    }).map(([key, value]) => `  ${key}: ${printableJson(value)}`);
    return [line, "  ---", ...facts, "  ..."].join("\n");
  });
  const plan = results.length === 0 ? "1..0 # SKIP no tests" : `1..${results.length}`;
  return [["TAP version 14", plan], points]
    .flat()
    .map((line) => `${line}\n`)
    .join("");
}

/** `#` would begin a directive such as `# SKIP`. */
function tapWords(text: string): string {
  return printable(text).replace(/[\\#]/g, (c) => `\\${c}`);
}

/** One suite a test, one case a line, in the shape that Jenkins, GitLab and GitHub's reporters read. */
export function junitText(results: readonly LineResult[], info: PolicyInfo, root: string): string {
  const suites: LineResult[][] = [];
  for (const r of results) {
    const last = suites.at(-1);
    if (last?.[0]?.test === r.test) last.push(r);
    else suites.push([r]);
  }
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites name="ingressc test" ${totals(results)}>`,
    ...suites.flatMap((lines) => [
      `  <testsuite name="${xml(lines[0]?.test ?? "")}" ${totals(lines)}>`,
      ...lines.flatMap((r) => caseLines(r, info, root)),
      "  </testsuite>",
    ]),
    "</testsuites>",
    "",
  ].join("\n");
}

function caseLines(r: LineResult, info: PolicyInfo, root: string): readonly string[] {
  const { line } = positionOf(r.span.file, r.span.start);
  const opening = `    <testcase name="${xml(lineText(r))}" classname="${xml(r.test)}" file="${xml(shownPath(root, r.span.file.path))}" line="${line}"`;
  if (r.passed) return [`${opening}/>`];
  const failure = `expected ${r.expected}, got ${r.actual}${r.place === "" ? "" : ` at ${r.place}`}`;
  return [
    `${opening}>`,
    `      <failure type="${xml(r.decision.code)}" message="${xml(failure)}">${xml(`${placeOf(r, root)}: ${becauseText(r.decision.code, r.decision.rule, info, root)}`)}</failure>`,
    "    </testcase>",
  ];
}

function totals(results: readonly LineResult[]): string {
  return `tests="${results.length}" failures="${results.filter((r) => !r.passed).length}" errors="0" skipped="0"`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&apos;" };

/** In XML 1.0 no escape represents a control character, so those are spelt out first. */
function xml(text: string): string {
  return printable(text).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? c);
}

function lineText(r: LineResult): string {
  return `${r.question} => ${r.expected}`;
}

function placeOf(r: LineResult, root: string): string {
  const { line, column } = positionOf(r.span.file, r.span.start);
  return `${shownPath(root, r.span.file.path)}:${line}:${column}`;
}
