// The row of `ingressc inspect` in the command table. commands/inspect.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";

export const inspect = {
  summary: "show what a compiled module contains",
  operands: ["X.wasm"],
  flags: {},
  manual: [
    "Checks the module as ingressd does before it loads it (hash, code, version, memory, tables,",
    "self-test) and shows its hashes, signature, sections, listeners and rules. Exits 3 when this",
    "release would refuse it, with the code of the refusal. Whether a signature is right, only",
    "`ingressc verify` says.",
    "",
    "  ingressc inspect demo.wasm",
  ].join("\n"),
} as const satisfies CommandSpec;
