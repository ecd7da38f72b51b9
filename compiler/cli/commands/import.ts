// ingressc import: source JSON, or another program's configuration -> a policy's text.
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { printable } from "../../../runtime/shell/printable.ts";
import { importPolicy } from "../../convert.ts";
import type { Imported } from "../../import/import.ts";
import { cannotOpen, notText } from "../compiled.ts";
import { openText } from "../disk.ts";
import { importAs, importedWords, leftOutLine } from "../import_file.ts";
import type { Surroundings } from "../command.ts";
import { usage, type Outcome } from "../outcome.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";

/** Bytes of a document; a policy of 4 MiB is shorter than this in JSON. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const path = args.operands[0] ?? "";
  const from = args.flags.get("from") ?? null;
  const read = openText(path, MAX_DOCUMENT_BYTES);
  if (!read.ok) {
    const { failure } = read.error;
    const kind = from === null ? "a document of `ingressc export`" : "a file to import";
    if (typeof failure === "object") return notText(path, failure, `${kind} is UTF-8 text`);
    if (failure !== "too_large")
      return { ...cannotOpen(path, failure), help: from === null ? `name ${kind}` : "name the configuration file, or the listing, that is to be imported" };
    const help = from === null ? "name a document that `ingressc export` wrote" : "import a part of it";
    return { class: "reject", code: "policy.too_large", message: `\`${path}\` is larger than 64 MiB`, help };
  }
  progress.step(read.value.text.length);
  progress.begin("writing the policy");
  const imported = from === null ? importJson(path, read.value.text) : await importAs(from, path, read.value.text);
  if (!imported.ok) return imported.error;
  const { text, left } = imported.value;
  const words = importedWords(path, left);
  const out = args.flags.get("out");
  if (out === undefined) {
    // A terminal gets no characters that steer it, and the policy would be another without them.
    if (printable(text) !== text)
      return usage("needs_out", "the policy contains control characters that a terminal would act on", "write it into a file with `-o`");
    // Its comments say what was left out, and nothing else may be in a file that standard output goes to.
    return { ...words, data: { policy: text, left }, report: () => text.trimEnd(), ...(left.length > 0 ? { document: true } : {}) };
  }
  const trouble = await writeModule(out, Buffer.from(text), new Set([read.value.real]));
  if (trouble !== null) return trouble;
  const message = left.length === 0 ? `imported \`${path}\` to \`${out}\`` : `${words.message}; \`${out}\` has the rest, and a comment for each`;
  return { ...words, message, data: { out, left }, ...(left.length === 0 ? {} : { report: () => left.map((part) => leftOutLine(path, part)).join("\n") }) };
}

function importJson(path: string, source: string): Result<Imported, Outcome> {
  const imported = importPolicy(source);
  return imported.ok ? ok({ text: imported.value, left: [] }) : failed(refusedDocument(path, imported.error));
}
