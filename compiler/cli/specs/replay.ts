// The row of `ingressc replay` in the command table. commands/replay.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { STDIN_NAME_FLAG } from "../flags.ts";

export const replay = {
  summary: "say which recorded decisions would change",
  operands: ["POLICY", "AUDIT..."],
  flags: { strict: { short: null, value: null, says: "exit 1 also where a record can't be judged or a line can't be read" }, "stdin-name": STDIN_NAME_FLAG },
  manual: [
    "POLICY is a policy or a compiled module, AUDIT an audit file of ingressd: also one that gzip has",
    "compressed, and `-` for standard input. Each recorded decision is made again by the policy, at the",
    "time of the record; what would change is shown in groups, with an example that `ingressc explain` reads.",
    "",
    "Refusals by caps, limits and blocks stay as recorded, and so does what no rule decides. A decision",
    "that needs a fact which the record does not have is counted, and never guessed.",
    "",
    "  ingressc replay edge.ingress /var/log/ingressd/audit.jsonl",
    "  ingressc replay edge.wasm audit.jsonl.2.gz audit.jsonl.1 audit.jsonl",
    "  ssh gateway cat audit.jsonl | ingressc replay edge.ingress - --json",
    "",
    "Exits 0 when no decision would change and 1 when one would.",
  ].join("\n"),
} as const satisfies CommandSpec;
