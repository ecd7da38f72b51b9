// The row of `ingressc explain` in the command table. commands/explain.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { PROFILE_FLAG, STDIN_NAME_FLAG } from "../flags.ts";

export const explain = {
  summary: "say why a request is allowed or denied, or what a diagnostic means",
  operands: ["FILE", "REQUEST"],
  alone: { name: "CODE", form: /^ING[0-9]{3}$/i },
  flags: {
    audit: { short: null, value: "LINE", says: "explain a record of an audit file in place of REQUEST; `-` reads it from standard input", isOperand: true },
    profile: PROFILE_FLAG,
    "stdin-name": STDIN_NAME_FLAG,
  },
  manual: [
    "FILE is a policy or a compiled module. REQUEST is written as in a test line. Without `sni` the client",
    "sends no name. Without `at` the answer is for the current time, which is printed; `at TIME` names",
    "another, and `at unknown` for a host without a clock, where no allow with `after` or `until` applies:",
    "",
    "  ingressc explain policies/demo.ingress 'from 203.0.113.9 to web'",
    "  ingressc explain demo.wasm 'from 203.0.113.9 to tcp 443 local 192.0.2.1'",
    "  ingressc explain demo.wasm 'from 203.0.113.9 to web sni \"www.example.com\" at 2027-01-10T09:00Z'",
    "  ingressc explain balanced.ingress 'from 203.0.113.9 via 10.0.0.5 to web'",
    "  ingressc explain demo.wasm 'bind web on 0.0.0.0:443'",
    "",
    "  tail -1 audit.jsonl | ingressc explain demo.wasm --audit -",
    "",
    "With `--audit` the request is that of a record, at its time; what was recorded is shown beside it.",
    "A bind that the policy grants to a service `as direct` is answered `allow with a token`, which ingressd mints.",
    "Each phase is shown with the rule that decides it and the allows that it overrides; then what the",
    "`dryrun` rules would have said. Of a request that is refused it says what would be allowed if the",
    "name, the time, the source or the place alone were another: the module decided each of these.",
    "Exits 0 whatever the verdict is.",
    "",
    "The code of an error or a warning alone, in place of FILE and REQUEST, prints what docs/diagnostics.md",
    "says of it, with an example before and after:",
    "",
    "  ingressc explain ING204",
  ].join("\n"),
} as const satisfies CommandSpec;
