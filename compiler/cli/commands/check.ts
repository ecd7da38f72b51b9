// ingressc check: every error of a policy in one pass; with --fix, those that have a fix are corrected.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Profile } from "../../../runtime/abi/profiles.ts";
import type { Surroundings } from "../command.ts";
import { compileFile } from "../compiled.ts";
import { isFolder, openPolicy } from "../disk.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { readProfile } from "../profile.ts";
import type { Progress } from "../progress.ts";
import { isStandardInput, shownName } from "../standard_input.ts";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const named = readProfile(args);
  if (!named.ok) return named.error;
  const profile = named.value;
  const fixes = args.flags.has("fix");
  if (fixes && isStandardInput(file))
    return usage("fix_input", "`--fix` changes a file, and standard input is none", "omit `--fix`, or write the policy into a file first");
  const one = async (path: string): Promise<Outcome> => (fixes ? fixed(path, profile, progress) : checked(path, profile, progress));
  if (isStandardInput(file) || !isFolder(file)) return one(file);
  const { checkFolder } = await import("../check_folder.ts");
  return checkFolder(file, one);
}

function checked(file: string, profile: Profile, progress: Progress): Outcome {
  const compiled = compileFile(file, profile, progress);
  if (!compiled.ok) return compiled.error.outcome;
  const { tests } = compiled.value.policy;
  // An expose on tcp and udp is one of the author's.
  const exposes = [...new Set(compiled.value.policy.exposes.map(({ name }) => name))];
  const lines = tests.reduce((n, t) => n + t.lines.length, 0);
  const message = `\`${shownName(file)}\` is valid: ${count(exposes.length, "expose")}, ${count(lines, "test line")}`;
  return { class: "ok", code: "policy.valid", message, data: { profile, exposes, testLines: lines } };
}

async function fixed(file: string, profile: Profile, progress: Progress): Promise<Outcome> {
  const opened = openPolicy(file);
  if (!opened.ok) return checked(file, profile, progress);
  const disk = opened.value;
  const { editLine, fixFile } = await import("../fix_file.ts");
  const { edits, trouble } = await fixFile(disk);
  const after = trouble ?? checked(file, profile, progress);
  const lines = edits.map((edit) => editLine(disk.root, edit));
  const data = typeof after.data === "object" ? after.data : {};
  return {
    ...after,
    data: { ...data, root: disk.root, fixed: edits },
    report: (p) => [...lines, ...(after.report === undefined ? [] : [after.report(p)]), ...(after.class === "ok" ? [after.message] : [])].join("\n"),
  };
}
