// ingressc fmt: policies in the one layout, each in its place.
import { format } from "../../format/format.ts";
import { quote } from "../../diagnostics/quote.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { SourceFile } from "../../source/source.ts";
import type { Surroundings } from "../command.ts";
import { cannotOpen, rejected } from "../compiled.ts";
import { openPolicy } from "../disk.ts";
import { count, usage, type Outcome, type OutcomeClass } from "../outcome.ts";
import type { Progress } from "../progress.ts";
import { isStandardInput, shownName, standardInputName } from "../standard_input.ts";
import { replaceText } from "../write.ts";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const check = args.flags.has("check");
  if (args.operands.some(isStandardInput)) return args.operands.length === 1 ? formatInput(args.operands[0] ?? "", check, progress) : notAlone();
  const results: FileResult[] = [];
  for (const path of args.operands) results.push(await formatFile(path, check, progress));
  return summary(results, check);
}

function notAlone(): Outcome {
  return usage("input_among_files", "`-` is formatted to standard output, and files in their places", "format `-` alone");
}

/** The formatted text is the answer. */
function formatInput(path: string, check: boolean, progress: Progress): Outcome {
  const opened = openPolicy(path);
  if (!opened.ok) return cannotOpen(path, opened.error.failure);
  const { entry } = opened.value;
  begin(progress, path, entry);
  const formatted = format(entry);
  if (!formatted.ok)
    return formatted.error.kind === "broken" ? rejected(path, opened.value, formatted.error.diagnostics) : defect(shownName(path), formatted.error.what);
  const text = formatted.value;
  const data = { file: standardInputName(), text };
  if (!check) return { class: "ok", code: "policy.formatted", message: "1 file formatted", data, report: () => text, document: true, exact: true };
  if (text === entry.text) return { class: "ok", code: "policy.is_formatted", message: "1 file in the one layout", data };
  return { class: "no", code: "policy.not_formatted", message: "standard input would change; `ingressc fmt -` writes it", data };
}

function begin(progress: Progress, path: string, { text }: SourceFile): void {
  progress.step(text.length);
  progress.begin(`formatting ${shownName(path)}`);
}

interface FileResult {
  readonly path: string;
  readonly result: "unchanged" | "formatted" | "would_change" | "failed";
  /** Null where nothing is wrong. */
  readonly trouble: Outcome | null;
}

async function formatFile(path: string, check: boolean, progress: Progress): Promise<FileResult> {
  const opened = openPolicy(path);
  if (!opened.ok) return { path, result: "failed", trouble: cannotOpen(path, opened.error.failure) };
  const disk = opened.value;
  const { text } = disk.entry;
  begin(progress, path, disk.entry);
  const formatted = format(disk.entry);
  if (!formatted.ok) {
    const { error } = formatted;
    return { path, result: "failed", trouble: error.kind === "broken" ? rejected(path, disk, error.diagnostics) : defect(path, error.what) };
  }
  if (formatted.value === text) return { path, result: "unchanged", trouble: null };
  if (check) return { path, result: "would_change", trouble: null };
  const trouble = await replaceText(path, text, formatted.value);
  return { path, result: trouble === null ? "formatted" : "failed", trouble };
}

function defect(path: string, what: string): Outcome {
  return {
    class: "internal",
    code: "policy.format_defect",
    message: `${quote(path)} can't be written in the one layout: ${what}`,
    help: "nothing was changed; this is a defect of ingressc, please report it with the policy",
  };
}

/** With the class of the first file that failed. */
function summary(results: readonly FileResult[], check: boolean): Outcome {
  const failed = results.flatMap(({ trouble }) => (trouble === null ? [] : [trouble]));
  const changed = results.filter((r) => r.result === "formatted" || r.result === "would_change");
  const files = results.map(({ path, result, trouble }) => ({
    file: path,
    result,
    ...(trouble === null ? {} : { code: trouble.code, message: trouble.message, ...(trouble.data === undefined ? {} : { data: trouble.data }) }),
  }));
  const verb = check ? "would change" : "formatted";
  const names = changed.map((r) => `${verb} ${r.path}`);
  const [first, ...others] = failed;
  if (first !== undefined) {
    if (results.length === 1) return first;
    const many = `${failed.length} of ${count(results.length, "file")} can't be formatted`;
    return {
      class: first.class,
      code: first.code,
      message: others.length === 0 ? first.message : many,
      data: { files },
      ...(first.help === undefined || others.length > 0 ? {} : { help: first.help }),
      report: (p) =>
        [...names, ...failed.flatMap((f) => [...(f.report === undefined ? [] : [f.report(p)]), ...(others.length === 0 ? [] : [f.message])])].join("\n"),
    };
  }
  const answer: OutcomeClass = check && changed.length > 0 ? "no" : "ok";
  const message =
    check ?
      changed.length > 0 ?
        `${count(changed.length, "file")} of ${results.length} would change; \`ingressc fmt\` writes them`
      : `${count(results.length, "file")} in the one layout`
    : `${count(changed.length, "file")} formatted, ${results.length - changed.length} as before`;
  const code =
    answer === "no" ? "policy.not_formatted"
    : check ? "policy.is_formatted"
    : "policy.formatted";
  return { class: answer, code, message, data: { files }, report: () => [...names, ...(answer === "no" ? [] : [message])].join("\n") };
}
