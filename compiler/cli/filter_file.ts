// `--target abi-filter`: one subject's profile in a file, or why the policy does not fit one.
import type { FilterRule, FilterVersion } from "../../runtime/abi/filter.ts";
import { filterProfile, type Profile } from "../emit/filter.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { positionOf } from "../source/source.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { count, usage, type Outcome } from "./outcome.ts";
import type { Target } from "./flags.ts";
import type { Tested } from "./tested.ts";
import { shownPath } from "./compiled.ts";
import { writeModule } from "./write.ts";

export const FILTER_VERSIONS: Readonly<Partial<Record<Target, FilterVersion>>> = { "abi-filter": 1, "abi-filter-v2": 2 };

export function readSubject({ flags }: Arguments, target: Target): Result<string, Outcome> {
  const subject = flags.get("subject");
  if (subject !== undefined && FILTER_VERSIONS[target] === undefined) {
    return failed(
      usage(
        "subject_target",
        "`--subject` is for `--target abi-filter` and `abi-filter-v2`: other targets are for every service",
        "omit `--subject`, or add the target",
      ),
    );
  }
  if (subject !== undefined && new TextEncoder().encode(subject).length > 48)
    return failed(usage("subject_long", "a service's name has at most 48 bytes", "give the name as the policy has it"));
  return ok(subject ?? "ingressd");
}

export async function writeFilter(out: string, { policy, disk }: Tested, subject: string, version: FilterVersion): Promise<Result<Profile, Outcome>> {
  const made = filterProfile(policy, subject, version);
  if (!made.ok) {
    const lines = made.error.map(({ reason, span }) =>
      span === null ? reason : `${shownPath(disk.root, span.file.path)}:${positionOf(span.file, span.start).line}: ${reason}`,
    );
    return failed({
      class: "reject",
      code: "policy.filter_misfit",
      message: `the policy does not fit a profile of version ${version}, so \`${out}\` is not written: ${made.error[0]?.reason ?? ""}`,
      help:
        version === 1 ?
          "`--target abi-filter-v2` has addresses and protocols; what neither can say needs the engine (`--target c`)"
        : "use the engine instead (`--target c`)",
      report: () => `${lines.join("\n")}\n`,
      data: { misfits: lines },
    });
  }
  const outcome = await writeModule(out, made.value.bytes, disk.inputs.files);
  return outcome === null ? made : failed(outcome);
}

/** For people: `tcp 443 at any address`. */
export function filterRows({ bytes, subject, rules }: Profile): readonly (readonly [string, string])[] {
  const address = ({ address: a }: FilterRule): string =>
    "network" in a ? `${addressWords(a.network)}/${a.length}`
    : a.kind === "any" ? "any address"
    : "the wildcard";
  const words = (r: FilterRule): string =>
    `${r.proto === "any" ? "tcp and udp" : r.proto} ${r.first === r.last ? r.first : `${r.first}-${r.last}`} at ${address(r)}`;
  return [
    ["subject", `0x${subject.toString(16).padStart(16, "0")}`],
    ["filter", `${count(rules.length, "rule")}, ${count(bytes.length, "byte")}; what none matches is denied`],
    ...rules.map((r, i) => [i === 0 ? "may bind" : "", words(r)] as const),
  ];
}

function addressWords(network: Uint8Array): string {
  if (network.length === 4) return network.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => (((network[2 * i] ?? 0) << 8) | (network[2 * i + 1] ?? 0)).toString(16));
  return groups.join(":").replace(/(^|:)0(:0)+(:|$)/, "::");
}
