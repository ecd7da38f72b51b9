// `--target abi-filter`: one subject's profile in a file, or why the policy does not fit one.
import { filterProfile, type Profile } from "../emit/filter.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { positionOf } from "../source/source.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { count, usage, type Outcome } from "./outcome.ts";
import type { Target } from "./flags.ts";
import type { Tested } from "./tested.ts";
import { shownPath } from "./compiled.ts";
import { writeModule } from "./write.ts";

export function readSubject({ flags }: Arguments, target: Target): Result<string, Outcome> {
  const subject = flags.get("subject");
  if (subject === undefined) return ok("ingressd");
  if (target !== "abi-filter" && target !== "nexus-profile") {
    return failed(
      usage(
        "subject_target",
        "`--subject` is for `--target abi-filter` and `nexus-profile`: other targets are for every service",
        "omit `--subject`, or add the target",
      ),
    );
  }
  if (new TextEncoder().encode(subject).length > 48)
    return failed(usage("subject_long", "a service's name has at most 48 bytes", "give the name as the policy has it"));
  if (target === "nexus-profile" && subject !== subject.toLowerCase())
    return failed(usage("subject_letters", `\`${subject}\` has capital letters, and names of Open Nexus OS have small ones`, "give the name as the OS has it"));
  return ok(subject);
}

export async function writeFilter(out: string, { policy, disk }: Tested, subject: string): Promise<Result<Profile, Outcome>> {
  const made = filterProfile(policy, subject);
  if (!made.ok) {
    const lines = made.error.map(({ reason, span }) =>
      span === null ? reason : `${shownPath(disk.root, span.file.path)}:${positionOf(span.file, span.start).line}: ${reason}`,
    );
    return failed({
      class: "reject",
      code: "policy.filter_misfit",
      message: `the policy does not fit a profile of version 1, so \`${out}\` is not written: ${made.error[0]?.reason ?? ""}`,
      help: "use the engine instead (`--target c`)",
      report: () => `${lines.join("\n")}\n`,
      data: { misfits: lines },
    });
  }
  const outcome = await writeModule(out, made.value.bytes, disk.inputs.files);
  return outcome === null ? made : failed(outcome);
}

/** For people: `tcp 443`. */
export function filterRows({ bytes, subject, rules }: Profile): readonly (readonly [string, string])[] {
  return [
    ["subject", subjectText(subject)],
    ["filter", `${count(rules.length, "rule")}, ${count(bytes.length, "byte")}; what none matches is denied`],
    ...rules.map(({ first, last }, i) => [i === 0 ? "may bind" : "", `tcp ${first === last ? first : `${first}-${last}`}`] as const),
  ];
}

export function subjectText(subject: bigint): string {
  return `0x${subject.toString(16).padStart(16, "0")}`;
}
