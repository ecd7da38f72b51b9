// The row of `ingressc lsp` in the command table. commands/lsp.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const lsp = {
  summary: "serve editors: errors while typing, names, hover, completion, fixes and tests",
  operands: [],
  flags: { stdio: { short: null, value: null, says: "use standard input and output, as without it; editors write it" } },
  manual: [
    "A server of the Language Server Protocol on standard input and output; an editor starts it for",
    "files whose names end in `.ingress` (docs/editors.md). It reads the files of a policy as the",
    "editor has them, also those that are not saved, and writes no file. It shows the errors of `check`",
    "while you type, and its warnings and the lines of tests that fail when you pause.",
    "",
    "  ingressc lsp",
  ].join("\n"),
} as const satisfies CommandSpec;
