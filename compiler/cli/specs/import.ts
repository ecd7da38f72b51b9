// The row of `ingressc import` in the command table. commands/import.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const importSource = {
  summary: "write source JSON, or another program's configuration, as a policy",
  operands: ["FILE"],
  flags: {
    out: { short: "o", value: "OUT", says: "where the policy is written (default: standard output)" },
    from: {
      short: null,
      value: "FORMAT",
      says: "what FILE is: nft, nginx, haproxy, aws, terraform, kubernetes or tailscale (default: source JSON)",
      oneOf: ["nft", "nginx", "haproxy", "aws", "terraform", "kubernetes", "tailscale"],
    },
  },
  manual: [
    "FILE is a document as `ingressc export` writes it. Anything that a policy can't express, an unknown",
    "key and a key that appears twice are refused with their place (a JSON pointer). The policy is",
    "formatted as by `ingressc fmt`; run `ingressc check` on it, since names are not resolved here.",
    "",
    "With --from it is the configuration of another program. What a policy can say exactly is written;",
    "every other part is a comment with its line and the reason, and the exit code is 1. The policy",
    "passes `check`, and never admits a connection that FILE refuses.",
    "",
    "  ingressc import demo.json -o demo.ingress",
    "  nft -j list ruleset > rules.json && ingressc import --from nft rules.json -o host.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
