// The row of `ingressc learn` in the command table. commands/learn.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const learn = {
  summary: "write the least policy that allows recorded traffic",
  operands: ["AUDIT..."],
  flags: {
    output: { short: "o", value: "FILE", says: "where the policy is written (default: standard output)" },
    round: { short: null, value: "/V4 [/V6]", says: "widen sources to whole prefixes of these lengths" },
    min: { short: null, value: "N", says: "widen only where N addresses of a prefix were seen (default: 8)" },
  },
  manual: [
    "AUDIT is an audit file of ingressd: also one that gzip has compressed, and `-` for standard input.",
    "The policy has an expose for each listener, and allows exactly the sources that were allowed, with",
    "the names that they sent and the identities that they showed. `--round` widens them, and the policy",
    "says how many addresses that adds. No source that a deny refused, or would have refused while a",
    "`dryrun` tried it out, is ever part of it. Sources over udp may be forged.",
    "",
    "  ingressc learn audit.jsonl -o learned.ingress",
    "  ingressc learn audit.jsonl.1 audit.jsonl --round /24 /48 --min 8",
  ].join("\n"),
} as const satisfies CommandSpec;
