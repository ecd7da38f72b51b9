// ingressc export: a policy's text -> source JSON.
import { exportPolicy } from "../../convert.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { cannotOpen, rejected } from "../compiled.ts";
import { isOpenFailure, openPolicy } from "../disk.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";
import type { Outcome } from "../outcome.ts";

export async function run(args: Arguments): Promise<Outcome> {
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
}
