// The row of `ingressc diff` in the command table. commands/diff.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const diff = {
  summary: "say exactly what a change opens and closes",
  operands: ["OLD", "NEW"],
  flags: {
    format: { short: null, value: "FORMAT", says: "text (the default) or markdown", oneOf: ["text", "markdown"] },
    equivalent: { short: null, value: null, says: "exit 0 only if nothing differs" },
    nodes: NODES_FLAG,
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "OLD and NEW are policies or compiled modules, in any mix. Listeners are compared where they share",
    "protocol, port, local address and names, whatever they are called. Of each the requests that only",
    "NEW admits and those that only OLD admitted are shown as disjoint ranges, with one request of each",
    "as `ingressc explain` reads it. Another name, backend, mode or certificate is an opening too, and so",
    "is a looser cap or limit. The answer is exact: policies in another order or with other names of sets",
    "do not differ.",
    "",
    "Exits 0 when nothing opens and 1 when something opens, for a gate before a merge. Where a policy is",
    "too large to compare within the budget of nodes, nothing is proven: treat it as opened (exit 1).",
    "",
    "  ingressc diff main.ingress branch.ingress",
    "  ingressc diff in-force.wasm edge.ingress --format markdown",
    "  ingressc diff --equivalent before.ingress after.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
