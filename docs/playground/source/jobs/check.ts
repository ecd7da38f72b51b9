// Errors and warnings of the policy, its module, and its tests, which run in that module.
import type { ListenerInfo } from "../../../../runtime/host/module.ts";
import { ownEngines, runTests, type LineResult } from "../../../../compiler/cli/policy_tests.ts";
import { prove, writtenText, type ProvenClaim } from "../../../../compiler/cli/proven.ts";
import { becauseText } from "../../../../compiler/cli/test_report.ts";
import { MOST_NODES } from "../../../../compiler/analysis/budget.ts";
import { isWarning } from "../../../../compiler/diagnostics/codes.ts";
import type { Diagnostic } from "../../../../compiler/diagnostics/diagnostic.ts";
import { lint } from "../../../../compiler/lint/lint.ts";
import type { Checked, Claim, Problem, TestLine } from "../messages.ts";
import { compiledText, placeOf, type Ready } from "./compiled.ts";

/** A list file and an import, which are never there. */
const OTHER_FILE: ReadonlySet<string> = new Set(["ING501", "ING505"]);
const ONE_FILE =
  "the playground has one file: write its statements here, in place of the import or of `file …`; `ingressc check` on your machine reads several files";

/** `wallSeconds`: the date, for warnings about rules that end. */
export async function check({ text, wallSeconds }: { readonly text: string; readonly wallSeconds: number }): Promise<Checked> {
  const { ready, errors } = compiledText(text);
  if (ready === null) return { problems: errors.map(problemOf), compiled: null };
  const warnings = await warningsOf(ready, wallSeconds);
  const { module, loaded, policy } = ready;
  return {
    problems: warnings.map(problemOf),
    compiled: {
      module: Uint8Array.from(module),
      listeners: loaded.info.listeners.length,
      rules: loaded.info.rules.length,
      tests: runTests(policy.tests, loaded, undefined, ownEngines(loaded)).map((line) => testLine(line, ready)),
      claims: claimsOf(ready),
      places: loaded.info.listeners.filter(({ mode }) => mode !== "direct").map((listener) => ({ id: listener.id, text: placeText(listener) })),
    },
  };
}

export async function warningsOf({ policy, module, facts }: Ready, wallSeconds: number): Promise<readonly Diagnostic[]> {
  const { warnings } = await lint(policy, () => module, facts, { ignore: new Set(), wallSeconds });
  return warnings;
}

function problemOf({ code, message, span, help, fix }: Diagnostic): Problem {
  return {
    severity: isWarning(code) ? "warning" : "error",
    code,
    message,
    place: placeOf(span),
    help: OTHER_FILE.has(code) ? ONE_FILE : help,
    fix: fix === null ? null : { from: fix.span.start, to: fix.span.end, text: fix.text },
  };
}

function testLine({ test, question, expected, actual, passed, span, decision, place }: LineResult, { loaded }: Ready): TestLine {
  const because = becauseText(decision.code, decision.rule, loaded.info, null);
  return { test, question, expected, actual: place === "" ? actual : `${actual} at ${place}`, passed, place: placeOf(span), because };
}

function claimsOf(ready: Ready): readonly Claim[] {
  const proven = prove({ ...ready, disk: { root: "" } }, MOST_NODES);
  if (!proven.ok) throw new Error(proven.error.message);
  return proven.value.claims.map(claimOf);
}

function claimOf(proven: ProvenClaim): Claim {
  const { invariant, claim, verdict, witness, because, admitted } = proven;
  return {
    invariant: invariant.title,
    claim: writtenText(claim),
    verdict,
    place: placeOf(claim.span),
    witness: witness === null ? null : `${witness} is ${admitted === true ? "admitted" : "refused"}: ${because ?? ""}`,
  };
}

/** `web, tcp 80, 8080` */
function placeText({ name, proto, ports }: ListenerInfo): string {
  return `${name}, ${proto} ${ports.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)).join(", ")}`;
}
