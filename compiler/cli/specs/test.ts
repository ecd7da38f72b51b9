// The row of `ingressc test` in the command table. commands/test.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { PROFILE_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const test = {
  summary: "run a policy's tests in its compiled module",
  operands: ["FILE"],
  flags: {
    profile: PROFILE_FLAG,
    filter: { short: null, value: "TEXT", says: "run only the tests whose names contain TEXT, in any case" },
    "require-tests": { short: null, value: null, says: "fail where the policy has no test lines" },
    "min-coverage": { short: null, value: "N", says: "fail where the tests cover less than N percent of the rules and members of sets" },
    coverage: { short: null, value: null, says: "say which rules decide no line, and which members of sets no line meets" },
    tap: { short: null, value: "OUT", says: "write the results as TAP 14; `-` is standard output" },
    junit: { short: null, value: "OUT", says: "write the results as JUnit XML; `-` is standard output" },
    lcov: { short: null, value: "OUT", says: "write the coverage as an lcov trace; `-` is standard output" },
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "If FILE is a folder, the tests of every policy below it run, as `ingressc check` finds them: not",
    "those in folders whose name begins with a dot, in `node_modules` and behind links to folders.",
    "Every line of every `test` block is evaluated by the very module that `ingressc build` writes,",
    "each from fresh limits and caps. Exits 1 when a line fails; documents are written then too.",
    "A TEXT that no test's name contains is a mistake, exit 2, and not a pass. A policy without test",
    "lines is answered with the code `policy.no_tests`: exit 0, or 1 with --require-tests.",
    "",
    "A rule is covered when it decides a line, which is more than matching: a deny may override it.",
    "A member of a set is covered when a line's source, or the address that it connects to, is in it.",
    "Tests that `--filter` excludes cover nothing.",
    "",
    "With `--min-coverage N` the answer is no (exit 1) where less than N percent of the rules and members",
    "of sets are covered; `--filter` can't be combined with it.",
    "",
    "  ingressc test policies/demo.ingress",
    "  ingressc test policies/demo.ingress --require-tests --min-coverage 90",
    "  ingressc test policies/demo.ingress --filter lab --coverage",
    "  ingressc test policies",
    "  ingressc test policies/demo.ingress --junit report.xml --lcov lcov.info",
    "  ingressc test policies/demo.ingress --tap -",
  ].join("\n"),
} as const satisfies CommandSpec;
