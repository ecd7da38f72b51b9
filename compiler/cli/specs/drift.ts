// The row of `ingressc drift` in the command table. commands/drift.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { AS_OF_FLAG, CODE_URL_FLAG, NODES_FLAG, NO_SSH_FLAG, SELECTOR_FLAG, TARGET_FLAG, WHOLE_HOST_FLAG, WITHOUT_FLAG } from "../flags.ts";

export const drift = {
  summary: "compare what another program runs with the policy",
  operands: ["FILE", "RUNNING"],
  flags: {
    target: TARGET_FLAG,
    without: WITHOUT_FLAG,
    "as-of": AS_OF_FLAG,
    "whole-host": WHOLE_HOST_FLAG,
    "no-ssh": NO_SSH_FLAG,
    selector: SELECTOR_FLAG,
    "code-url": CODE_URL_FLAG,
    nodes: NODES_FLAG,
  },
  manual: [
    "RUNNING is what the program says of itself: `nft -j list table inet ingressd` for nft, what the",
    "runtime API answers to `show map` for haproxy, `/config_dump` of the admin interface for envoy and",
    "envoy-wasm, and `kubectl get networkpolicy,service -o json` for kubernetes (docs/fleet.md has the",
    "commands). It is converted back into sets of clients, and each place where they differ from those that",
    "the policy admits is shown, with one request of each as `ingressc explain` reads it. Parts that",
    "ingressc doesn't write are shown too. What the program says",
    "of the policy's hash is shown, and nothing depends on it. Give it the flags that `build` had.",
    "",
    "Exits 0 where nothing differs and 1 where something does.",
    "",
    "  TZ=UTC nft -j list table inet ingressd > running.json",
    "  ingressc drift policies/fleet.ingress running.json --target nft",
  ].join("\n"),
} as const satisfies CommandSpec;
