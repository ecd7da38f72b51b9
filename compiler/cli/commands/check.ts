// ingressc check: every error of a policy in one pass, and warnings where there is none; with --fix, errors that have a fix are
// corrected.
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Profile } from "../../../runtime/abi/profiles.ts";
import { byDate, lint, type Linted } from "../../lint/lint.ts";
import { NO_FACTS, textFacts, type TextFacts } from "../../lint/text_facts.ts";
import { MAX_ERRORS } from "../../source/bounds.ts";
import type { Surroundings } from "../command.ts";
import { compileFile, diagnosticJson, diagnosticsText, explainHelp, type Compiled } from "../compiled.ts";
import { isFolder, openPolicy, type DiskPolicy } from "../disk.ts";
import { readLintConfig } from "../lint_config.ts";
import { readLintFlags, type LintFlags } from "../lint_flags.ts";
import { count, usage, type Outcome } from "../outcome.ts";
import { readProfile } from "../profile.ts";
import type { Progress } from "../progress.ts";
import { isStandardInput, shownName } from "../standard_input.ts";
import type { Paint } from "../terminal.ts";

interface Checking {
  readonly file: string;
  readonly profile: Profile;
  readonly progress: Progress;
  readonly flags: LintFlags;
}

export async function run(args: Arguments, { progress, wallSeconds }: Surroundings): Promise<Outcome> {
  const file = args.operands[0] ?? "";
  const named = readProfile(args);
  if (!named.ok) return named.error;
  const flags = readLintFlags(args, wallSeconds);
  if (!flags.ok) return flags.error;
  const fixes = args.flags.has("fix");
  if (fixes && isStandardInput(file))
    return usage("fix_input", "`--fix` changes a file, and standard input is none", "omit `--fix`, or write the policy into a file first");
  const one = async (path: string): Promise<Outcome> => {
    const checking = { file: path, profile: named.value, progress, flags: flags.value };
    return fixes ? fixed(checking) : checked(checking);
  };
  if (isStandardInput(file) || !isFolder(file)) return one(file);
  const { checkFolder, CHECKED } = await import("../check_folder.ts");
  return checkFolder(file, CHECKED, one);
}

async function checked({ file, profile, progress, flags }: Checking): Promise<Outcome> {
  let facts: TextFacts = NO_FACTS;
  const compiled = compileFile(file, profile, progress, (program) => {
    if (!program.incomplete) facts = textFacts(program);
  });
  if (!compiled.ok) return compiled.error.outcome;
  const { policy, disk } = compiled.value;
  const config = await readLintConfig(disk.root);
  if (!config.ok) return config.error;
  progress.begin("looking for rules without effect");
  const ignore = new Set([...config.value.ignore, ...flags.ignore]);
  const linted = await lint(policy, () => compiled.value.module, facts, { ignore, wallSeconds: flags.wallSeconds, nodes: flags.nodes, profile });
  const { dated, others } = byDate(linted.warnings);
  const denied = ((flags.denyWarnings || config.value.denyWarnings) && others > 0) || ((flags.denyExpired || config.value.denyExpired) && dated > 0);
  return outcomeOf(file, profile, compiled.value, linted, denied);
}

function outcomeOf(file: string, profile: Profile, { policy, disk }: Compiled, { warnings, unjudged, nodes }: Linted, denied: boolean): Outcome {
  // An expose on tcp and udp is one of the author's.
  const exposes = [...new Set(policy.exposes.map(({ name }) => name))];
  const lines = policy.tests.reduce((n, t) => n + t.lines.length, 0);
  const counted = warnings.length === 0 ? "" : `, ${count(warnings.length, "warning")}`;
  const valid = `\`${shownName(file)}\` is valid: ${count(exposes.length, "expose")}, ${count(lines, "test line")}${counted}`;
  const data = { profile, exposes, testLines: lines, root: disk.root, warnings: warnings.map(diagnosticJson), unjudged, nodes };
  if (denied) {
    const message = `${count(warnings.length, "warning")} in \`${shownName(file)}\`, and warnings are denied`;
    return { class: "no", code: "policy.warnings", message, data, ...explainHelp(warnings), report: (p) => warningsText(disk, warnings, p) };
  }
  const outcome: Outcome = { class: "ok", code: "policy.valid", message: valid, data };
  return warnings.length === 0 ? outcome : { ...outcome, report: (p) => `${warningsText(disk, warnings, p)}\n${valid}` };
}

/** As many as a person can use. */
function warningsText(disk: DiskPolicy, warnings: Linted["warnings"], p: Paint): string {
  const more = warnings.length - MAX_ERRORS;
  const text = diagnosticsText(disk, warnings.slice(0, MAX_ERRORS), p);
  return more > 0 ? `${text}\nand ${count(more, "more warning")} (\`--json\` has all of them)\n` : text;
}

async function fixed(checking: Checking): Promise<Outcome> {
  const opened = openPolicy(checking.file);
  if (!opened.ok) return checked(checking);
  const disk = opened.value;
  const { editLine, fixFile } = await import("../fix_file.ts");
  const { edits, trouble } = await fixFile(disk);
  const after = trouble ?? (await checked(checking));
  const lines = edits.map((edit) => editLine(disk.root, edit));
  const data = typeof after.data === "object" ? after.data : {};
  const rest = (p: Paint): readonly string[] => {
    if (after.report !== undefined) return [after.report(p)];
    return after.class === "ok" ? [after.message] : [];
  };
  return { ...after, data: { ...data, root: disk.root, fixed: edits }, report: (p) => [...lines, ...rest(p)].join("\n") };
}
