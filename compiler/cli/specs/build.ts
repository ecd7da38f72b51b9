// The row of `ingressc build` in the command table. commands/build.ts runs it.
import type { CommandSpec } from "../../../runtime/shell/command_table.ts";
import { AS_OF_FLAG, NODES_FLAG, NO_SSH_FLAG, PROFILE_FLAG, SELECTOR_FLAG, SUBJECT_FLAG, TARGET_FLAG, WHOLE_HOST_FLAG, WITHOUT_FLAG } from "../flags.ts";

export const build = {
  summary: "compile and test a policy, then write its module",
  operands: ["FILE"],
  flags: {
    out: { short: "o", value: "OUT", says: "where it is written (default: FILE with the target's ending)" },
    profile: PROFILE_FLAG,
    target: TARGET_FLAG,
    subject: SUBJECT_FLAG,
    without: WITHOUT_FLAG,
    "as-of": AS_OF_FLAG,
    "whole-host": WHOLE_HOST_FLAG,
    "no-ssh": NO_SSH_FLAG,
    selector: SELECTOR_FLAG,
    nodes: NODES_FLAG,
    watch: { short: null, value: null, says: "build again after every change, until Ctrl-C" },
  },
  manual: [
    "Nothing is written unless the policy has no error, each of its tests passes in the module itself,",
    "and each of its invariants is proven (`ingressc prove` shows them). OUT is replaced in one step: a",
    "reader sees the old module or the new one.",
    "With `--profile os` the module has one page of memory, and what does not fit there is an error.",
    "With `--target c` OUT is a folder: the engine as C, the same for every policy, and the policy's",
    "data as a file beside it. It needs the npm package wabt; docs/os.md has the host for it.",
    "With `--target abi-filter` or `abi-filter-v2` OUT is what SERVICE may bind, for an OS that checks",
    "a filter and no engine; what the version can't express is refused. docs/abi-filter-v2.md.",
    "With `--target nft` OUT is for a program that exists already: who is admitted there is exactly who the",
    "policy admits, and a clause that the program can't have is an error. docs/fleet.md has a section for each.",
    "With --watch, an error keeps the last good module in its place.",
    "",
    "  ingressc build policies/demo.ingress",
    "  ingressc build policies/demo.ingress -o /etc/ingress/demo.wasm --watch",
    "  ingressc build policies/demo.ingress --profile os --target c -o native",
    "  ingressc build policies/demo.ingress --target abi-filter -o ingressd.af1",
    "  ingressc build policies/fleet.ingress --target nft -o /etc/nftables.d/ingressd.nft",
  ].join("\n"),
} as const satisfies CommandSpec;
