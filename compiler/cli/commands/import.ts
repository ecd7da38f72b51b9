// ingressc import: source JSON -> a policy's text.
import { importPolicy } from "../../convert.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { cannotOpen, notText } from "../compiled.ts";
import { isUnreadText, openText } from "../disk.ts";
import { usage, type Outcome } from "../outcome.ts";
import { printable } from "../../../runtime/shell/printable.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";

/** Bytes of a document; a policy of 4 MiB is shorter than this in JSON. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

export async function run(args: Arguments): Promise<Outcome> {
  const path = args.operands[0] ?? "";
  const read = openText(path, MAX_DOCUMENT_BYTES);
  if (isUnreadText(read)) {
    if (typeof read.failure === "object") return notText(path, read.failure, "a document of `ingressc export` is UTF-8 text");
    if (read.failure !== "too_large") return cannotOpen(path, read.failure);
    return { class: "reject", code: "policy.too_large", message: `\`${path}\` is larger than 64 MiB`, help: "name a document that `ingressc export` wrote" };
  }
  const imported = importPolicy(read.text);
  if (imported.kind === "refused") return refusedDocument(path, imported.troubles);
  const { text } = imported;
  const out = args.flags.get("out");
  if (out === undefined) {
    // A terminal gets no characters that steer it, and the policy would be another without them.
    if (printable(text) !== text)
      return usage("needs_out", "the policy contains control characters that a terminal would act on", "write it into a file with `-o`");
    return { class: "ok", code: "policy.imported", message: `imported \`${path}\``, data: { policy: text }, report: () => text.trimEnd() };
  }
  const trouble = await writeModule(out, Buffer.from(text), new Set([read.real]));
  return trouble ?? { class: "ok", code: "policy.imported", message: `imported \`${path}\` to \`${out}\``, data: { out } };
}
