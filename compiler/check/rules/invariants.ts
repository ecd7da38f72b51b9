// `invariant`: whether each claim says something. A later release proves whether it is true.
import type { ClaimNode, InvariantNode, SetNode } from "../../ast/nodes.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { didYouMean, editOf } from "../names/declarations.ts";
import type { CheckContext } from "./context.ts";
import { checkTime, isExpose, type Known } from "./tests.ts";
import { isEmptyHosts } from "../sets/host_trie.ts";
import { isEmpty } from "../sets/intervals.ts";
import { noteUnenforced } from "./unenforced.ts";

export function checkInvariant(context: CheckContext, node: InvariantNode, known: Known): void {
  const word = { ...node.span, end: node.title.span.start };
  noteUnenforced(context.unenforced, "invariant", "invariant", { ...word, end: Math.min(word.end, word.start + "invariant".length) });
  for (const claim of node.claims) checkClaim(context, claim, known);
}

function checkClaim(context: CheckContext, claim: ClaimNode, known: Known): void {
  const { nets, hosts, ids, ports, report } = context;
  notEmpty(context, claim.from, (set) => isEmptyIn(nets.value(set), isEmpty));
  notEmpty(context, claim.sni, (set) => isEmptyIn(hosts.value(set), isEmptyHosts));
  notEmpty(context, claim.client, (set) => isEmptyIn(ids.value(set), (v) => v.length === 0));
  const { to, mode } = claim;
  // An argument of a template may be `any` too.
  if (to.kind === "ports") notEmpty(context, to.ports, (set) => isEmptyIn(ports.value(set), (v) => v.length === 0));
  else if (to.kind === "expose" && to.text !== "any") isExpose(context, to, known, "any_or_ports");
  if (mode !== null && !WORDS.mode.some((word) => word === mode.text)) {
    const guess = didYouMean(mode.text, WORDS.mode);
    report.say("ING411", { mode: mode.text, fault: "in_claim", guess: guess?.word ?? null }, mode.span, editOf(guess));
  }
  if (claim.at !== null) checkTime(context, claim.at);
}

function isEmptyIn<T>(value: T | null, empty: (value: T) => boolean): boolean {
  return value !== null && empty(value);
}

function notEmpty({ report }: CheckContext, set: SetNode | null, empty: (set: SetNode) => boolean): void {
  if (set === null || !empty(set)) return;
  report.say("ING215", null, set.span);
}
