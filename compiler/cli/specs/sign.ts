// The row of `ingressc sign` in the command table. commands/sign.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const sign = {
  summary: "sign a compiled module with a private key and a revision",
  operands: ["X.wasm"],
  flags: {
    key: { short: "k", value: "KEY", says: "the private key that `ingressc keygen` wrote" },
    revision: { short: "r", value: "N", says: "a whole number that rises with every policy that you publish" },
    out: { short: "o", value: "OUT", says: "where the signed module is written (default: X.wasm itself)" },
  },
  manual: [
    "The signature covers every byte of the module, the key's id and the revision. A gateway that",
    "trusts the key takes no revision below the highest that it has served, so that an older policy",
    "can't be loaded again. To roll back, sign the older module again with a higher revision.",
    "A signature that is there already is replaced. OUT is replaced in one step.",
    "",
    "  ingressc sign edge.wasm --key release-2026.key --revision 7",
  ].join("\n"),
} as const satisfies CommandSpec;
