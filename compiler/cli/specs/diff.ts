// The row of `ingressc diff` in the command table. commands/diff.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { NODES_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const diff = {
  summary: "say exactly what a change opens and closes",
  operands: ["FILES..."],
  flags: {
    format: { short: null, value: "FORMAT", says: "text (the default), markdown, json or sarif", oneOf: ["text", "markdown", "json", "sarif"] },
    git: { short: null, value: "REV", says: "compare the one file of FILES as it is in this revision with the file itself" },
    accept: { short: null, value: "FILE", says: "openings that are accepted, as TOML; they do not count" },
    equivalent: { short: null, value: null, says: "exit 0 only if nothing differs" },
    nodes: NODES_FLAG,
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "FILES are OLD and NEW, policies or compiled modules in any mix; with `--git REV` one file.",
    "Listeners are compared where they share",
    "protocol, port, local address and names, whatever they are called. Of each the requests that only",
    "NEW admits and those that only OLD admitted are shown as disjoint ranges, with one request of each",
    "as `ingressc explain` reads it. Another name, backend, mode or certificate is an opening too, and so",
    "is a looser cap or limit. The answer is exact: policies in another order or with other names of sets",
    "do not differ. A limit with another key or window is an opening, because it begins with full budgets.",
    "Allows of NEW that end within 30 days are shown last.",
    "",
    "Exits 0 when nothing opens and 1 when something opens, for a gate before a merge. Where a policy is",
    "too large to compare within the budget of nodes, nothing is proven: treat it as opened (exit 1).",
    "",
    "The file of `--accept` has one `[[opening]]` for each opening that somebody answers for, with",
    "`listener`, `owner`, `until`, `why`, and `from` and `sni` where only some requests are accepted.",
    "Entries that have ended don't count, and entries that nothing needs are shown.",
    "",
    "  ingressc diff main.ingress branch.ingress",
    "  ingressc diff --git origin/main edge.ingress --accept accepted.toml",
    "  ingressc diff --git origin/main edge.ingress --format sarif",
    "  ingressc diff in-force.wasm edge.ingress --format markdown",
    "  ingressc diff --equivalent before.ingress after.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
