// The row of `ingressc fmt` in the command table. commands/fmt.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { STDIN_NAME_FLAG } from "../flags.ts";

export const fmt = {
  summary: "format policies",
  operands: ["FILE..."],
  flags: { check: { short: null, value: null, says: "write nothing; exit 1 if a file is not formatted" }, "stdin-name": STDIN_NAME_FLAG },
  manual: [
    "Indents by two spaces, puts each clause on a line of its own, breaks lines at 100 columns where it",
    "can, and puts a blank line between statements of different kinds. Comments are kept, and so are",
    "blank lines beside comments that have a line of their own. CR LF becomes LF.",
    "A file with syntax errors is not touched. A file is replaced in one step and keeps its mode.",
    "`-` alone is standard input, which is formatted to standard output, as editors do it.",
    "",
    "  ingressc fmt policies/demo.ingress",
    "  ingressc fmt --check policies/demo.ingress policies/office/main.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
