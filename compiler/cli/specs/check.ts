// The row of `ingressc check` in the command table. commands/check.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { PROFILE_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const check = {
  summary: "show every error of a policy",
  operands: ["FILE"],
  flags: {
    profile: PROFILE_FLAG,
    fix: { short: null, value: null, says: "apply the fixes that the errors name, in all files of the policy" },
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "Compiles FILE and writes nothing. The policy's tests are not run: `ingressc test` does that.",
    "If FILE is a folder, every policy below it is checked; a file that another one imports is checked",
    "with that one.",
    "With --fix every error that names a fix is fixed in FILE, its imports and its list files, and",
    "each edit is shown. An error that could be fixed in several ways is not edited; its message says",
    "how to fix it. Everything else in the files stays byte for byte, and no edit is made that would",
    "make a new syntax error.",
    "",
    "  ingressc check policies/demo.ingress",
    "  ingressc check --fix policies/demo.ingress",
    "  ingressc check policies",
  ].join("\n"),
} as const satisfies CommandSpec;
