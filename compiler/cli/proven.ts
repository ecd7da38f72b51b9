// The invariants of a policy, proven or contradicted: the module decides each request that contradicts one, and names the rule.
import { CODE_NOT_EXPOSED } from "../../runtime/abi/verdicts.ts";
import { denial } from "../../runtime/host/decision.ts";
import type { LoadedPolicy } from "../../runtime/host/module.ts";
import { ANY4, type Address } from "../../runtime/net/address.ts";
import { modelOf } from "../analysis/model.ts";
import { proveClaims, type Contradiction, type Proof } from "../analysis/prove.ts";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { CheckedClaim, CheckedInvariant, CheckedPolicy } from "../policy/policy.ts";
import { positionOf } from "../source/source.ts";
import { placesText, targetOfPort } from "../wording/place_text.ts";
import { certificateWords, requestText } from "../wording/row_text.ts";
import { connect } from "./evaluate.ts";
import { count, type Outcome } from "./outcome.ts";
import { freshEngine, placeText } from "./policy_tests.ts";
import { shownPath } from "./shown_path.ts";
import type { Paint } from "./terminal.ts";
import { becauseText } from "./test_report.ts";

/** A compiled policy, with the module that was loaded from it. */
export interface Provable {
  readonly policy: CheckedPolicy;
  readonly module: Uint8Array;
  readonly loaded: LoadedPolicy;
  readonly disk: { readonly root: string };
}

export interface ProvenClaim {
  readonly invariant: CheckedInvariant;
  readonly claim: CheckedClaim;
  readonly verdict: Proof["verdict"];
  /** A request as `explain` reads it; null where the claim is not false. */
  readonly witness: string | null;
  /** The module's answer to it, with the rule and its place. */
  readonly because: string | null;
  readonly admitted: boolean | null;
  /** By number; null where no rule decides. */
  readonly rule: number | null;
  readonly place: string | null;
}

export interface Proven {
  readonly claims: readonly ProvenClaim[];
  readonly nodes: number;
}

/** Fails where the analysis and the module disagree, which is a defect. */
export function prove({ policy, module, loaded, disk }: Provable, nodes: number): Result<Proven, Outcome> {
  const all = policy.invariants.flatMap((invariant) => invariant.claims.map((claim) => ({ invariant, claim })));
  if (all.length === 0) return ok({ claims: [], nodes: 0 });
  const model = modelOf(module);
  if (!model.ok) return failed(defect(`the compiled module can't be read: ${model.error}`));
  const {
    proofs,
    nodes: used,
    space,
  } = proveClaims(
    model.value,
    all.map(({ claim }) => claim),
    nodes,
  );
  const claims: ProvenClaim[] = [];
  for (const [i, { invariant, claim }] of all.entries()) {
    const proof: Proof = proofs[i] ?? { verdict: "not_proven" };
    if (proof.verdict !== "false" || space === null) {
      claims.push({ invariant, claim, verdict: proof.verdict, witness: null, because: null, admitted: null, rule: null, place: null });
      continue;
    }
    const { contradiction } = proof;
    const { proto, port, local, facts, isTimed, admitted } = contradiction;
    const needsCertificate = contradiction.members.some((member) => loaded.info.listeners[member]?.mode === "mtls");
    const words = needsCertificate ? certificateWords(space, facts.words) : facts.words;
    const answer = answerTo(loaded, contradiction, words);
    if (answer.allowed !== admitted) return failed(defect("the analysis and the module disagree about a request"));
    const names = new Set(contradiction.members.map((member) => loaded.info.listeners[member]?.name ?? ""));
    claims.push({
      invariant,
      claim,
      verdict: "false",
      witness: requestText({ ...facts, words }, targetOfPort(proto, port, local), isTimed),
      because: becauseText(answer.code, answer.rule, loaded.info, disk.root),
      admitted,
      rule: answer.rule < 0 ? null : answer.rule,
      place: `${[...names].join(", ")}${names.size === 0 ? "" : " "}(${placesText([{ proto, ports: [{ first: port, last: port }], local, isShared: false }])})`,
    });
  }
  return ok({ claims, nodes: used });
}

function answerTo(loaded: LoadedPolicy, { proto, port, local, facts }: Contradiction, words: readonly string[]): ReturnType<typeof connect>["decision"] {
  const engine = freshEngine(loaded, facts.wallSeconds);
  const [a = 0, b = 0, c = 0, d = 0] = local?.bounds ?? [];
  const address: Address = local === null ? ANY4 : [a, b, c, d];
  const place = engine.listenerAt(proto, port, address);
  if (place < 0) return denial(CODE_NOT_EXPOSED);
  return connect(engine, place, { source: facts.source, sni: facts.name, client: words.length === 0 ? null : words }).decision;
}

function defect(message: string): Outcome {
  return { class: "internal", code: "policy.proof_disagrees", message, help: "this is a defect of ingressc; please report it with the policy" };
}

/** The answer is no; null when every claim is proven. `consequence` says what did not happen. */
export function failedProofs({ claims }: Proven, { disk }: Provable, nodes: number, consequence: string): Outcome | null {
  const lost = claims.filter(({ verdict }) => verdict !== "proven");
  if (lost.length === 0) return null;
  const untrue = lost.filter(({ verdict }) => verdict !== "not_proven").length;
  const report = (p: Paint): string => `${lost.map((claim) => lostText(claim, disk.root, nodes, p)).join("\n\n")}\n`;
  const data = { invariants: proofsJson(claims) };
  if (untrue > 0) {
    return {
      class: "no",
      code: "policy.invariant_failed",
      message: `${untrue} of ${count(claims.length, "claim")} ${untrue === 1 ? "is" : "are"} not true${consequence}`,
      report,
      data,
    };
  }
  return {
    class: "no",
    code: "policy.not_proven",
    message: `not proven: ${lost.length} of ${count(claims.length, "claim")} ${lost.length === 1 ? "needs" : "need"} more than ${count(nodes, "node")}${consequence}`,
    help: "give them more with `--nodes N`",
    report,
    data,
  };
}

function lostText({ invariant, claim, verdict, witness, because, admitted, place }: ProvenClaim, root: string, nodes: number, p: Paint): string {
  const { file, start } = claim.span;
  const at = placeText({ file, start, end: start }).slice(file.path.length + 1);
  const line = at.split(":")[0] ?? "";
  const margin = " ".repeat(line.length);
  const why =
    verdict === "not_proven" ?
      [`${margin}  = not proven: more than ${count(nodes, "node")}`]
    : [
        `${margin}  | ${p.bold(witness ?? "")} ${admittedText(claim, admitted === true)}${place === null ? "" : ` at ${place}`}`,
        `${margin}  = ${because ?? ""}`,
      ];
  return [
    `${p.bad("FAIL")} ${p.bold(JSON.stringify(invariant.title))}`,
    `${margin}--> ${shownPath(root, file.path)}:${at}`,
    ` ${line} | ${writtenText(claim)}`,
    ...why,
  ].join("\n");
}

function admittedText({ word }: CheckedClaim, admitted: boolean): string {
  if (!admitted) return "is refused";
  return word === "always" ? "is admitted by an expose that the claim is not about" : "is admitted";
}

/** The claim as it is written, on one line. */
export function writtenText({ span }: CheckedClaim): string {
  return span.file.text.slice(span.start, span.end).trim().replace(/\s+/g, " ");
}

export function proofsJson(claims: readonly ProvenClaim[]): unknown {
  return claims.map(({ invariant, claim, verdict, witness, because, admitted, rule }) => ({
    invariant: invariant.title,
    file: claim.span.file.path,
    ...positionOf(claim.span.file, claim.span.start),
    claim: writtenText(claim),
    verdict,
    witness,
    admitted,
    rule,
    because,
  }));
}
