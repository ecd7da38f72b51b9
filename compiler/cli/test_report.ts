// How results of a policy's tests are shown: failures side by side, with the line's place.
import { CODES } from "../../runtime/abi/names.ts";
import type { PolicyInfo, RuleInfo } from "../../runtime/host/module.ts";
import type { Code } from "../../runtime/abi/names.ts";
import { positionOf } from "../source/source.ts";
import { placeText, type LineResult } from "./policy_tests.ts";
import { shownPath } from "./shown_path.ts";
import type { Paint } from "./terminal.ts";

export function failuresText(results: readonly LineResult[], info: PolicyInfo, root: string, p: Paint): string {
  return results
    .filter((r) => !r.passed)
    .map((r) => failureText(r, info, root, p))
    .join("\n\n");
}

function failureText(r: LineResult, info: PolicyInfo, root: string, p: Paint): string {
  const width = Math.max(r.expected.length, 8) + 2;
  const { line } = positionOf(r.span.file, r.span.start);
  const margin = " ".repeat(String(line).length);
  return [
    `${p.bad("FAIL")} ${p.bold(JSON.stringify(r.test))}`,
    `${margin}--> ${shownPath(root, r.span.file.path)}:${placeText(r.span).slice(r.span.file.path.length + 1)}`,
    ` ${line} | ${r.question} => ${r.expected}`,
    `${margin}  | ${"expected".padEnd(width)}actual`,
    `${margin}  | ${r.expected.padEnd(width)}${p.bold(r.actual)}${r.place === "" ? "" : ` at ${r.place}`}`,
    `${margin}  = ${becauseText(r.decision.code, r.decision.rule, info, root)}`,
  ].join("\n");
}

/** The meaning of a code, with the rule and its place where one decided. */
export function becauseText(code: Code, rule: number, info: PolicyInfo, root: string | null): string {
  const found = info.rules.find((r) => r.id === rule);
  return found === undefined ? codeSays(code) : `${codeSays(code)}: ${ruleText(found, root)}`;
}

export function codeSays(code: Code): string {
  return Object.values(CODES).find((c) => c.name === code)?.says ?? code;
}

/** `deny named blocked` in web, policies/demo.ingress:7:3; `root` null keeps paths as they are. */
export function ruleText(rule: RuleInfo, root: string | null): string {
  const names = rule.names.length === 0 ? "" : ` named ${rule.names.join(", ")}`;
  const scope = rule.listener === null ? "at top level" : `in ${rule.listener}${rule.proto === "udp" ? " on udp" : ""}`;
  const places = rule.origins.map((o) => `${root === null ? o.file : shownPath(root, o.file)}:${o.line}:${o.column}`);
  return `\`${rule.action}${names}\` ${scope}, ${places.join(" and ")}`;
}

export function resultsJson(results: readonly LineResult[]): unknown {
  return results.map((r) => ({
    test: r.test,
    file: r.span.file.path,
    ...positionOf(r.span.file, r.span.start),
    question: r.question,
    expected: r.expected,
    actual: r.actual,
    code: r.decision.code,
    rule: r.decision.rule < 0 ? null : r.decision.rule,
    passed: r.passed,
  }));
}
