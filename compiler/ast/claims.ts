// `invariant` and `budget` out of the concrete tree.
import type { Cst } from "../syntax/cst.ts";
import type { BudgetNode, BudgetWord, ClaimNode, InvariantNode, Piece, SetNode } from "./nodes.ts";
import { isBroken, joined, keyword, node, nodes, piece, say, spanOf, type Reader } from "./reader.ts";
import { buildProto, buildSet, buildSetOf } from "./sets.ts";

const BOUNDS: readonly BudgetWord[] = ["ports", "rules", "prefixes", "connections", "module", "steps"];

export function buildBudget(r: Reader, cst: Cst): BudgetNode {
  const entries = nodes(cst, "bound").flatMap((bound) => {
    const found = keyword(r, bound, BOUNDS);
    const value = piece(r, bound, "Integer");
    return found === null || value === null ? [] : [{ word: found.word, value, span: spanOf(r, bound) }];
  });
  return { kind: "budget", entries, span: spanOf(r, cst) };
}

/** Null where not even the title is there. */
export function buildInvariant(r: Reader, cst: Cst): InvariantNode | null {
  const title = piece(r, cst, "Text");
  const claims = nodes(cst, "claim").flatMap((claim) => (isBroken(r, claim) ? [] : (buildClaim(r, claim) ?? [])));
  if (title === null) return null;
  if (nodes(cst, "claim").length === 0 && !isBroken(r, cst)) {
    say(r, "ING106", { of: "claim" }, title.span);
  }
  return { kind: "invariant", title, claims, span: spanOf(r, cst) };
}

function buildClaim(r: Reader, cst: Cst): ClaimNode | null {
  const found = keyword(r, cst, ["never", "only", "always"]);
  const to = buildSubject(r, node(cst, "subject"));
  const sets: { from: SetNode | null; sni: SetNode | null; client: SetNode | null } = { from: null, sni: null, client: null };
  const seen = new Map<string, Piece>();
  for (const predicate of nodes(cst, "predicate")) {
    const word = keyword(r, predicate, ["from", "sni", "client"]);
    if (word === null) continue;
    const first = seen.get(word.word);
    if (first !== undefined) {
      say(r, "ING109", { fault: "twice", clause: word.word, in: "claim" }, word.piece.span, { related: [first.span] });
      continue;
    }
    seen.set(word.word, word.piece);
    sets[word.word] = buildSetOf(r, predicate);
  }
  if (found === null || to === null) return null;
  return { word: found.word, ...sets, to, mode: piece(r, node(cst, "mode"), "Name"), at: piece(r, node(cst, "time"), "Literal"), span: spanOf(r, cst) };
}

function buildSubject(r: Reader, cst: Cst | null): ClaimNode["to"] | null {
  const name = piece(r, cst, "Name");
  if (name !== null) return { kind: name.text === "any" ? "any" : "expose", ...name };
  const proto = buildProto(r, node(cst, "proto"));
  const set = node(cst, "set");
  if (proto === null || set === null) return null;
  const ports = buildSet(r, set);
  const span = joined(proto, ports);
  return { kind: "ports", proto, ports, text: r.file.text.slice(span.start, span.end), span };
}
