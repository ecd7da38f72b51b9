// ingressc check: every error of a policy in one pass, nothing written.
import type { Command } from "../command.ts";
import { compileFile, isNotCompiled } from "../compiled.ts";
import { count } from "../outcome.ts";

export const check = {
  summary: "show every error of a policy",
  operands: ["FILE"],
  flags: {},
  manual: [
    "Compiles FILE and writes nothing. The policy's tests are not run: `ingressc test` does that.",
    "",
    "  ingressc check policies/demo.ingress",
  ].join("\n"),
  async run(args) {
    const file = args.operands[0] ?? "";
    const compiled = compileFile(file);
    if (isNotCompiled(compiled)) return compiled.outcome;
    const { exposes, tests } = compiled.policy;
    const lines = tests.reduce((n, t) => n + t.lines.length, 0);
    const message = `\`${file}\` is valid: ${count(exposes.length, "expose")}, ${count(lines, "test line")}`;
    return { class: "ok", code: "policy.valid", message, data: { exposes: exposes.map((e) => e.name), testLines: lines } };
  },
} as const satisfies Command;
