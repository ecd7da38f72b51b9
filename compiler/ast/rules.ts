// `allow` and `deny` out of the concrete tree: their clauses once each and in their order.
import { quote } from "../diagnostics/quote.ts";
import type { Cst } from "../syntax/cst.ts";
import type { Piece, RuleNode, SetNode } from "./nodes.ts";
import { isBroken, keyword, node, nodes, piece, say, sayTyped, spanOf, tokens, type Reader } from "./reader.ts";
import { buildProto, buildSetOf } from "./sets.ts";

/** The order of the clauses of a rule. */
const ORDER = ["named", "on", "from", "sni", "client", "until"] as const;
type Clause = (typeof ORDER)[number];

/** `template`: where it is used decides. */
export type Place = "top" | "expose" | "template";

export function buildRule(r: Reader, cst: Cst, place: Place): RuleNode {
  const action = tokens(cst, "kw_allow").length > 0 ? "allow" : "deny";
  let name: Piece | null = null;
  let on: RuleNode["on"] = null;
  let until: Piece | null = null;
  const sets: { from: SetNode | null; sni: SetNode | null; client: SetNode | null } = { from: null, sni: null, client: null };
  let broken = isBroken(r, cst);
  if (action === "allow" && place === "top") {
    broken = true;
    const word = piece(r, cst, "kw_allow");
    if (word !== null) {
      say(r, "ING104", "`allow` does not begin a statement", word.span, "write `allow` in the block of an expose; at top level a rule can only deny");
    }
  }
  const seen = new Map<Clause, Piece>();
  // Clauses out of order are often two rules of which the second lacks its word: that is reported once.
  let mixedUp = false;
  for (const matcher of nodes(cst, "matcher")) {
    const found = keyword(r, matcher, ORDER);
    if (found === null) continue;
    const { word: clause, piece: word } = found;
    if (!mixedUp) mixedUp = refuseOrder(r, seen, clause, word);
    seen.set(clause, word);
    switch (clause) {
      case "named":
        name = piece(r, matcher, "Name");
        break;
      case "on": {
        const proto = buildProto(r, node(matcher, "proto"));
        const ports = buildSetOf(r, matcher);
        if (place === "expose" || action === "allow") {
          broken = true;
          refuseOn(r, word);
        } else if (proto === null || ports === null) broken = true;
        else on = { proto, ports };
        break;
      }
      case "from":
      case "sni":
      case "client":
        sets[clause] = buildSetOf(r, matcher);
        break;
      case "until":
        until = piece(r, node(matcher, "time"), "Literal");
        break;
    }
  }
  const dryrun = tokens(cst, "kw_dryrun").length > 0;
  return { kind: "rule", action, dryrun, name, on, ...sets, until, annotations: [], broken: broken || mixedUp, span: spanOf(r, cst) };
}

function refuseOrder(r: Reader, seen: ReadonlyMap<Clause, Piece>, clause: Clause, word: Piece): boolean {
  const twice = seen.get(clause);
  if (twice !== undefined) {
    const one = clause === "named" || clause === "until";
    say(
      r,
      "ING109",
      `${quote(clause)} appears twice in one rule`,
      word.span,
      one ? "keep one of them" : "list the members in one clause, separated by commas",
      {
        related: [{ span: twice.span, label: "first here" }],
      },
    );
    return true;
  }
  const later = [...seen].find(([c]) => ORDER.indexOf(c) > ORDER.indexOf(clause));
  if (later === undefined) return false;
  say(r, "ING109", `${quote(clause)} comes before ${quote(later[0])} in a rule`, word.span, `the order is ${ORDER.map((c) => `\`${c}\``).join(", ")}`, {
    related: [{ span: later[1].span, label: "after this" }],
  });
  return true;
}

function refuseOn(r: Reader, word: Piece): void {
  sayTyped(r, "ING114", null, word.span);
}
