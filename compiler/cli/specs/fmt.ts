// The row of `ingressc fmt` in the command table. commands/fmt.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const fmt = {
  summary: "write policies in the one layout, with their comments",
  operands: ["FILE..."],
  flags: { check: { short: null, value: null, says: "write nothing; exit 1 if a file has another layout" } },
  manual: [
    "Two spaces a step, a clause a line, lines of at most 100 columns where they can be broken, a",
    "blank line between statements of different kinds. Every comment stays, and so do blank lines",
    "beside comments that have a line of their own. Lines end in LF, also where they ended in CR LF.",
    "A file with syntax errors is not touched. A file is replaced in one step and keeps its mode.",
    "",
    "  ingressc fmt policies/demo.ingress",
    "  ingressc fmt --check policies/demo.ingress policies/office/main.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
