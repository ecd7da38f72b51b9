// The templates of a policy as they are defined: the places of their parameters, what they use, and
// whether they can be used at all. Errors of a template that don't depend on its uses are reported here.
import type { ClauseNode, Member, Piece, StatementNode, TemplateNode, UseNode } from "../../ast/nodes.ts";
import { MAX_TEMPLATE_DEPTH } from "../../source/bounds.ts";
import type { Span } from "../../source/source.ts";
import { SET_KINDS, type Scopes } from "./scopes.ts";
import { declared } from "./declarations.ts";
import type { Report } from "../../diagnostics/report.ts";
import { substituteClause, substituteStatement, type Substitution, type Slot } from "./substitute.ts";

export interface Template {
  readonly node: TemplateNode;
  /** The places of the parameters, except as the argument of another `use`. */
  readonly slots: readonly { readonly param: string; readonly slot: Slot; readonly span: Span }[];
  /** Places in its body: what one `use` of it costs. */
  readonly places: number;
  /** False where it is broken, or uses itself: then nothing can be made of it. */
  sound: boolean;
}

export type Templates = ReadonlyMap<TemplateNode, Template>;

/** The kinds that are allowed in an expose alone. */
const CLAUSES_ALONE = { backend: true, cap: true, limit: true, amplify: true, cert: true, ca: true, alpn: true } as const satisfies Record<
  Exclude<ClauseNode["kind"], StatementNode["kind"]>,
  true
>;

export function isStatement(node: StatementNode | ClauseNode): node is StatementNode {
  return !Object.hasOwn(CLAUSES_ALONE, node.kind);
}

/** `deny` and `use` are allowed at top level and in an expose. */
export function isClause(node: StatementNode | ClauseNode): node is ClauseNode {
  return node.kind === "rule" || node.kind === "use" || !isStatement(node);
}

/** Puts every template into its scope, and looks at each. */
export function defineTemplates(report: Report, scopes: Scopes): Templates {
  const templates = new Map<TemplateNode, Template>();
  for (const { ast } of scopes.program.units) {
    const nodes = ast.statements.filter((s) => s.kind === "template");
    const scope = scopes.of({ file: ast.file, start: 0, end: 0 });
    for (const [name, node] of declared(report, nodes, "template")) scope.templates.set(name, node);
    for (const node of nodes) templates.set(node, define(report, node, !ast.incomplete));
  }
  refuseCircles(report, scopes, templates);
  return templates;
}

/** `certain`: nothing of the file was refused, so that what seems unused is. */
function define(report: Report, node: TemplateNode, certain: boolean): Template {
  const slots: { param: string; slot: Slot; span: Span }[] = [];
  const used = new Set<string>();
  /** Names in the body that are those of parameters but for the `$`. */
  const bare = new Map<string, Span>();
  let places = 1;
  const note = (piece: Piece, slot: Slot): void => {
    used.add(piece.text);
    slots.push({ param: piece.text, slot, span: piece.span });
  };
  const substitution: Substitution = {
    span(span) {
      places++;
      return span;
    },
    piece(piece, slot) {
      places++;
      if (piece.param === true) note(piece, slot);
      else if (slot === "name" && !bare.has(`$${piece.text}`)) bare.set(`$${piece.text}`, piece.span);
      return piece;
    },
    param(piece): Member {
      places++;
      note(piece, "member");
      return { ...piece, kind: "param" };
    },
  };
  for (const item of node.body) {
    if (isStatement(item)) substituteStatement(substitution, item);
    else substituteClause(substitution, item);
  }
  if (!node.broken && certain) {
    for (const param of node.params) {
      if (used.has(param.text)) continue;
      const at = bare.get(param.text);
      const more = at === undefined ? {} : { related: [at] };
      report.say("ING213", { template: node.name.text, param: param.text }, param.span, more);
    }
  }
  return { node, slots, places, sound: !node.broken };
}

/** The `use` statements of a template, with those in its exposes. */
function usesOf(node: TemplateNode): UseNode[] {
  return node.body.flatMap((item) =>
    item.kind === "use" ? [item]
    : item.kind === "expose" ? item.clauses.filter((c) => c.kind === "use")
    : [],
  );
}

interface Open {
  readonly node: TemplateNode;
  readonly uses: readonly UseNode[];
  next: number;
  /** Templates within templates, this one included. */
  depth: number;
}

/** Templates that use themselves, and chains of them that are too long; without recursion. */
function refuseCircles(report: Report, scopes: Scopes, templates: Templates): void {
  const depths = new Map<TemplateNode, number>();
  for (const root of templates.keys()) {
    if (depths.has(root)) continue;
    const path: Open[] = [{ node: root, uses: usesOf(root), next: 0, depth: 1 }];
    const onPath = new Set<TemplateNode>([root]);
    for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
      const use = top.uses[top.next++];
      if (use === undefined) {
        close(report, templates, path, depths);
        onPath.delete(top.node);
        continue;
      }
      const inner = scopes.template(use.template);
      if (inner === undefined) continue;
      const known = depths.get(inner);
      if (onPath.has(inner)) {
        refuseCircle(
          report,
          templates,
          use,
          path.slice(path.findIndex((o) => o.node === inner)).map((o) => o.node),
        );
      } else if (known === undefined) {
        onPath.add(inner);
        path.push({ node: inner, uses: usesOf(inner), next: 0, depth: 1 });
      } else top.depth = Math.max(top.depth, known + 1);
    }
  }
}

function close(report: Report, templates: Templates, path: Open[], depths: Map<TemplateNode, number>): void {
  const done = path.pop();
  if (done === undefined) return;
  const template = templates.get(done.node);
  if (done.depth > MAX_TEMPLATE_DEPTH && template !== undefined) {
    template.sound = false;
    // Reported once in a chain: whatever uses it is too deep as well.
    if (done.depth !== Infinity) report.say("ING609", { bound: "depth", template: done.node.name.text }, done.node.name.span);
    done.depth = Infinity;
  }
  depths.set(done.node, done.depth);
  const above = path.at(-1);
  if (above !== undefined) above.depth = Math.max(above.depth, done.depth + 1);
}

function refuseCircle(report: Report, templates: Templates, use: UseNode, circle: readonly TemplateNode[]): void {
  for (const node of circle) {
    const template = templates.get(node);
    if (template !== undefined) template.sound = false;
  }
  const [first] = circle;
  if (first === undefined) return;
  report.say("ING211", { template: first.name.text }, use.span, { related: circle.slice(1, 4).map((t) => t.name.span) });
}

/** All names of templates that a file can say, for did-you-mean. */
export function* templateNames(scopes: Scopes, at: Span): Generator<string> {
  const scope = scopes.of(at);
  const file = scope.outer ?? scope;
  yield* file.templates.keys();
  for (const alias of file.unit.imports.keys()) for (const name of scopes.imported(file, alias)?.templates.keys() ?? []) yield `${alias}.${name}`;
}

/** Sets of any kind with a name, for the same. */
export function isSetName(scopes: Scopes, name: Piece): boolean {
  return SET_KINDS.some((kind) => scopes.set(kind, name) !== undefined);
}
