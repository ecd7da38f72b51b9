// `allow` and `deny` out of the concrete tree: their clauses once each and in their order.
import { quote } from "../quote.ts";
import type { Cst } from "../syntax/cst.ts";
import type { Piece, RuleNode, SetNode } from "./nodes.ts";
import { isBroken, node, nodes, notYet, piece, spanOf, type Reader } from "./reader.ts";
import { buildPorts, buildSet } from "./sets.ts";

/** The order in which the clauses of a rule stand. */
const ORDER = ["named", "on", "from", "sni", "client", "until"] as const;
type Clause = (typeof ORDER)[number];

export type Place = "top" | "expose";

export function buildRule(r: Reader, cst: Cst, action: RuleNode["action"], place: Place): RuleNode {
  let name: Piece | null = null;
  let on: SetNode | null = null;
  let from: SetNode | null = null;
  let broken = isBroken(r, cst);
  const seen = new Map<Clause, Piece>();
  for (const matcher of nodes(cst, "matcher")) {
    const [clause, word] = clauseOf(r, matcher);
    if (clause === null || word === null) continue;
    if (refuseOrder(r, seen, clause, word)) broken = true;
    seen.set(clause, word);
    const set = node(matcher, "set");
    switch (clause) {
      case "named":
        name = piece(r, matcher, "Name");
        break;
      case "on":
        if (place === "expose") {
          broken = true;
          refuseOn(r, word);
        } else on = buildPorts(r, node(matcher, "proto"), set);
        break;
      case "from":
        from = set === null ? null : buildSet(r, set);
        break;
      case "sni":
      case "client":
      case "until":
        broken = true;
        notYet(r, word);
        break;
    }
  }
  return { kind: "rule", action, name, on, from, broken, span: spanOf(r, cst) };
}

function clauseOf(r: Reader, matcher: Cst): [Clause | null, Piece | null] {
  for (const clause of ORDER) {
    const word = piece(r, matcher, `kw_${clause}`);
    if (word !== null) return [clause, word];
  }
  return [null, null];
}

function refuseOrder(r: Reader, seen: ReadonlyMap<Clause, Piece>, clause: Clause, word: Piece): boolean {
  const twice = seen.get(clause);
  const later = [...seen].find(([c]) => ORDER.indexOf(c) > ORDER.indexOf(clause));
  if (twice === undefined && later === undefined) return false;
  const first = twice ?? later?.[1];
  r.diagnostics.push({
    code: "ING109",
    message: twice === undefined ? `${quote(clause)} stands before ${quote(later?.[0] ?? "")} in a rule` : `${quote(clause)} stands twice in one rule`,
    span: word.span,
    label: "",
    related: first === undefined ? [] : [{ span: first.span, label: twice === undefined ? "after this" : "first here" }],
    help: twice === undefined ? `the order is ${ORDER.map((c) => `\`${c}\``).join(", ")}`
      : clause === "named" ? "a rule has one name: keep one of them" : "list the members in one clause, separated by commas",
    fix: null,
  });
  return true;
}

function refuseOn(r: Reader, word: Piece): void {
  r.diagnostics.push({
    code: "ING114",
    message: "`on` stands only in a `deny` at top level",
    span: word.span,
    label: "",
    related: [],
    help: "a rule in an expose holds for all its ports; move the rule out of the block, or split the expose",
    fix: null,
  });
}
