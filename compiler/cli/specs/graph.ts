// The row of `ingressc graph` in the command table. commands/graph.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const graph = {
  summary: "draw who reaches what, or what a change opens and closes",
  operands: ["FILES..."],
  flags: {
    out: { short: "o", value: "OUT", says: "where the picture is written (default: standard output)" },
    format: { short: null, value: "FORMAT", says: "svg (the default), text or json", oneOf: ["svg", "text", "json"] },
    git: { short: null, value: "REV", says: "compare the one file of FILES as it is in this revision with the file itself" },
    nodes: NODES_FLAG,
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "FILES are one policy or compiled module, or OLD and NEW; with `--git REV` one file, compared with",
    "what it is in that revision. The answer is the exposure matrix: a row for each listener, and for the",
    "names that lead to it where listeners share a port; a column for each range of sources that is",
    "treated alike. The columns have no source in common and together have every source. A cell says",
    "whether these sources are admitted, under which conditions on names, certificates and times, and",
    "whether a limit counts them. Of two policies it says what opens and what closes.",
    "",
    "The matrix is exact, as the answers of `who` and `diff` are, and it has 12 columns and 100 rows at",
    "most: those that change come before the largest, and the rest of the ranges are one column, which",
    "says how many they are. The picture has no script and nothing from another place.",
    "",
    "  ingressc graph edge.ingress -o edge.svg",
    "  ingressc graph edge.ingress --format text",
    "  ingressc graph --git origin/main edge.ingress -o change.svg",
    "  ingressc graph in-force.wasm edge.ingress --format json",
    "",
    "Exits 0 also where something opens: `ingressc diff` is the gate. It exits 1 where the policies need",
    "more than the budget of nodes, and then draws nothing.",
  ].join("\n"),
} as const satisfies CommandSpec;
