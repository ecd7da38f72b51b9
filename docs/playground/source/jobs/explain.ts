// The decision path of a request, from the compiled module.
import { explainRequest, type Explanation, type Step } from "../../../../compiler/cli/explanation.ts";
import { impossible } from "../../../../compiler/cli/impossible_request.ts";
import { parseRequest } from "../../../../compiler/cli/request.ts";
import { codeSays } from "../../../../compiler/cli/test_report.ts";
import type { Explained, Path, PathStep } from "../messages.ts";
import { compiledText, ruleText } from "./compiled.ts";

/** `wallSeconds`: the time of a request without `at`. */
export function explain({ text, request, wallSeconds }: { readonly text: string; readonly request: string; readonly wallSeconds: number }): Explained {
  const { ready } = compiledText(text);
  if (ready === null) return { trouble: "the policy has an error", help: "correct it first" };
  const { loaded, module } = ready;
  const parsed = parseRequest(request, [...new Set(loaded.info.listeners.map(({ name }) => name))], wallSeconds);
  if (!parsed.ok) return { trouble: parsed.error.message, help: parsed.error.help ?? null };
  const refusal = impossible(loaded, parsed.value);
  if (refusal !== null) return { trouble: refusal.message, help: refusal.help ?? null };
  return { paths: explainRequest(module, loaded, parsed.value).map(pathOf) };
}

function pathOf({ listener, steps, decision, shadow, counts, nearMisses, notes }: Explanation): Path {
  const token = decision.code === "no_token";
  const tried =
    shadow === null ?
      []
    : [`with the rules of dryrun in force: ${shadow.verdict === "deny" ? `deny ${shadow.reason}` : shadow.verdict}, ${codeSays(shadow.code)}`];
  const counted = counts
    .filter(({ ofSome, dryrun }) => ofSome || dryrun)
    .map(
      ({ text, counts: has, dryrun }) => `${has ? "the source counts in" : "the source does not count in"} ${text}${dryrun ? ", which refuses nothing" : ""}`,
    );
  return {
    listener: listener?.name ?? null,
    verdict: decision.allowed || token ? "allow" : "deny",
    verdictText:
      token ? "allow with a token"
      : decision.allowed ? "allow"
      : `deny (reason=${decision.reason})`,
    steps: steps.map(stepOf),
    notes: [...tried, ...counted, ...notes],
    nearMisses: nearMisses.map(({ text, rule }) => ({ text, rule: rule === null ? null : ruleText(rule) })),
  };
}

function stepOf({ phase, what, verdict, reason, code, rule, overrides }: Step): PathStep {
  const within = (phase === "limits" || phase === "identity limits") && verdict === "allow";
  return {
    phase,
    what,
    verdict: verdict === "open" ? "depends" : verdict,
    says: within ? "within all of them" : `${reason === null ? "" : `${reason}: `}${codeSays(code)}`,
    rule: rule === null ? null : ruleText(rule),
    overrides: overrides.map(ruleText),
  };
}
