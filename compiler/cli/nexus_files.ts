// `--target nexus-profile` and `--target nexus-expose`: their flags, and the files that `build` writes for Open Nexus OS.
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { modelOf } from "../analysis/model.ts";
import { withinBudget } from "../analysis/permitted.ts";
import { nexusExposures, type ExposeSettings } from "../emitters/nexus_expose.ts";
import { nexusProfile, nexusProfileText, nexusRuleText } from "../emitters/nexus_profile.ts";
import { leftOutText } from "../emitters/header.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { emissionJson, emissionRows, notProven, readMoment, readWithout, targetMisfit, unreadable } from "./emitted.ts";
import { subjectText } from "./filter_file.ts";
import type { Target } from "./flags.ts";
import { usage, type Outcome } from "./outcome.ts";
import { shownName } from "./standard_input.ts";
import type { Tested } from "./tested.ts";
import { writeModule } from "./write.ts";

export type Nexus =
  | { readonly target: "nexus-profile"; readonly file: string; readonly subject: string; readonly epoch: number; readonly withoutProtocols: boolean }
  | { readonly target: "nexus-expose"; readonly file: string; readonly settings: ExposeSettings };

/** The part of the outcome of `build` that is of these targets alone. */
export interface NexusOutput {
  readonly rows: readonly (readonly [string, string])[];
  readonly data: object;
}

const MOST_EPOCH = 0xffffffff;

/** Null: the target is another one. */
export function readNexus(args: Arguments, target: Target, subject: string, nodes: number): Result<Nexus | null, Outcome> {
  const { flags, operands } = args;
  if (flags.has("epoch") && target !== "nexus-profile")
    return failed(usage("epoch_target", "`--epoch` is for `--target nexus-profile`", "omit `--epoch`, or add the target"));
  if (target !== "nexus-profile" && target !== "nexus-expose") return ok(null);
  const file = shownName(operands[0] ?? "");
  const without = readWithout(flags.get("without"), target === "nexus-profile" ? ["protocols"] : ["caps", "limits"]);
  if (!without.ok) return without;
  if (target === "nexus-profile") {
    const word = flags.get("epoch");
    if (word === undefined)
      return failed(
        usage("epoch_missing", "`--target nexus-profile` needs `--epoch N`", "give the number above the one in force; 1 for the first profile of a subject"),
      );
    const epoch = Number(word);
    if (!/^\d{1,10}$/.test(word) || epoch > MOST_EPOCH) return failed(usage("epoch", `\`${word}\` is no epoch`, `give a number from 0 to ${MOST_EPOCH}`));
    return ok({ target, file, subject, epoch, withoutProtocols: without.value.has("protocols") });
  }
  const asOf = readMoment(flags.get("as-of"));
  if (!asOf.ok) return asOf;
  const settings: ExposeSettings = {
    file,
    wholeHost: false,
    selector: null,
    codeUrl: null,
    without: { caps: without.value.has("caps"), limits: without.value.has("limits") },
    asOf: asOf.value,
    nodes,
  };
  return ok({ target, file, settings });
}

export async function writeNexus(out: string, tested: Tested, nexus: Nexus, consequence: string): Promise<Result<NexusOutput, Outcome>> {
  const made = nexus.target === "nexus-profile" ? profile(tested, nexus) : exposures(tested, nexus, consequence);
  if (!made.ok)
    return failed(made.error.kind === "outcome" ? made.error.outcome : targetMisfit(tested.disk, made.error.refused, nexus.target, nexus.file, consequence));
  const trouble = await writeModule(out, made.value.bytes, tested.disk.inputs.files);
  return trouble === null ? ok(made.value) : failed(trouble);
}

type Made = Result<
  NexusOutput & { readonly bytes: Uint8Array },
  { readonly kind: "refused"; readonly refused: readonly Diagnostic[] } | { readonly kind: "outcome"; readonly outcome: Outcome }
>;

function profile({ policy }: Tested, request: Nexus & { readonly target: "nexus-profile" }): Made {
  const made = nexusProfile(policy, request);
  if (!made.ok) return failed({ kind: "refused", refused: made.error });
  const { bytes, subject, epoch, rules, leftOut } = made.value;
  return ok({
    bytes,
    rows: [
      ["subject", subjectText(subject)],
      ["profile", `epoch ${epoch}, ${nexusProfileText(made.value)}`],
      ...rules.map((rule, i) => [rule.kind === rules[i - 1]?.kind ? "" : `may ${rule.kind}`, nexusRuleText(rule)] as const),
      ...leftOut.map((part, i) => [i === 0 ? "left out" : "", leftOutText(part)] as const),
    ],
    data: { subject: subjectText(subject), epoch, profileRules: rules.length, profileBytes: bytes.length, leftOut },
  });
}

function exposures({ policy, module, disk, loaded }: Tested, { settings }: Nexus & { readonly target: "nexus-expose" }, consequence: string): Made {
  const model = modelOf(module);
  if (!model.ok) return failed({ kind: "outcome", outcome: unreadable(model.error) });
  const made = withinBudget(() => nexusExposures({ entry: disk.entry, policy, model: model.value, module, hash: loaded.info.treeSha256 }, settings));
  if (!made.ok) return failed({ kind: "outcome", outcome: notProven(settings.nodes, consequence) });
  if (!made.value.ok) return failed({ kind: "refused", refused: made.value.error });
  const { text, plan } = made.value.value;
  return ok({ bytes: new TextEncoder().encode(text), rows: emissionRows(plan), data: emissionJson(plan) });
}
