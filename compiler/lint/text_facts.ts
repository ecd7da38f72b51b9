// Facts of the texts of a policy by themselves, before anything is resolved: sets, imports and templates that nothing uses, the
// warnings that are off, list files and binds with their places. A file of sets, templates and imports alone is a library: other
// policies may use what this one does not.
import type { AnnotationNode, ClauseNode, ExposeNode, Member, SetDeclaration, StatementNode } from "../ast/nodes.ts";
import type { Program, Unit } from "../check/names/program.ts";
import { diagnostic, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceFile, Span } from "../source/source.ts";
import { aliasesIn, referencesIn, usesSet, type References } from "./references.ts";

/** `@lint off CODE "…"`, and what it is written before. */
export interface LintOff {
  readonly code: string;
  readonly span: Span;
  readonly about: Span;
}

/** A list file where it is named. */
export interface NamedList {
  /** As written. */
  readonly path: string;
  readonly span: Span;
}

/** The `bind` of an expose as written. */
export interface WrittenBind {
  readonly expose: string;
  readonly members: readonly Member[];
  /** The files behind the aliases of its file. */
  readonly imports: ReadonlyMap<string, SourceFile>;
}

export interface TextFacts {
  /** The entry file first. */
  readonly files: readonly SourceFile[];
  readonly unused: readonly Diagnostic[];
  readonly offs: readonly LintOff[];
  readonly lists: readonly NamedList[];
  readonly binds: readonly WrittenBind[];
}

export const NO_FACTS: TextFacts = { files: [], unused: [], offs: [], lists: [], binds: [] };

export function textFacts(program: Program): TextFacts {
  const { units } = program;
  const references = new Map(units.map((unit) => [unit, referencesIn(unit.ast.statements)]));
  const nodes = units.flatMap((unit) => unit.ast.statements.flatMap((node) => within(node).map((item) => ({ item, unit }))));
  return {
    files: units.map(({ ast }) => ast.file),
    unused: units.flatMap((unit) => (isLibrary(unit) ? [] : unusedIn(unit, references))),
    offs: nodes.flatMap(({ item }) => offsOf(item)),
    lists: [...references.values()].flatMap(({ lists }) => lists.map(({ path, span }) => ({ path: path.text, span }))),
    binds: nodes.flatMap(({ item, unit }) => bindOf(item, unit)),
  };
}

type ItemNode = StatementNode | ClauseNode;

/** A node and those inside of it. */
function within(node: ItemNode): readonly ItemNode[] {
  switch (node.kind) {
    case "expose":
      return [node, ...node.clauses];
    case "template":
      return [node, ...node.body.flatMap(within)];
    default:
      return [node];
  }
}

function isLibrary({ ast }: Unit): boolean {
  return ast.statements.every(({ kind }) => LIBRARY.has(kind));
}

const LIBRARY: ReadonlySet<string> = new Set(["net", "ports", "hosts", "ids", "template", "import"]);

/** Nothing of what is imported takes effect by itself. */
function bringsNothing(unit: Unit, seen: Set<Unit> = new Set()): boolean {
  if (seen.has(unit)) return true;
  seen.add(unit);
  return isLibrary(unit) && [...unit.imports.values()].every((other) => other !== null && bringsNothing(other, seen));
}

function unusedIn(unit: Unit, references: ReadonlyMap<Unit, References>): readonly Diagnostic[] {
  const own = references.get(unit);
  if (own === undefined) return [];
  /** How the files that import this one use it. */
  const others = [...references].flatMap(([other, found]) => [...other.imports].flatMap(([alias, imported]) => (imported === unit ? [{ alias, found }] : [])));
  const aliases = aliasesIn(own);
  const isUsed = ({ kind, name }: SetDeclaration): boolean =>
    usesSet(own, kind, name.text) || others.some(({ alias, found }) => usesSet(found, kind, `${alias}.${name.text}`));
  return unit.ast.statements.flatMap((node): readonly Diagnostic[] => {
    switch (node.kind) {
      case "net":
      case "ports":
      case "hosts":
      case "ids":
        return isUsed(node) ? [] : [unusedSet(node)];
      case "import": {
        const imported = unit.imports.get(node.alias.text);
        if (imported === undefined || imported === null || aliases.has(node.alias.text) || !bringsNothing(imported)) return [];
        return [diagnostic("ING829", { alias: node.alias.text }, node.alias.span)];
      }
      case "template": {
        const inside = referencesIn(node.body);
        const sets = node.body.flatMap((item) =>
          isSet(item) && item.name.param !== true && !usesSet(inside, item.kind, item.name.text) ? [unusedSet(item)] : [],
        );
        const { text, span } = node.name;
        const used = own.templates.has(text) || others.some(({ alias, found }) => found.templates.has(`${alias}.${text}`));
        return used ? sets : [diagnostic("ING830", { template: text }, span), ...sets];
      }
      default:
        return [];
    }
  });
}

function unusedSet({ kind, name }: SetDeclaration): Diagnostic {
  return diagnostic("ING828", { set: name.text, kind }, name.span);
}

function isSet(node: ItemNode): node is SetDeclaration {
  return node.kind === "net" || node.kind === "ports" || node.kind === "hosts" || node.kind === "ids";
}

function offsOf(node: ItemNode): readonly LintOff[] {
  const annotations: readonly AnnotationNode[] = "annotations" in node ? node.annotations : [];
  return annotations.flatMap(({ off, span }) => (off === undefined ? [] : [{ code: off.text, span, about: node.span }]));
}

function bindOf(node: ItemNode, unit: Unit): readonly WrittenBind[] {
  if (node.kind !== "expose" || node.bind === null || node.bind.except !== null) return [];
  return [{ expose: nameOf(node), members: node.bind.members, imports: filesOf(unit) }];
}

function nameOf({ name }: ExposeNode): string {
  return name.text;
}

function filesOf({ imports }: Unit): ReadonlyMap<string, SourceFile> {
  return new Map([...imports].flatMap(([alias, unit]): readonly (readonly [string, SourceFile])[] => (unit === null ? [] : [[alias, unit.ast.file]])));
}
