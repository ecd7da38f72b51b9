// Diagnostics of the compiler and results of tests as the worker sends them.
import { join } from "node:path";
import { isWarning } from "../../diagnostics/codes.ts";
import type { Diagnostic } from "../../diagnostics/diagnostic.ts";
import { lineRange } from "../../lsp/positions.ts";
import type { CheckedTest } from "../../policy/policy.ts";
import type { Span } from "../../source/source.ts";
import { printable } from "../../diagnostics/quote.ts";
import type { LoadedPolicy } from "../../../runtime/host/module.ts";
import type { LineResult } from "../policy_tests.ts";
import { becauseText } from "../test_report.ts";
import type { FilePlace, Finding, TestRun } from "./messages.ts";

export function findingOf(root: string, d: Diagnostic): Finding {
  const label = d.label === "" ? "" : `: ${d.label}`;
  const help = d.help === null ? [] : [`help: ${d.help}`];
  return {
    code: d.code,
    severity: isWarning(d.code) ? "warning" : "error",
    message: inLines(`${d.message}${label}`, ...help),
    place: filePlace(root, d.span),
    related: d.related.map(({ span, label: says }) => ({ ...filePlace(root, span), label: printable(says) })),
    fix: d.fix === null ? null : { ...filePlace(root, d.fix.span), text: d.fix.text },
  };
}

export function testRun(root: string, test: CheckedTest, results: readonly LineResult[], { info }: LoadedPolicy): TestRun {
  const failures = results
    .filter(({ passed }) => !passed)
    .map((line): Finding => {
      const at = line.place === "" ? "" : ` at ${line.place}`;
      const because = becauseText(line.decision.code, line.decision.rule, info, null);
      return {
        code: null,
        severity: "error",
        message: inLines(`expected \`${line.expected}\`, and the module says \`${line.actual}\`${at}`, because),
        place: filePlace(root, line.span),
        related: [],
        fix: null,
      };
    });
  return { name: test.name, place: filePlace(root, test.span), lines: results.length, failures };
}

/** Line ends of a text itself are written as `\u{a}`, as in the terminal. */
function inLines(...lines: readonly string[]): string {
  return lines.map(printable).join("\n");
}

export function filePlace(root: string, span: Span): FilePlace {
  return { path: join(root, span.file.path), range: lineRange(span) };
}
