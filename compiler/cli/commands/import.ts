// ingressc import: source JSON -> a policy's text.
import { importPolicy } from "../../convert.ts";
import type { Command } from "../command.ts";
import { cannotOpen, notText } from "../compiled.ts";
import { isUnreadText, openText } from "../disk.ts";
import { usage } from "../outcome.ts";
import { printable } from "../terminal.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";

/** Bytes of a document; a policy of 4 MiB is shorter than this in JSON. */
const MAX_DOCUMENT_BYTES = 64 * 1024 * 1024;

export const importSource = {
  summary: "write source JSON as a policy",
  operands: ["FILE"],
  flags: { out: { short: "o", value: "OUT", says: "where the policy is written (default: standard output)" } },
  manual: [
    "FILE is a document as `ingressc export` writes it. What a policy could not say is refused with",
    "its place (a JSON pointer), and so are unknown keys and keys that stand twice. The policy has",
    "the layout of `ingressc fmt`; run `ingressc check` on it, since names are not resolved here.",
    "",
    "  ingressc import demo.json -o demo.ingress",
  ].join("\n"),
  async run(args) {
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
      if (printable(text) !== text) return usage("needs_out", "the policy holds characters that could steer a terminal", "write it into a file with `-o`");
      return { class: "ok", code: "policy.imported", message: `imported \`${path}\``, data: { policy: text }, report: () => text.trimEnd() };
    }
    const trouble = await writeModule(out, Buffer.from(text), new Set([read.real]));
    return trouble ?? { class: "ok", code: "policy.imported", message: `imported \`${path}\` to \`${out}\``, data: { out } };
  },
} as const satisfies Command;
