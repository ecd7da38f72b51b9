// Warnings about rules that have no effect, from the analysis of the whole policy.
import { withoutEffect, type WithoutEffect } from "../analysis/redundant.ts";
import { modelOf } from "../analysis/model.ts";
import type { Report } from "../diagnostics/report.ts";
import type { CheckedExpose } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";
import type { WrittenRule } from "./rule_texts.ts";

/** How many rules were not judged, because the budget of nodes was used up; and the nodes that were made. */
export interface Judged {
  readonly unjudged: number;
  readonly nodes: number;
}

export function sayRulesWithoutEffect(
  report: Report,
  module: Uint8Array,
  exposes: readonly CheckedExpose[],
  texts: readonly WrittenRule[],
  mostNodes: number,
): Judged {
  const model = modelOf(module);
  if (!model.ok) return { unjudged: texts.length, nodes: 0 };
  const { found, unjudged, nodes } = withoutEffect(model.value, texts, mostNodes);
  for (const [number, why] of [...found].sort(([x], [y]) => x - y)) {
    const text = texts[number];
    if (text !== undefined) say(report, exposes, texts, text, why);
  }
  return { unjudged, nodes };
}

function say(report: Report, exposes: readonly CheckedExpose[], texts: readonly WrittenRule[], text: WrittenRule, why: WithoutEffect): void {
  const { action, dryrun, span } = text;
  const other = "by" in why && why.by !== null ? texts[why.by] : undefined;
  const by = other === undefined ? "several" : "one";
  const more: { readonly related?: readonly Span[] } = other === undefined ? {} : { related: [other.span] };
  if (dryrun) report.say("ING826", { action }, span);
  else if (action === "deny") sayDeny(report, exposes, text, why, by, more);
  else if (why.why === "denied" && why.same) report.say("ING819", null, span, more);
  else if (why.why === "denied") report.say("ING818", { by }, span, more);
  else if (why.why === "covered") report.say("ING821", { by }, span, more);
  else report.say("ING820", null, span);
}

function sayDeny(
  report: Report,
  exposes: readonly CheckedExpose[],
  { ordered, span }: WrittenRule,
  { why }: WithoutEffect,
  by: "one" | "several",
  more: { readonly related?: readonly Span[] },
): void {
  const applying = exposes.filter(({ mode }, i) => mode !== "direct" && ordered.some(({ appliesTo }) => appliesTo === "all" || appliesTo.has(i)));
  const protos = [...new Set(ordered.flatMap(({ on }) => (on === null ? [] : [on.proto])))];
  const [clause, reads] =
    ordered.some(({ client }) => client !== null) ?
      (["client", ({ mode }: CheckedExpose) => mode === "mtls"] as const)
    : (["sni", ({ mode }: CheckedExpose) => mode !== "tcp"] as const);
  const hasClause = ordered.some(({ sni, client }) => sni !== null || client !== null);
  if (protos.length > 0 && applying.length === 0) report.say("ING824", { protos }, span);
  else if (hasClause && applying.length > 0 && !applying.some(reads)) report.say("ING825", { clause }, span);
  else if (why === "covered") report.say("ING823", { by }, span, more);
  else report.say("ING822", null, span);
}
