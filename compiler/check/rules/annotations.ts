// `@owner`, `@ticket`, `@why`: shown by explain, audit and diff, so they say something.
import type { AnnotationName, AnnotationNode } from "../../ast/nodes.ts";
import { MAX_ANNOTATION } from "../../source/bounds.ts";
import type { Annotations } from "../../policy/policy.ts";
import type { Report } from "../../diagnostics/report.ts";

export function checkAnnotations(report: Report, nodes: readonly AnnotationNode[]): Annotations {
  const out: Record<Exclude<AnnotationName, "lint">, string | null> = { owner: null, ticket: null, why: null };
  for (const { name, value } of nodes) {
    if (value.text.trim() === "") {
      report.say("ING421", { annotation: name, fault: "empty", characters: value.text.length }, value.span);
    } else if (value.text.length > MAX_ANNOTATION) {
      report.say("ING421", { annotation: name, fault: "too_long", characters: value.text.length }, value.span);
    } else if (name !== "lint") out[name] ??= value.text;
  }
  return out;
}
