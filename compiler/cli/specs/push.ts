// The row of `ingressc push` in the command table. commands/push.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { TRANSFER_FLAGS } from "../flags.ts";

export const push = {
  summary: "send a signed module to an OCI registry",
  operands: ["X.wasm", "LOCATION"],
  required: ["policy"],
  flags: {
    policy: { short: "p", value: "FILE", says: "the policy that X.wasm was built from; its tests run in X.wasm first" },
    ...TRANSFER_FLAGS,
  },
  manual: [
    "LOCATION is oci://REGISTRY/REPOSITORY:TAG. The module becomes the one layer of an OCI image manifest",
    "with the artifact type application/vnd.ingressd.policy.v1+wasm, and other tools can copy it.",
    "",
    "A module is refused unless it is signed, means the same as FILE, and every line of FILE's tests",
    "passes in it. The login of a registry is the `auth` entry of Docker's configuration or a token.",
    "A registry on this machine is reached over http, or over https where `--ca` is given.",
    "",
    "  ingressc push edge.wasm oci://registry.example/policies/edge:canary --policy edge.ingress",
  ].join("\n"),
} as const satisfies CommandSpec;
