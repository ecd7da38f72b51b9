// The outline of a text: its statements, with the clauses of exposes, the lines of tests and the items of templates inside of them.
import type { ClauseNode, PolicyNode, StatementNode } from "../ast/nodes.ts";
import type { Span } from "../source/source.ts";

export type OutlineKind = "import" | "set" | "expose" | "dial" | "rule" | "template" | "use" | "test" | "budget" | "invariant" | "clause";

export interface OutlineItem {
  readonly name: string;
  readonly kind: OutlineKind;
  readonly detail: string;
  readonly span: Span;
  /** Inside of `span`. */
  readonly nameSpan: Span;
  readonly inside: readonly OutlineItem[];
}

export function outlineOf({ statements }: PolicyNode): readonly OutlineItem[] {
  return statements.map(itemOf);
}

function itemOf(node: StatementNode | ClauseNode): OutlineItem {
  switch (node.kind) {
    case "import":
      return item("import", node.alias.text, node.path.text, node.span, node.alias.span);
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return item("set", node.name.text, node.kind, node.span, node.name.span);
    case "expose":
      return item("expose", node.name.text, node.protos.map(({ proto }) => proto).join(", "), node.span, node.name.span, node.clauses.map(itemOf));
    case "dial":
      return item("dial", node.service.text, "dial", node.span, node.service.span);
    case "template":
      return item("template", node.name.text, node.params.map(({ text }) => text).join(", "), node.span, node.name.span, node.body.map(itemOf));
    case "test":
    case "invariant":
      return item(node.kind, node.title.text, node.kind, node.span, node.title.span);
    case "use":
      return item("use", node.template.text, "use", node.span, node.template.span);
    case "budget":
      return item("budget", "budget", "", node.span, node.span);
    case "rule":
      return item("rule", node.name?.text ?? firstLine(node.span), node.action, node.span, node.name?.span ?? node.span);
    default:
      return item("clause", firstLine(node.span), node.kind, node.span, node.span);
  }
}

function item(kind: OutlineKind, name: string, detail: string, span: Span, nameSpan: Span, inside: readonly OutlineItem[] = []): OutlineItem {
  // A client refuses an empty name.
  return { kind, name: name === "" ? kind : name, detail, span, nameSpan, inside };
}

const MOST_CHARACTERS = 60;

function firstLine({ file, start, end }: Span): string {
  return (
    file.text
      .slice(start, Math.min(end, start + MOST_CHARACTERS))
      .split(/[\r\n]/)[0]
      ?.trim() ?? ""
  );
}
