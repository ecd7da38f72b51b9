// The row of `ingressc export` in the command table. commands/export.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const exportSource = {
  summary: "write a policy as source JSON",
  operands: ["FILE"],
  flags: { out: { short: "o", value: "OUT", says: "where the document is written (default: standard output)" } },
  manual: [
    "Writes everything in FILE except comments and layout, in the form of",
    "schemas/policy/ingress.schema.json. Imported files and list files are not read: each file is a",
    "document of its own. `ingressc import` turns the document back into a policy.",
    "",
    "  ingressc export policies/demo.ingress -o demo.json",
  ].join("\n"),
} as const satisfies CommandSpec;
