// The row of `ingressc import` in the command table. commands/import.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const importSource = {
  summary: "write source JSON as a policy",
  operands: ["FILE"],
  flags: { out: { short: "o", value: "OUT", says: "where the policy is written (default: standard output)" } },
  manual: [
    "FILE is a document as `ingressc export` writes it. Anything that a policy can't express, an unknown",
    "key and a key that appears twice are refused with their place (a JSON pointer). The policy is",
    "formatted as by `ingressc fmt`; run `ingressc check` on it, since names are not resolved here.",
    "",
    "  ingressc import demo.json -o demo.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
