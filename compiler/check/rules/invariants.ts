// `invariant`: whether each claim says something. Whether it holds is proven by a later release.
import type { ClaimNode, InvariantNode, SetNode } from "../../ast/nodes.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { didYouMean } from "../names/declarations.ts";
import type { Scope } from "./context.ts";
import { checkTime, isExpose, type Known } from "./tests.ts";
import { isEmptyHosts } from "../sets/host_trie.ts";
import { isEmpty } from "../sets/intervals.ts";
import { wait } from "./unenforced.ts";

export function checkInvariant(scope: Scope, node: InvariantNode, known: Known): void {
  const word = { ...node.span, end: node.title.span.start };
  wait(scope.waiting, "invariant", "invariant", { ...word, end: Math.min(word.end, word.start + "invariant".length) });
  for (const claim of node.claims) checkClaim(scope, claim, known);
}

function checkClaim(scope: Scope, claim: ClaimNode, known: Known): void {
  const { nets, hosts, ids, ports, report } = scope;
  notEmpty(scope, claim.from, (set) => isEmptyIn(nets.value(set), isEmpty));
  notEmpty(scope, claim.sni, (set) => isEmptyIn(hosts.value(set), isEmptyHosts));
  notEmpty(scope, claim.client, (set) => isEmptyIn(ids.value(set), (v) => v.length === 0));
  const { to, mode } = claim;
  // An argument of a template may be `any` too.
  if (to.kind === "ports") notEmpty(scope, to.ports, (set) => isEmptyIn(ports.value(set), (v) => v.length === 0));
  else if (to.kind === "expose" && to.text !== "any") isExpose(scope, to, known, "`any`, or ports: `to tcp 443`");
  if (mode !== null && !WORDS.mode.some((word) => word === mode.text)) {
    const guess = didYouMean(mode.text, WORDS.mode);
    report.say("ING411", { mode: mode.text, fault: "in_claim", guess: guess?.word ?? null }, mode.span, guess ?? {});
  }
  if (claim.at !== null) checkTime(scope, claim.at);
}

function isEmptyIn<T>(value: T | null, empty: (value: T) => boolean): boolean {
  return value !== null && empty(value);
}

function notEmpty({ report }: Scope, set: SetNode | null, empty: (set: SetNode) => boolean): void {
  if (set === null || !empty(set)) return;
  report.sayUntyped("ING215", "nobody is in what this claim is about, so that it would hold whatever the policy says", set.span, { help: "name a set that has members: is its list file empty?" });
}
