// The items of blocks out of the concrete tree: statements, an expose with its clauses, templates.
import type { Cst } from "../syntax/cst.ts";
import { attach, buildAnnotation, type Item } from "./annotations.ts";
import { buildBudget, buildInvariant } from "./claims.ts";
import { buildAmplify, buildBackend, buildCap, buildLimit, buildTexts, buildUse } from "./clauses.ts";
import type { CapNode, ClauseNode, DialNode, ExposeNode, ImportNode, LimitNode, RuleNode, SetNode, StatementNode, TemplateNode } from "./nodes.ts";
import { firstPart, isBroken, keyword, node, nodes, piece, pieces, say, spanOf, tokens, type Reader } from "./reader.ts";
import { buildRule, type Place } from "./rules.ts";
import { buildDeclaration, buildProto, buildProtos, buildSet } from "./sets.ts";
import { buildTest } from "./tests.ts";

export type ItemNode = StatementNode | ClauseNode;

/** The items of a block, with the annotations of each. */
export function buildItems(r: Reader, block: Cst, rule: "statement" | "clause" | "bodyItem", place: Place): Item<ItemNode>[] {
  return nodes(block, rule).flatMap((item) => {
    const cst = firstPart(item);
    return cst === null ? [] : [{ cst, built: buildItem(r, cst, place) }];
  });
}

/** Null where it can't be used, and for `edition`; an error was reported. */
function buildItem(r: Reader, cst: Cst, place: Place): Item<ItemNode>["built"] {
  switch (cst.name) {
    case "import":
      return buildImport(r, cst);
    case "declaration":
      return buildDeclaration(r, cst);
    case "expose":
      return buildExpose(r, cst);
    case "dial":
      return buildDial(r, cst);
    case "rule":
      return buildRule(r, cst, place);
    case "dryrun":
      return buildDryrun(r, cst, place);
    case "template":
      return buildTemplate(r, cst);
    case "use":
      return buildUse(r, cst);
    case "budget":
      return buildBudget(r, cst);
    case "invariant":
      return buildInvariant(r, cst);
    case "test":
      return buildTest(r, cst);
    case "annotation":
      return buildAnnotation(r, cst);
    case "backends":
      return buildBackend(r, cst);
    case "credential":
    case "alpn":
      return buildTexts(r, cst);
    case "cap":
      return buildCap(r, cst);
    case "limit":
      return buildLimit(r, cst);
    case "amplify":
      return buildAmplify(r, cst);
    default:
      return null;
  }
}

/** A rule, a cap or a limit that is not enforced. */
function buildDryrun(r: Reader, cst: Cst, place: Place): RuleNode | CapNode | LimitNode | null {
  const span = spanOf(r, cst);
  const rule = node(cst, "rule");
  if (rule !== null) return { ...buildRule(r, rule, place), dryrun: true, span };
  const [cap, limit] = [node(cst, "cap"), node(cst, "limit")];
  const found = keyword(r, cap ?? limit, ["cap", "limit"]);
  if (place === "top" && found !== null) {
    say(r, "ING104", { place: "statement", found: "keyword", word: found.word, belongs: "clause" }, found.piece.span);
    return null;
  }
  const built =
    cap !== null ? buildCap(r, cap)
    : limit !== null ? buildLimit(r, limit)
    : null;
  return built === null ? null : { ...built, dryrun: true, span };
}

function buildImport(r: Reader, cst: Cst): ImportNode | null {
  const path = piece(r, cst, "Text");
  const alias = piece(r, cst, "Name");
  return path === null || alias === null ? null : { kind: "import", path, alias, annotations: [], span: spanOf(r, cst) };
}

/** Null where not even the name is there. */
function buildExpose(r: Reader, cst: Cst): ExposeNode | null {
  const head = node(cst, "exposeHead");
  const name = piece(r, head, "Name");
  // The names and sets of the head follow from the words before them.
  const service = tokens(head, "kw_service").length > 0 ? piece(r, head, "Name", 1) : null;
  const after = (word: string): SetNode | null => {
    const start = tokens(head, word)[0]?.startOffset ?? NaN;
    const set = nodes(head, "set").find(({ location }) => (location?.startOffset ?? NaN) > start);
    return set === undefined ? null : buildSet(r, set);
  };
  const bind = after("kw_bind");
  const via = after("kw_via");
  const hosts = after("kw_for");
  const firstWord = Math.min(...["kw_bind", "kw_via", "kw_for"].map((word) => tokens(head, word)[0]?.startOffset ?? Infinity));
  const portsCst = nodes(head, "set").find(({ location }) => (location?.startOffset ?? NaN) < firstWord);
  const ports = portsCst === undefined ? null : buildSet(r, portsCst);
  const mode = piece(r, node(head, "mode"), "Name");
  const clauses = attach(r, buildItems(r, cst, "clause", "expose")).filter(isClause);
  if (name === null) return null;
  const broken = head === null || isBroken(r, head);
  return {
    kind: "expose",
    name,
    service,
    protos: buildProtos(r, node(head, "protos"), "expose"),
    ports,
    bind,
    via,
    hosts,
    mode,
    clauses,
    annotations: [],
    broken,
    span: spanOf(r, cst),
  };
}

/** Null where not even the name is there. */
function buildDial(r: Reader, cst: Cst): DialNode | null {
  const service = piece(r, cst, "Name");
  if (service === null) return null;
  return { kind: "dial", service, proto: buildProto(r, node(cst, "proto")), annotations: [], broken: isBroken(r, cst), span: spanOf(r, cst) };
}

/** Null where not even the name is there. */
function buildTemplate(r: Reader, cst: Cst): TemplateNode | null {
  const head = node(cst, "templateHead");
  const name = piece(r, head, "Name");
  const params = pieces(r, head, "Param");
  const body = attach(r, buildItems(r, cst, "bodyItem", "template"));
  refuseMixed(r, body);
  if (name === null) return null;
  if (name.param === true) {
    say(r, "ING115", { fault: "template_name", statement: "template" }, name.span);
    return null;
  }
  return { kind: "template", name, params, body, annotations: [], broken: isBroken(r, cst), span: spanOf(r, cst) };
}

/** A node that is allowed at top level and in an expose says nothing about where a template is used. */
function sortOf(item: ItemNode): "statement" | "clause" | "either" {
  switch (item.kind) {
    case "net":
    case "ports":
    case "hosts":
    case "ids":
    case "expose":
    case "dial":
    case "test":
    case "import":
    case "template":
    case "budget":
    case "invariant":
      return "statement";
    case "backend":
    case "cert":
    case "ca":
    case "alpn":
    case "cap":
    case "limit":
    case "amplify":
      return "clause";
    case "use":
      return "either";
    case "rule":
      if (item.on !== null) return "statement";
      return item.action === "allow" ? "clause" : "either";
  }
}

function refuseMixed(r: Reader, body: readonly ItemNode[]): void {
  const first = body.find((item) => sortOf(item) !== "either");
  if (first === undefined) return;
  const other = body.find((item) => sortOf(item) !== "either" && sortOf(item) !== sortOf(first));
  if (other === undefined) return;
  say(r, "ING117", { found: sortOf(other) === "clause" ? "clause" : "statement" }, other.span, { related: [first.span] });
}

function isClause(item: ItemNode): item is ClauseNode {
  return item.kind === "rule" || sortOf(item) !== "statement";
}

export function isStatement(item: ItemNode): item is StatementNode {
  return item.kind === "rule" || item.kind === "use" || !isClause(item);
}
