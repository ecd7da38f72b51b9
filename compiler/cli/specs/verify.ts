// The row of `ingressc verify` in the command table. commands/verify.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const verify = {
  summary: "say whether a module is signed by one of some keys",
  operands: ["X.wasm"],
  flags: { key: { short: "k", value: "PUB", says: "a public key that is trusted; may be given more than once", many: true } },
  manual: [
    "Checks the module as ingressd does where these keys are its `policy.trusted_keys`. Exits 0 when",
    "one of them has signed exactly these bytes, 1 when not (unsigned, another key, or changed since),",
    "3 when the file is not a valid policy. Which revision a gateway still takes, only that gateway knows.",
    "",
    "  ingressc verify edge.wasm --key release-2026.pub",
    "  ingressc verify edge.wasm --key release-2026.pub --key release-2027.pub",
  ].join("\n"),
} as const satisfies CommandSpec;
