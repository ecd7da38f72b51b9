// `--target nft` and the other programs: their flags, and the files that `build` writes for them.
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { modelOf } from "../analysis/model.ts";
import { withinBudget } from "../analysis/permitted.ts";
import { readTime } from "../check/names/times.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Emitter } from "../emitters/emitter.ts";
import { leftOutText } from "../emitters/header.ts";
import type { Plan } from "../emitters/plan.ts";
import { EMITTERS } from "../emitters/register.ts";
import { write, type Settings, type Written } from "../emitters/written.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { Arguments } from "../../runtime/shell/command_line.ts";
import { diagnosticJson, diagnosticsText, type Compiled } from "./compiled.ts";
import { isCode } from "./disk.ts";
import type { Target } from "./flags.ts";
import { timeText } from "../wording/time_text.ts";
import { count, usage, type Outcome } from "./outcome.ts";
import { shownName } from "./standard_input.ts";
import { cannotWrite, writeModule } from "./write.ts";

export interface Emission {
  readonly target: Emitter;
  readonly settings: Settings;
}

/** Flags that are for some targets alone. */
const FLAGS: Readonly<Record<string, readonly string[]>> = {
  without: [...Object.keys(EMITTERS), "nexus-expose", "nexus-profile"],
  "as-of": [...Object.keys(EMITTERS), "nexus-expose"],
  "whole-host": ["nft"],
  "no-ssh": ["nft"],
  selector: ["kubernetes"],
  "code-url": ["envoy-wasm"],
};

/** Null: the target is none of the other programs. */
export function readEmission(args: Arguments, target: Target, nodes: number): Result<Emission | null, Outcome> {
  for (const [flag, targets] of Object.entries(FLAGS)) {
    if (!args.flags.has(flag) || targets.includes(target)) continue;
    const names = targets.map((name) => `\`${name}\``).join(", ");
    return failed(usage("flag_target", `\`--${flag}\` is not for \`--target ${target}\``, `it is for ${names}`));
  }
  const emitter = emitterOf(target);
  if (emitter === null) return ok(null);
  const without = readWithout(args.flags.get("without"), ["caps", "limits"]);
  if (!without.ok) return without;
  const asOf = readMoment(args.flags.get("as-of"));
  if (!asOf.ok) return asOf;
  const selector = readSelector(args.flags.get("selector"));
  if (!selector.ok) return selector;
  const codeUrl = readCodeUrl(args.flags.get("code-url"));
  if (!codeUrl.ok) return codeUrl;
  if (args.flags.has("no-ssh") && !args.flags.has("whole-host"))
    return failed(usage("no_ssh", "`--no-ssh` is for `--whole-host`: without it tcp 22 is not touched", "omit `--no-ssh`, or add `--whole-host`"));
  const settings: Settings = {
    file: shownName(args.operands[0] ?? ""),
    wholeHost: args.flags.has("whole-host"),
    noSsh: args.flags.has("no-ssh"),
    selector: selector.value,
    codeUrl: codeUrl.value,
    without: { caps: without.value.has("caps"), limits: without.value.has("limits") },
    asOf: asOf.value,
    nodes,
  };
  return ok({ target: emitter, settings });
}

export function emitterOf(name: string): Emitter | null {
  return Object.values<Emitter>(EMITTERS).find((emitter) => emitter.name === name) ?? null;
}

/** The words of a list that may have each of `known`. */
export function readWithout(word: string | undefined, known: readonly string[]): Result<ReadonlySet<string>, Outcome> {
  const parts = word === undefined ? [] : word.split(",");
  const other = parts.find((part) => !known.includes(part));
  if (other === undefined) return ok(new Set(parts));
  const lists = [...known, ...(known.length > 1 ? [known.join(",")] : [])].map((list) => `\`--without ${list}\``);
  const last = lists.pop() ?? "";
  return failed(usage("without", `\`${other}\` can't be left out`, `write ${lists.length === 0 ? last : `${lists.join(", ")} or ${last}`}`));
}

export function readMoment(word: string | undefined): Result<number | null, Outcome> {
  if (word === undefined) return ok(null);
  const time = readTime(word);
  return time.ok ? time : failed(usage("as_of", time.error.message, "write a moment as a policy does: `2027-03-01T00:00Z`"));
}

const LABEL = /^(?:[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
const LABEL_VALUE = /^(?:[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$/;

function readSelector(word: string | undefined): Result<Settings["selector"], Outcome> {
  if (word === undefined) return ok(null);
  const at = word.indexOf("=");
  const [key, value] = [word.slice(0, Math.max(at, 0)), word.slice(at + 1)];
  if (at > 0 && LABEL.test(key) && LABEL_VALUE.test(value)) return ok({ key, value });
  return failed(usage("selector", `\`${word}\` is no label`, "write `--selector app=shop`"));
}

function readCodeUrl(word: string | undefined): Result<Settings["codeUrl"], Outcome> {
  if (word === undefined) return ok(null);
  const [, name = "", digits] = /^http:\/\/([a-z0-9.-]+|\[[0-9a-f:.]+\])(?::([1-9][0-9]{0,4}))?\/[!-~]*$/i.exec(word) ?? [];
  const port = Number(digits ?? 80);
  if (name === "" || port > 65_535)
    return failed(
      usage("code_url", `\`${word}\` is no URL that Envoy gets the module from`, "write `--code-url http://policies.example.net/policy.envoy.wasm`"),
    );
  return ok({ text: word, host: name.replace(/^\[|\]$/g, ""), port });
}

/** The files for the target, or the clauses that it can't have. */
export function emitted({ policy, module, disk }: Compiled, hash: string, { target, settings }: Emission, consequence: string): Result<Written, Outcome> {
  const model = modelOf(module);
  if (!model.ok) return failed(unreadable(model.error));
  const made = withinBudget(() => write({ entry: disk.entry, policy, model: model.value, module, hash }, target, settings));
  if (!made.ok) return failed(notProven(settings.nodes, consequence));
  if (made.value.ok) return made.value;
  return failed(targetMisfit(disk, made.value.error, target.name, settings.file, consequence));
}

export function unreadable(fault: string): Outcome {
  return {
    class: "internal",
    code: "policy.unreadable",
    message: `the compiled module can't be read: ${fault}`,
    help: "please report it with the policy",
  };
}

export function notProven(nodes: number, consequence: string): Outcome {
  return {
    class: "no",
    code: "policy.not_proven",
    message: `the policy needs more than ${count(nodes, "node")} of the analysis${consequence}`,
    help: "give it more with `--nodes N`",
    data: { proven: false, nodes },
  };
}

/** `file` is the policy as the user named it. */
export function targetMisfit(disk: Compiled["disk"], refused: readonly Diagnostic[], target: string, file: string, consequence: string): Outcome {
  return {
    class: "reject",
    code: "policy.target_misfit",
    message: `${count(refused.length, "clause")} of \`${file}\` can't be written for \`${target}\`${consequence}`,
    report: (p) => diagnosticsText(disk, refused, p),
    data: { root: disk.root, target, diagnostics: refused.map(diagnosticJson) },
  };
}

/** Null when everything is written. */
export async function writeFiles(out: string, { isFolder }: Emitter, { files, binaries }: Written, inputs: ReadonlySet<string>): Promise<Outcome | null> {
  for (const [name, content] of [...files, ...binaries]) {
    const path = isFolder ? join(out, name) : out;
    if (isFolder) {
      try {
        await mkdir(out).catch((error: unknown) =>
          isCode(error, "EEXIST") ? undefined : Promise.reject(error instanceof Error ? error : new Error(String(error))),
        );
        await mkdir(dirname(path), { recursive: true });
      } catch (error) {
        return cannotWrite(out, error, "choose another folder with `-o`");
      }
    }
    const trouble = await writeModule(path, typeof content === "string" ? new TextEncoder().encode(content) : content, inputs);
    if (trouble !== null) return trouble;
  }
  return null;
}

export function emissionJson(plan: Plan): object {
  return {
    leftOut: plan.leftOut,
    ...(plan.asOf !== null && { asOf: timeText(plan.asOf.at), nextChange: plan.asOf.next === null ? null : timeText(plan.asOf.next) }),
  };
}

export function emissionRows(plan: Plan): readonly (readonly [string, string])[] {
  const { asOf } = plan;
  return [
    ...(asOf === null ?
      []
    : [["right at", `${timeText(asOf.at)}${asOf.next === null ? "" : `, and others are admitted from ${timeText(asOf.next)} on`}`] as const]),
    ...plan.leftOut.map((part, i) => [i === 0 ? "left out" : "", leftOutText(part)] as const),
  ];
}
