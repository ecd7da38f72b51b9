// Every name of a program with what it names: sets, templates and their parameters, imports, exposes and rules. Two places with one key
// mean the same. Names that nothing declares, and those of the language, have no place here.
import type { ClauseNode, Member, Piece, SetDeclaration, StatementNode, TemplateNode, UseNode } from "../ast/nodes.ts";
import type { Program, Unit } from "../check/names/program.ts";
import type { Span } from "../source/source.ts";

type SetKind = SetDeclaration["kind"];
export type NameKind = SetKind | "template" | "import" | "expose" | "rule" | "parameter";

export interface NamePlace {
  /** Equal for all places of one thing, in all programs with one policy root. */
  readonly key: string;
  readonly kind: NameKind;
  /** As it is declared. */
  readonly name: string;
  /** The name alone: of `a.b` one of the two parts. */
  readonly span: Span;
  readonly declares: boolean;
  /** The whole statement; of a declaration alone. */
  readonly node?: Span;
}

const SET_KINDS: readonly SetKind[] = ["net", "ports", "hosts", "ids"];

/** The kind of set behind a key of a node. */
const KINDS: Readonly<Record<string, SetKind>> = { from: "net", bind: "net", via: "net", sni: "hosts", hosts: "hosts", client: "ids", ports: "ports" };

/** The exposes and rules that a program declares by their own names, and not by a parameter. */
export function globalsIn({ units }: Program): { readonly exposes: ReadonlySet<string>; readonly rules: ReadonlySet<string> } {
  const exposes = new Set<string>();
  const rules = new Set<string>();
  for (const { ast } of units) for (const node of ast.statements) globalsOf(node, exposes, rules);
  return { exposes, rules };
}

export function namesIn(program: Program): readonly NamePlace[] {
  const { exposes, rules } = globalsIn(program);
  return program.units.flatMap((unit) => new UnitNames(unit, exposes, rules).all());
}

function globalsOf(node: StatementNode | ClauseNode, exposes: Set<string>, rules: Set<string>): void {
  if (node.kind === "expose") {
    if (node.name.param !== true) exposes.add(node.name.text);
    for (const clause of node.clauses) globalsOf(clause, exposes, rules);
  } else if (node.kind === "rule" && node.name !== null && node.name.param !== true) rules.add(node.name.text);
  else if (node.kind === "template") for (const item of node.body) globalsOf(item, exposes, rules);
}

class UnitNames {
  readonly #unit: Unit;
  readonly #exposes: ReadonlySet<string>;
  readonly #rules: ReadonlySet<string>;
  readonly #found: NamePlace[] = [];

  constructor(unit: Unit, exposes: ReadonlySet<string>, rules: ReadonlySet<string>) {
    this.#unit = unit;
    this.#exposes = exposes;
    this.#rules = rules;
  }

  all(): readonly NamePlace[] {
    for (const node of this.#unit.ast.statements) this.#statement(node, null);
    return this.#found;
  }

  #statement(node: StatementNode | ClauseNode, template: TemplateNode | null): void {
    switch (node.kind) {
      case "import":
        this.#put("import", fileKey(this.#unit), node.alias, node.span);
        return;
      case "net":
      case "ports":
      case "hosts":
      case "ids":
        this.#declare(node.kind, template === null ? fileKey(this.#unit) : bodyKey(this.#unit, template), node.name, node.span, template);
        break;
      case "template":
        this.#template(node);
        return;
      case "expose":
        this.#declare("expose", "", node.name, node.span, template);
        for (const clause of node.clauses) this.#statement(clause, template);
        break;
      case "rule":
        if (node.name !== null) this.#declare("rule", "", node.name, node.span, template);
        break;
      case "use":
        this.#use(node, template);
        return;
      default:
        break;
    }
    this.#walk(node, node.kind === "net" || node.kind === "ports" || node.kind === "hosts" || node.kind === "ids" ? node.kind : null, template);
  }

  #template(node: TemplateNode): void {
    this.#put("template", fileKey(this.#unit), node.name, node.span);
    for (const param of node.params) this.#put("parameter", bodyKey(this.#unit, node), param, param.span);
    for (const item of node.body) this.#statement(item, node);
  }

  #use({ template: name, args }: UseNode, template: TemplateNode | null): void {
    this.#refer(name, (unit, text) => (declares(unit, "template", text) ? { kind: "template", scope: fileKey(unit) } : null));
    for (const arg of args) this.#member(arg, null, template);
  }

  #walk(node: unknown, kind: SetKind | null, template: TemplateNode | null): void {
    if (Array.isArray(node)) {
      for (const item of node as readonly unknown[]) this.#walk(item, kind, template);
      return;
    }
    if (typeof node !== "object" || node === null) return;
    if (isPiece(node) && node.param === true) {
      this.#parameter(node, template);
      return;
    }
    const own = "kind" in node ? node.kind : null;
    if (own === "literal") return;
    if (isPiece(node)) {
      if (own === "name" || own === "qualified") this.#member({ ...node, kind: own }, kind, template);
      else if (own === "expose") this.#global("expose", node, this.#exposes);
      if (own !== "ports") return;
    }
    for (const [key, part] of Object.entries(node)) {
      if (key === "by" && isPiece(part)) this.#global("rule", part, this.#rules);
      else if (!WITHOUT.has(key)) this.#walk(part, KINDS[key] ?? kind, template);
    }
  }

  #member(member: Member, kind: SetKind | null, template: TemplateNode | null): void {
    if (member.kind === "param") this.#parameter(member, template);
    if (member.kind !== "name" && member.kind !== "qualified") return;
    const kinds = kind === null ? SET_KINDS : [kind];
    this.#refer(member, (unit, text) => {
      for (const one of kinds) {
        if (unit === this.#unit && template !== null && bodyDeclares(template, one, text)) return { kind: one, scope: bodyKey(unit, template) };
        if (declares(unit, one, text)) return { kind: one, scope: fileKey(unit) };
      }
      return null;
    });
  }

  /** A name, or `a.b` out of an import. */
  #refer({ text, span }: Piece, find: (unit: Unit, name: string) => { readonly kind: NameKind; readonly scope: string } | null): void {
    const dot = text.indexOf(".");
    if (dot < 0) {
      const found = find(this.#unit, text);
      if (found !== null) this.#found.push(place(found.kind, found.scope, text, span));
      return;
    }
    const [alias, name] = [text.slice(0, dot), text.slice(dot + 1)];
    if (!this.#unit.imports.has(alias)) return;
    this.#found.push(place("import", fileKey(this.#unit), alias, { ...span, end: span.start + dot }));
    const unit = this.#unit.imports.get(alias) ?? null;
    const found = unit === null ? null : find(unit, name);
    if (found !== null) this.#found.push(place(found.kind, found.scope, name, { ...span, start: span.start + dot + 1 }));
  }

  #parameter({ text, span }: Piece, template: TemplateNode | null): void {
    if (template?.params.some((param) => param.text === text) === true) this.#found.push(place("parameter", bodyKey(this.#unit, template), text, span));
  }

  #global(kind: "expose" | "rule", { text, span, param }: Piece, known: ReadonlySet<string>): void {
    if (param !== true && known.has(text)) this.#found.push(place(kind, "", text, span));
  }

  /** A name that is a parameter is declared where its template is used. */
  #declare(kind: NameKind, scope: string, name: Piece, node: Span, template: TemplateNode | null): void {
    if (name.param === true) this.#parameter(name, template);
    else this.#put(kind, scope, name, node);
  }

  #put(kind: NameKind, scope: string, { text, span }: Piece, node: Span): void {
    this.#found.push({ ...place(kind, scope, text, span), declares: true, node });
  }
}

/** Parts of a node in which nothing is named, and those that were looked at. */
const WITHOUT = new Set(["span", "annotations", "clauses", "name", "alias", "path"]);

function place(kind: NameKind, scope: string, name: string, span: Span): NamePlace {
  return { key: JSON.stringify([kind, scope, name]), kind, name, span, declares: false };
}

function fileKey({ ast }: Unit): string {
  return ast.file.path;
}

/** Of the names that the body of a template has to itself. */
function bodyKey(unit: Unit, { name }: TemplateNode): string {
  return `${fileKey(unit)} ${name.text}`;
}

function declares({ ast }: Unit, kind: SetKind | "template", name: string): boolean {
  return declaredIn(ast.statements).has(`${kind} ${name}`);
}

function bodyDeclares({ body }: TemplateNode, kind: SetKind, name: string): boolean {
  return declaredIn(body).has(`${kind} ${name}`);
}

const known = new WeakMap<readonly unknown[], ReadonlySet<string>>();

/** `KIND NAME` of each set and template. */
function declaredIn(nodes: readonly (StatementNode | ClauseNode)[]): ReadonlySet<string> {
  const before = known.get(nodes);
  if (before !== undefined) return before;
  const names = new Set(nodes.flatMap((node) => ("name" in node && node.name !== null && DECLARES.has(node.kind) ? [`${node.kind} ${node.name.text}`] : [])));
  known.set(nodes, names);
  return names;
}

const DECLARES: ReadonlySet<string> = new Set(["net", "ports", "hosts", "ids", "template"]);

function isPiece(node: unknown): node is Piece {
  return typeof node === "object" && node !== null && "text" in node && typeof node.text === "string" && "span" in node;
}

/** The name at an offset; where two touch, the one that begins there. */
export function nameAt(names: readonly NamePlace[], path: string, offset: number): NamePlace | null {
  const at = names.filter(({ span }) => span.file.path === path && span.start <= offset && offset <= span.end);
  return at.find(({ span }) => span.start === offset) ?? at[0] ?? null;
}
