// ingressc test: runs a policy's tests in the module that `build` would write.
import type { Command } from "../command.ts";
import { count } from "../outcome.ts";
import { compileAndTest, failedTests, isTested } from "../tested.ts";
import { resultsJson } from "../testReport.ts";

export const test = {
  summary: "run a policy's tests in its compiled module",
  operands: ["FILE"],
  flags: {},
  manual: [
    "Every line of every `test` block is asked of the very module that `ingressc build` writes,",
    "each from fresh limits and caps. Exits 1 when a line fails.",
    "",
    "  ingressc test policies/demo.ingress",
  ].join("\n"),
  async run(args) {
    const file = args.operands[0] ?? "";
    const tested = compileAndTest(file);
    if (!isTested(tested)) return tested.outcome;
    const failed = failedTests(tested, "");
    if (failed !== null) return failed;
    const { policy, results } = tested;
    const message = results.length === 0
      ? `\`${file}\` is valid and has no tests`
      : `${count(results.length, "test line")} of ${count(policy.tests.length, "test")} passed`;
    return {
      class: "ok",
      code: "policy.tests_passed",
      message,
      data: { failed: 0, results: resultsJson(results) },
      report: (p) => {
        const perTest = policy.tests.map((t) => `${p.good("ok")} ${JSON.stringify(t.name)} ${p.dim(count(t.lines.length, "line"))}`);
        return [...perTest, message].join("\n");
      },
    };
  },
} as const satisfies Command;
