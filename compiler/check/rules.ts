// `allow` and `deny`: what they must say, and what they mean.
import type { RuleNode } from "../ast/nodes.ts";
import { ANY } from "./builtin.ts";
import { mayDeclare } from "./names.ts";
import type { CheckedRule, TopLevelDeny } from "./policy.ts";
import type { Scope } from "./scope.ts";

/** A rule of an expose, or null (then it was told why). */
export function checkRule(scope: Scope, rule: RuleNode): CheckedRule | null {
  const named = checkName(scope, rule);
  if (rule.from === null) {
    if (!rule.broken) sayNoFrom(scope, rule);
    return null;
  }
  const from = scope.nets.value(rule.from);
  return from === null || !named || rule.broken ? null : { from, name: rule.name?.text ?? null, span: rule.span };
}

export function checkTopLevelDeny(scope: Scope, rule: RuleNode): TopLevelDeny | null {
  const named = checkName(scope, rule);
  const on = rule.on === null ? null : scope.ports.value(rule.on);
  // Without `from` the ports alone decide, so everyone is meant.
  const from = rule.from === null ? ANY : scope.nets.value(rule.from);
  if (rule.on === null && rule.from === null) {
    if (!rule.broken) sayNoFrom(scope, rule);
    return null;
  }
  if (from === null || (rule.on !== null && on === null) || !named || rule.broken) return null;
  return { from, name: rule.name?.text ?? null, on, span: rule.span };
}

function checkName(scope: Scope, rule: RuleNode): boolean {
  return rule.name === null || mayDeclare(scope.report, rule.name, "a rule");
}

function sayNoFrom(scope: Scope, rule: RuleNode): void {
  const word = { ...rule.span, end: rule.span.start + rule.action.length };
  if (rule.action === "allow") {
    scope.report.say("ING401", "an `allow` says whom it admits", word, { help: "add `from NET`, or `from any` if everyone may come" });
  } else {
    scope.report.say("ING402", "a `deny` says whom it refuses", word, { help: "add `from NET`, or `from any` to refuse everyone" });
  }
}
