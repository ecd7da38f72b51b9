// The row of `ingressc keygen` in the command table. commands/keygen.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const keygen = {
  summary: "make a pair of keys for signing policies",
  operands: ["NAME"],
  flags: {},
  manual: [
    "Writes the private key to NAME.key (mode 0600) and the public key to NAME.pub, both Ed25519 in",
    "PEM, and prints the key's id. No file is ever overwritten. Keep NAME.key where policies are",
    "signed and nowhere else; give NAME.pub to every gateway, in `policy.trusted_keys`.",
    "",
    "  ingressc keygen release-2026",
  ].join("\n"),
} as const satisfies CommandSpec;
