// Where names are looked up. A file is the scope of its sets and templates. Each `use` of a
// template is a scope of its own inside of the file that defines the template: its free names are
// found there, and a set that its body declares is seen by that body alone. An argument keeps the
// scope of the place where it was written, so a set whose name is an argument is declared there.
import type { Piece, SetDeclaration, TemplateNode } from "../../ast/nodes.ts";
import type { Origin, SourceFile, Span } from "../../source/source.ts";
import type { Program, Unit } from "./program.ts";

export type SetKind = SetDeclaration["kind"];
export const SET_KINDS = ["net", "ports", "hosts", "ids"] as const satisfies readonly SetKind[];

export interface Scope {
  /** Names in one scope mean the same; no two scopes share an id. */
  readonly id: number;
  readonly unit: Unit;
  /** The file, for a `use`. */
  readonly outer: Scope | null;
  readonly sets: Readonly<Record<SetKind, Map<string, SetDeclaration>>>;
  readonly templates: Map<string, TemplateNode>;
  /** Those of the template, for a `use`. */
  readonly params: readonly string[];
}

export class Scopes {
  readonly program: Program;
  readonly #files = new Map<SourceFile, Scope>();
  readonly #uses = new Map<Origin, Scope>();
  readonly #entry: Scope;
  #ids = 0;

  constructor(program: Program, entry: Unit) {
    this.program = program;
    for (const unit of program.units) this.#files.set(unit.ast.file, this.#scope(unit, null));
    this.#entry = this.#files.get(entry.ast.file) ?? this.#scope(entry, null);
  }

  /** A new scope for the body of a template. */
  open(origin: Origin, template: TemplateNode): void {
    const outer = this.#files.get(template.span.file) ?? this.#entry;
    this.#uses.set(
      origin,
      this.#scope(
        outer.unit,
        outer,
        template.params.map((p) => p.text),
      ),
    );
  }

  /** The scope of the names at a place. */
  of(span: Span): Scope {
    let { origin } = span;
    while (origin?.kind === "argument") origin = origin.own;
    return (origin === undefined ? this.#files.get(span.file) : this.#uses.get(origin)) ?? this.#entry;
  }

  /** The scope of an imported file by its alias; null: it can't be read; undefined: no such alias. */
  imported(from: Scope, alias: string): Scope | null | undefined {
    const unit = from.unit.imports.get(alias);
    return unit === undefined || unit === null ? unit : (this.#files.get(unit.ast.file) ?? null);
  }

  /** The set that a name means, `a.b` included. */
  set(kind: SetKind, name: Piece): SetDeclaration | undefined {
    return this.#find(name, (scope) => scope.sets[kind]);
  }

  template(name: Piece): TemplateNode | undefined {
    return this.#find(name, (scope) => scope.templates);
  }

  #find<T>(name: Piece, space: (scope: Scope) => ReadonlyMap<string, T>): T | undefined {
    const scope = this.of(name.span);
    const dot = name.text.indexOf(".");
    if (dot >= 0) {
      const other = this.imported(scope, name.text.slice(0, dot));
      return other === undefined || other === null ? undefined : space(other).get(name.text.slice(dot + 1));
    }
    return space(scope).get(name.text) ?? (scope.outer === null ? undefined : space(scope.outer).get(name.text));
  }

  #scope(unit: Unit, outer: Scope | null, params: readonly string[] = []): Scope {
    return { id: this.#ids++, unit, outer, sets: { net: new Map(), ports: new Map(), hosts: new Map(), ids: new Map() }, templates: new Map(), params };
  }
}
