// The row of `ingressc prove` in the command table. commands/prove.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, PROFILE_FLAG } from "../flags.ts";

export const prove = {
  summary: "prove a policy's invariants, or show a request that contradicts one",
  operands: ["FILE"],
  flags: { profile: PROFILE_FLAG, nodes: NODES_FLAG },
  manual: [
    "Each claim of each `invariant` is decided for every request, as `ingressc build` does it, and",
    "nothing is written. A claim that is not true is shown with one request that contradicts it, as",
    "`ingressc explain` reads it, and with the rule that admits or refuses that request in the module.",
    "Caps, limits and `dryrun` rules have no part in it.",
    "",
    "  ingressc prove edge.ingress",
    "  ingressc prove edge.ingress --nodes 16000000 --json",
    "",
    "Exits 0 when every claim is true, and where the policy has none (code `policy.no_invariants`); 1",
    "when one is not true, or is not proven within the budget of nodes.",
  ].join("\n"),
} as const satisfies CommandSpec;
