// `--target NAME`: what `build` writes of a policy that has compiled and passed its tests.
import type { Profile } from "../../runtime/abi/profiles.ts";
import { nearest } from "../diagnostics/nearest.ts";
import type { Arguments, FlagSpec } from "./arguments.ts";
import { usage, type Outcome } from "./outcome.ts";

/** `wasm`: the module. `c`: a folder for a host without WebAssembly. The others: what one subject may bind, as an ABI filter's profile. */
export const TARGETS = ["wasm", "c", "abi-filter", "abi-filter-v2"] as const;
export type Target = (typeof TARGETS)[number];

export const TARGET_FLAG: FlagSpec = {
  short: null, value: "NAME", oneOf: TARGETS,
  says: "what is written: `wasm` (the default), `c` (a folder for native hosts), `abi-filter` or `abi-filter-v2`",
};

export function readTarget({ flags }: Arguments, profile: Profile): Target | Outcome {
  const word = flags.get("target") ?? "wasm";
  const target = TARGETS.find((t) => t === word);
  if (target === undefined) {
    const near = nearest(word, TARGETS);
    return usage("unknown_target", `there is no target \`${word}\``, `${near === null ? "" : `did you mean \`${near}\`? `}the targets are ${TARGETS.map((t) => `\`${t}\``).join(", ")}`);
  }
  if (target === "c" && profile !== "os") return usage("target_profile", "`--target c` is for the profile `os`, whose bounds native code keeps", "add `--profile os`");
  return target;
}
