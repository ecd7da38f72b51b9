// The row of `ingressc check` in the command table. commands/check.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, PROFILE_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const check = {
  summary: "show every error of a policy, and warnings",
  operands: ["FILE"],
  flags: {
    profile: PROFILE_FLAG,
    fix: { short: null, value: null, says: "apply the fixes that the errors name, in all files of the policy" },
    "deny-warnings": { short: null, value: null, says: "exit 1 if there is a warning that does not depend on the date" },
    "deny-expired": { short: null, value: null, says: "exit 1 if an allow has ended or ends within 30 days" },
    ignore: { short: null, value: "CODE", says: "hide the warnings of this code; may be given several times", many: true },
    at: { short: null, value: "TIME", says: "the time for warnings that depend on the date (default: now)" },
    nodes: NODES_FLAG,
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "Compiles FILE and writes nothing. The policy's tests are not run: `ingressc test` does that.",
    "If FILE is a folder, every policy below it is checked; a file that another one imports is checked",
    "with that one. Folders whose name begins with a dot, `node_modules` and links to folders are left out.",
    "With --fix every error that names a fix is fixed in FILE, its imports and its list files, and",
    "each edit is shown. An error that could be fixed in several ways is not edited; its message says",
    "how to fix it. Everything else in the files stays byte for byte, and no edit is made that would",
    "make a new syntax error.",
    "",
    "Of a policy without errors it shows warnings: rules without an effect, what nothing uses, and what",
    'its author may not have meant. They are exact. `@lint off CODE "why"` turns one off where it is',
    "written, --ignore everywhere; `.ingressc.toml` says the same for a repository:",
    "",
    "  [lint]",
    '  ignore = ["ING827"]',
    "  deny_warnings = true",
    "  deny_expired = false",
    "",
    "  ingressc check policies/demo.ingress",
    "  ingressc check --fix policies/demo.ingress",
    "  ingressc check policies",
    "  ingressc check --deny-warnings --ignore ING833 policies/demo.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
