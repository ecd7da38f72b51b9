// `ingressc import --from FORMAT FILE`: another program's configuration -> a policy's text, with what was left out.
import { basename } from "node:path";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import { FORMAT_NAMES, importFrom, isFormat, needsYaml, type Imported } from "../import/import.ts";
import type { LeftOut } from "../import/draft/context.ts";
import { render } from "../diagnostics/render.ts";
import { positionOf } from "../source/source.ts";
import { count, usage, type Outcome } from "./outcome.ts";

/** `text` is the file at `path`. */
export async function importAs(format: string, path: string, text: string): Promise<Result<Imported, Outcome>> {
  if (!isFormat(format))
    return failed(usage("bad_format", `\`--from ${format}\` is no format that can be imported`, `the formats are ${FORMAT_NAMES.join(", ")}`));
  // The reader of YAML is larger than all of the imports.
  const yaml = needsYaml(format, text) ? (await import("../import/draft/yaml_document.ts")).readYaml : undefined;
  const imported = importFrom(format, { path: basename(path), text }, yaml);
  if (imported.ok) return ok(imported.value);
  const diagnostics = imported.error;
  return failed({
    class: "reject",
    code: "policy.not_imported",
    message: `${count(diagnostics.length, "error")} in \`${path}\`, so nothing was written`,
    // The policy names the file alone; an error says where it is.
    report: (p) => diagnostics.map((d) => `${render({ ...d, span: { ...d.span, file: { path, text } } }, { color: p.color }).trimEnd()}\n`).join("\n"),
    data: {
      errors: diagnostics.map(({ code, message, help, span }) => ({ code, message, help, file: path, start: positionOf(span.file, span.start) })),
    },
  });
}

/** The message of an import, beside the policy. */
export function importedWords(path: string, left: readonly LeftOut[]): Pick<Outcome, "class" | "code" | "message"> {
  if (left.length === 0) return { class: "ok", code: "policy.imported", message: `imported \`${path}\`` };
  return { class: "no", code: "policy.partly_imported", message: `imported \`${path}\`, and left out ${count(left.length, "part")} of it` };
}

export function leftOutLine(path: string, { place, what, why }: LeftOut): string {
  return `left out[ING876]: ${path}:${place.line}:${place.column}: ${what}: ${why}`;
}
