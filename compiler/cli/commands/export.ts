// ingressc export: a policy's text -> source JSON.
import { exportPolicy } from "../../convert.ts";
import type { Command } from "../command.ts";
import { cannotOpen, rejected } from "../compiled.ts";
import { isOpenFailure, openPolicy } from "../disk.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";

export const exportSource = {
  summary: "write a policy as source JSON",
  operands: ["FILE"],
  flags: { out: { short: "o", value: "OUT", says: "where the document is written (default: standard output)" } },
  manual: [
    "Everything that FILE says, but its comments and its layout, in the form of",
    "schemas/policy/ingress.schema.json. Imported files and list files are not read: each file is a",
    "document of its own. `ingressc import` writes the policy back.",
    "",
    "  ingressc export policies/demo.ingress -o demo.json",
  ].join("\n"),
  async run(args) {
    const path = args.operands[0] ?? "";
    const disk = openPolicy(path);
    if (isOpenFailure(disk)) return cannotOpen(path, disk.failure);
    const exported = exportPolicy(disk.entry);
    if (exported.kind === "broken") return rejected(path, disk, exported.diagnostics);
    if (exported.kind === "refused") return refusedDocument(path, exported.troubles);
    const { json, text } = exported;
    const out = args.flags.get("out");
    if (out === undefined) {
      return { class: "ok", code: "policy.exported", message: `exported \`${path}\``, data: { policy: json }, report: () => text.trimEnd() };
    }
    const trouble = await writeModule(out, Buffer.from(text), disk.inputs.files);
    return trouble ?? { class: "ok", code: "policy.exported", message: `exported \`${path}\` to \`${out}\``, data: { out } };
  },
} as const satisfies Command;
