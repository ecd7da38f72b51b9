// `--target NAME`: what `build` writes of a policy that has compiled and passed its tests.
import type { Profile } from "../../runtime/abi/profiles.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { TARGETS, type Target } from "./flags.ts";
import { usage, type Outcome } from "./outcome.ts";

export function readTarget({ flags }: Arguments, profile: Profile): Result<Target, Outcome> {
  const word = flags.get("target") ?? "wasm";
  const target = TARGETS.find((t) => t === word);
  if (target === undefined) {
    const near = nearest(word, TARGETS);
    return failed(
      usage(
        "unknown_target",
        `there is no target \`${word}\``,
        `${near === null ? "" : `did you mean \`${near}\`? `}the targets are ${TARGETS.map((t) => `\`${t}\``).join(", ")}`,
      ),
    );
  }
  if (target === "c" && profile !== "os")
    return failed(usage("target_profile", "`--target c` is for the profile `os`, whose bounds native code keeps", "add `--profile os`"));
  return ok(target);
}
