// `test`: addresses, targets and expected outcomes. Whether they hold is asked of the module.
import type { OutcomeNode, TestLineNode, TestNode } from "../ast/nodes.ts";
import { nearest } from "../nearest.ts";
import { quote } from "../quote.ts";
import { WORDS } from "../syntax/keywords.ts";
import { readEndpoint } from "./endpoint.ts";
import { readAddress } from "./literals.ts";
import { didYouMean } from "./names.ts";
import type { CheckedTest, Expected, ReasonWord, TestLine } from "./policy.ts";
import { readPort } from "./portNumbers.ts";
import { sayProblem } from "./report.ts";
import type { Scope } from "./scope.ts";
import { isDoubtful } from "./unknown.ts";

export function checkTest(scope: Scope, node: TestNode, exposes: ReadonlySet<string>): CheckedTest {
  const lines = node.lines.flatMap((line) => checkLine(scope, line, exposes) ?? []);
  return { name: node.title.text, lines, span: node.span };
}

function checkLine(scope: Scope, line: TestLineNode, exposes: ReadonlySet<string>): TestLine | null {
  const { report } = scope;
  const expected = checkOutcome(scope, line.outcome);
  if (line.kind === "bind") {
    const endpoint = readEndpoint(line.endpoint.text);
    if ("code" in endpoint) {
      sayProblem(report, endpoint, line.endpoint.span);
      return null;
    }
    return expected === null ? null : { kind: "bind", subject: line.subject.text, proto: "tcp", ...endpoint, expected, span: line.span };
  }
  const source = readAddress(line.source.text);
  if (isProblem(source)) sayProblem(report, source, line.source.span);
  const to = checkTarget(scope, line, exposes);
  if (isProblem(source) || to === null || expected === null) return null;
  return { kind: "from", source, to, expected, span: line.span };
}

function checkTarget(scope: Scope, { to }: Extract<TestLineNode, { kind: "from" }>, exposes: ReadonlySet<string>): Extract<TestLine, { kind: "from" }>["to"] | null {
  if (to.kind === "port") {
    const port = readPort(to.text);
    if (typeof port === "number") return { kind: "port", proto: "tcp", port };
    sayProblem(scope.report, port, to.span);
    return null;
  }
  if (exposes.has(to.text)) return { kind: "expose", name: to.text };
  if (!isDoubtful(scope.ast, to.text)) {
    scope.report.say("ING201", `there is no expose named ${quote(to.text)}`, to.span, {
      help: didYouMean(to.text, exposes) ?? "name an expose of this policy, or a port: `to tcp 443`",
    });
  }
  return null;
}

const LATER_REASONS: ReadonlySet<string> = new Set<ReasonWord>(["sni", "mtls"]);

function checkOutcome(scope: Scope, outcome: OutcomeNode): Expected | null {
  if (outcome.verdict === "allow") return { verdict: "allow" };
  const { text, span } = outcome.reason;
  const reason = WORDS.reason.find((word) => word === text);
  if (reason !== undefined && !LATER_REASONS.has(reason)) return { verdict: "deny", reason };
  if (reason !== undefined) {
    scope.report.say("ING110", `${quote(text)} is not in this release`, span, { help: "the reasons of this release are policy, cidr and rate" });
  } else {
    const guess = nearest(text, WORDS.reason);
    scope.report.say("ING409", `${quote(text)} is not a reason`, span, { help: guess === null ? "the reasons are policy, cidr and rate" : `did you mean \`${guess}\`?` });
  }
  return null;
}
