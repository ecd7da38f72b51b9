// The row of `ingressc who` in the command table. commands/who.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const who = {
  summary: "say exactly who can reach an expose or a port",
  operands: ["FILE", "to", "TARGET..."],
  flags: { nodes: NODES_FLAG, "stdin-name": STDIN_NAME_FLAG },
  manual: [
    "FILE is a policy or a compiled module, TARGET the name of an expose, or a protocol and a port as in",
    "a test line. Everybody who is admitted is shown as disjoint ranges, with names, certificates and",
    "times where they matter, and with one request of each listener. Declared nets are called by their",
    "names. `dryrun` rules, caps and limits have no part in it.",
    "",
    "  ingressc who edge.ingress to web",
    "  ingressc who edge.wasm to tcp 443",
    "  ingressc who edge.wasm to tcp 443 local 192.0.2.1 --json",
    "",
    "Exits 0 also where nobody can reach it, and 1 where the policy needs more than the budget of nodes.",
  ].join("\n"),
} as const satisfies CommandSpec;
