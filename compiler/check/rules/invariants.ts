// `invariant`: whether each claim says something. `build` and `prove` prove whether it is true (compiler/analysis/prove.ts).
import type { ClaimNode, InvariantNode, SetNode } from "../../ast/nodes.ts";
import type { CheckedClaim, CheckedInvariant, ClaimSubject, Mode } from "../../policy/policy.ts";
import { WORDS } from "../../syntax/keywords.ts";
import { didYouMean, editOf } from "../names/declarations.ts";
import type { CheckContext } from "./context.ts";
import type { PartialExpose } from "./partial_expose.ts";
import { checkTime, isExpose, type Known } from "./tests.ts";
import { idSet } from "../sets/id_sets.ts";
import { isEmptyHosts } from "../sets/host_trie.ts";
import { ANY } from "../sets/builtin_nets.ts";
import { equal, isEmpty } from "../sets/intervals.ts";

/** With the claims that have no error. */
export function checkInvariant(context: CheckContext, node: InvariantNode, known: Known, exposes: readonly PartialExpose[]): CheckedInvariant {
  return { title: node.title.text, claims: node.claims.flatMap((claim) => checkClaim(context, claim, known, exposes) ?? []), span: node.span };
}

/** Null where it is wrong. */
function checkClaim(context: CheckContext, claim: ClaimNode, known: Known, exposes: readonly PartialExpose[]): CheckedClaim | null {
  const { nets, hosts, ids, report } = context;
  const before = report.diagnostics.length;
  const from = claim.from === null ? null : nets.value(claim.from);
  const sni = claim.sni === null ? null : hosts.value(claim.sni);
  const words = claim.client === null ? null : ids.value(claim.client);
  notEmpty(context, claim.from, from !== null && isEmpty(from));
  notEmpty(context, claim.sni, sni !== null && isEmptyHosts(sni));
  notEmpty(context, claim.client, words?.length === 0);
  const to = checkSubject(context, claim, known);
  const mode = checkMode(context, claim);
  if (to?.kind === "expose" && mode !== null) hasMode(context, claim, to.name, mode, exposes);
  const at = claim.at === null ? null : checkTime(context, claim.at);
  if (claim.word === "only" && claim.sni === null && claim.client === null && (claim.from === null || (from !== null && equal(from, ANY))))
    report.say("ING851", null, claim.span);
  const client = words === null ? null : idSet(words);
  const isWhole =
    to !== null && (claim.from === null) === (from === null) && (claim.sni === null) === (sni === null) && (claim.client === null) === (client === null);
  if (report.diagnostics.length > before || !isWhole || (claim.at === null) !== (at === null)) return null;
  return { word: claim.word, from, sni, client, to, mode, at, span: claim.span };
}

function checkSubject(context: CheckContext, { to }: ClaimNode, known: Known): ClaimSubject | null {
  if (to.kind === "ports") {
    const ports = context.ports.value(to.ports);
    notEmpty(context, to.ports, ports?.length === 0);
    return ports === null ? null : { kind: "ports", proto: to.proto.proto, ports };
  }
  // An argument of a template may be `any` too.
  if (to.kind === "any" || to.text === "any") return { kind: "any" };
  isExpose(context, to, known, "any_or_ports");
  return { kind: "expose", name: to.text };
}

function checkMode({ report }: CheckContext, { mode }: ClaimNode): Mode | null {
  if (mode === null) return null;
  const found = WORDS.mode.find((word) => word === mode.text);
  if (found !== undefined) return found;
  const guess = didYouMean(mode.text, WORDS.mode);
  report.say("ING411", { mode: mode.text, fault: "in_claim", guess: guess?.word ?? null }, mode.span, editOf(guess));
  return null;
}

/** A mode that the named expose does not have would make the claim one about nothing. */
function hasMode({ report }: CheckContext, { mode: written }: ClaimNode, name: string, mode: Mode, exposes: readonly PartialExpose[]): void {
  const own = exposes.filter(({ node }) => node.name.text === name);
  // An expose with an error was reported.
  if (written === null || own.length === 0 || own.some((e) => e.mode === null || e.proto === null)) return;
  const modes = own.map((e) => (e.proto === "udp" && e.mode !== "direct" ? null : e.mode));
  if (!modes.includes(mode))
    report.say("ING850", { expose: name, mode, modes: [...new Set(modes)] }, written.span, { related: own.slice(0, 1).map(({ node }) => node.name.span) });
}

function notEmpty({ report }: CheckContext, set: SetNode | null, isEmptySet: boolean): void {
  if (set !== null && isEmptySet) report.say("ING215", null, set.span);
}
