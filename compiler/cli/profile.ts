// `--profile host|os`, for the commands that compile.
import { isProfile, PROFILES, type Profile } from "../../runtime/abi/profiles.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { usage, type Outcome } from "./outcome.ts";

/** `host` where none is given. */
export function readProfile({ flags }: Arguments): Result<Profile, Outcome> {
  const word = flags.get("profile") ?? "host";
  if (isProfile(word)) return ok(word);
  const near = nearest(word, PROFILES);
  const known = PROFILES.map((p) => `\`${p}\``).join(" and ");
  return failed(usage("unknown_profile", `there is no profile \`${word}\``, `${near === null ? "" : `did you mean \`${near}\`? `}the profiles are ${known}`));
}
