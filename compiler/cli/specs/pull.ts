// The row of `ingressc pull` in the command table. commands/pull.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { TRANSFER_FLAGS } from "../flags.ts";

export const pull = {
  summary: "fetch a module from an OCI registry or an HTTPS server",
  operands: ["LOCATION"],
  required: ["out"],
  flags: {
    out: { short: "o", value: "FILE", says: "where the module is written" },
    key: { short: "k", value: "PUB", says: "a public key that is trusted; may be given more than once", many: true },
    ...TRANSFER_FLAGS,
  },
  manual: [
    "LOCATION is oci://REGISTRY/REPOSITORY:TAG, the same with @sha256:DIGEST, or https://HOST/PATH. The",
    "digests of a registry are checked, and what is not a policy is not written. With `--key` the module",
    "must be signed by one of the keys. FILE is replaced in one step.",
    "",
    "  ingressc pull oci://registry.example/policies/edge:stable -o edge.wasm --key release.pub",
  ].join("\n"),
} as const satisfies CommandSpec;
