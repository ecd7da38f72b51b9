// `allow` and `deny` out of the concrete tree: their clauses once each and in their order.
import type { Cst } from "../syntax/cst.ts";
import type { Piece, RuleNode, SetNode } from "./nodes.ts";
import { isBroken, keyword, node, nodes, piece, say, spanOf, tokens, type Reader } from "./reader.ts";
import { buildProtos, buildSetOf } from "./sets.ts";

/** The order of the clauses of a rule. */
const ORDER = ["named", "on", "from", "sni", "client", "after", "until"] as const;
type Clause = (typeof ORDER)[number];

/** `template`: where it is used decides. */
export type Place = "top" | "expose" | "template";

export function buildRule(r: Reader, cst: Cst, place: Place): RuleNode {
  const action = tokens(cst, "kw_allow").length > 0 ? "allow" : "deny";
  let name: Piece | null = null;
  let on: RuleNode["on"] = null;
  const times: { after: Piece | null; until: Piece | null } = { after: null, until: null };
  const sets: { from: SetNode | null; sni: SetNode | null; client: SetNode | null } = { from: null, sni: null, client: null };
  let broken = isBroken(r, cst);
  if (action === "allow" && place === "top") {
    broken = true;
    const word = piece(r, cst, "kw_allow");
    if (word !== null) {
      say(r, "ING104", { place: "statement", found: "allow" }, word.span);
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
        const protos = buildProtos(r, node(matcher, "protos"), "deny");
        const ports = buildSetOf(r, matcher);
        if (place === "expose" || action === "allow") {
          broken = true;
          refuseOn(r, word);
        } else if (protos.length === 0 || ports === null) broken = true;
        else on = { protos, ports };
        break;
      }
      case "from":
      case "sni":
      case "client":
        sets[clause] = buildSetOf(r, matcher);
        break;
      case "after":
      case "until":
        times[clause] = piece(r, node(matcher, "time"), "Literal");
        break;
    }
  }
  return { kind: "rule", action, dryrun: false, name, on, ...sets, ...times, annotations: [], broken: broken || mixedUp, span: spanOf(r, cst) };
}

function refuseOrder(r: Reader, seen: ReadonlyMap<Clause, Piece>, clause: Clause, word: Piece): boolean {
  const twice = seen.get(clause);
  if (twice !== undefined) {
    say(r, "ING109", { fault: "twice", clause, in: "rule" }, word.span, { related: [twice.span] });
    return true;
  }
  const later = [...seen].find(([c]) => ORDER.indexOf(c) > ORDER.indexOf(clause));
  if (later === undefined) return false;
  say(r, "ING109", { fault: "order", clause, later: later[0] }, word.span, { related: [later[1].span] });
  return true;
}

function refuseOn(r: Reader, word: Piece): void {
  say(r, "ING114", null, word.span);
}
