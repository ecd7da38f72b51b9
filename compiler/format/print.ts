// PolicyNode -> rows -> text: the formatter's and `ingressc import`'s one printer. The rows have
// the tokens of the source in their order; comments and layout are not in the tree. A statement that a syntax
// error cut short can't be printed, so callers refuse it before.
import { COLUMN, LINE, SPACE, block, group, row, token, words, type Doc, type Row } from "./layout.ts";
import type { ExposeNode, PolicyNode, SetDeclaration, TemplateNode } from "../ast/nodes.ts";
import { annotated, clauseRows, ruleRows, useDocs } from "./print_clauses.ts";
import { argumentsDocs, protosDocs, quotedDoc, setDoc } from "./print_sets.ts";
import { claimRow, testLineRow } from "./print_tests.ts";
import { renderRows } from "./render.ts";

export function printPolicy(policy: PolicyNode): string {
  return renderRows(policyRows(policy));
}

export function policyRows({ statements }: PolicyNode): Row[] {
  return [row(words("edition", "1")), ...bodyRows(statements, "head")];
}

type Body = TemplateNode["body"][number];

/** The kinds of statements that are printed together without blank lines; a block is always separate. */
type Group = "head" | "sets" | "dials" | "rules" | "uses" | "clauses" | "block";

function groupOf(node: Body): Group {
  switch (node.kind) {
    case "import":
      return "head";
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return "sets";
    case "dial":
      return "dials";
    case "rule":
      return "rules";
    case "use":
      return "uses";
    case "backend":
    case "cap":
    case "limit":
    case "amplify":
    case "cert":
    case "ca":
    case "alpn":
      return "clauses";
    case "expose":
    case "test":
    case "template":
    case "budget":
    case "invariant":
      return "block";
  }
}

/** `before` is the group of the statement above the first of them. */
function bodyRows(nodes: readonly Body[], before: Group | null): Row[] {
  let last = before;
  return nodes.flatMap((node) => {
    const own = groupOf(node);
    const apart = last !== null && (own !== last || own === "block");
    last = own;
    return bodyRow(node).map((r, i) => (i === 0 ? { ...r, apart } : r));
  });
}

/** In a template clauses are printed as in an expose, in one paragraph. */
function templateRows(nodes: TemplateNode["body"]): Row[] {
  const together = nodes.every((n) => ["clauses", "rules", "uses"].includes(groupOf(n)));
  return together ? nodes.flatMap(bodyRow) : bodyRows(nodes, null);
}

function bodyRow(node: Body): Row[] {
  switch (node.kind) {
    case "import":
      return annotated(node.annotations, [row([token("import"), SPACE, quotedDoc(node.path), SPACE, ...words("as", node.alias.text)])]);
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return annotated(node.annotations, [setRow(node)]);
    case "expose":
      return annotated(node.annotations, block(exposeHead(node), node.clauses.flatMap(clauseRows)));
    case "dial":
      return annotated(node.annotations, [row(words("dial", node.service.text, ...(node.proto === null ? [] : ["on", node.proto.proto])))]);
    case "rule":
      return ruleRows(node);
    case "use":
      return [row(useDocs(node))];
    case "test": {
      const at = node.at === null ? [] : [SPACE, ...words("at", node.at.text)];
      return block([token("test"), SPACE, quotedDoc(node.title), ...at], node.lines.map(testLineRow));
    }
    case "template":
      return annotated(node.annotations, block(templateHead(node), templateRows(node.body)));
    case "budget":
      return block(
        [token("budget")],
        node.entries.map(({ word, value }) => row(words(word, value.text, ...(word === "module" ? ["KiB"] : [])))),
      );
    case "invariant":
      return block([token("invariant"), SPACE, quotedDoc(node.title)], node.claims.map(claimRow));
    case "backend":
    case "cap":
    case "limit":
    case "amplify":
    case "cert":
    case "ca":
    case "alpn":
      return clauseRows(node);
  }
}

function setRow({ kind, name, set }: SetDeclaration): Row {
  return row([token(kind), COLUMN, token(name.text), COLUMN, token("="), setDoc(set)], { table: "sets" });
}

function exposeHead({ name, service, protos, ports, bind, via, hosts, mode }: ExposeNode): Doc[] {
  const head = words("expose", name.text, ...(service === null ? [] : ["service", service.text]));
  const more: readonly (readonly Doc[])[] = [
    ...(protos.length === 0 || ports === null ? [] : [[...protosDocs(protos), setDoc(ports)]]),
    ...(bind === null ? [] : [[token("bind"), setDoc(bind)]]),
    ...(via === null ? [] : [[token("via"), setDoc(via)]]),
    ...(hosts === null ? [] : [[token("for"), setDoc(hosts)]]),
    ...(mode === null ? [] : [words("as", mode.text)]),
  ];
  return [
    ...head,
    SPACE,
    group(
      more.flatMap((docs, i) => (i === 0 ? docs : [LINE, ...docs])),
      4,
    ),
  ];
}

function templateHead({ name, params }: TemplateNode): Doc[] {
  return [token("template"), SPACE, token(name.text), ...argumentsDocs(params.map((p) => [token(p.text)]))];
}
