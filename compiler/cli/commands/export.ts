// ingressc export: a policy's text -> source JSON.
import { exportPolicy } from "../../convert.ts";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import type { Surroundings } from "../command.ts";
import { cannotOpen, rejected } from "../compiled.ts";
import { openPolicy } from "../disk.ts";
import { refusedDocument } from "../troubles.ts";
import { writeModule } from "../write.ts";
import type { Outcome } from "../outcome.ts";

export async function run(args: Arguments, { progress }: Surroundings): Promise<Outcome> {
  const path = args.operands[0] ?? "";
  const opened = openPolicy(path);
  if (!opened.ok) return cannotOpen(path, opened.error.failure);
  const disk = opened.value;
  progress.step(disk.entry.text.length);
  progress.begin("exporting the policy");
  const exported = exportPolicy(disk.entry);
  if (!exported.ok) {
    const { error } = exported;
    return error.kind === "broken" ? rejected(path, disk, error.diagnostics) : refusedDocument(path, error.troubles);
  }
  const { json, text } = exported.value;
  const out = args.flags.get("out");
  if (out === undefined) {
    return { class: "ok", code: "policy.exported", message: `exported \`${path}\``, data: { policy: json }, report: () => text.trimEnd() };
  }
  const trouble = await writeModule(out, Buffer.from(text), disk.inputs.files);
  return trouble ?? { class: "ok", code: "policy.exported", message: `exported \`${path}\` to \`${out}\``, data: { out } };
}
