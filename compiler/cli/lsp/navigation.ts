// Names of an open text across its imports: where they are declared, where they are used, and their new names.
import { join } from "node:path";
import { isBuiltin } from "../../check/names/builtin_names.ts";
import { mayDeclare } from "../../check/names/declarations.ts";
import { newReport } from "../../diagnostics/report.ts";
import { globalsIn, nameAt, namesIn, type NamePlace } from "../../lsp/names.ts";
import { lineRange, type LineRange } from "../../lsp/positions.ts";
import type { Known } from "../../lsp/completion.ts";
import type { SourceFile, Span } from "../../source/source.ts";
import { isKeyword } from "../../syntax/keywords.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import type { FilePlace } from "./messages.ts";
import { belowRoot } from "./uris.ts";
import type { LoadedProgram, Workspace } from "./workspace.ts";

export interface NamedPlace {
  readonly found: NamePlace;
  /** Of the name at the place that was looked at. */
  readonly range: LineRange;
  /** The declaration; null where the name has none. */
  readonly declaration: { readonly place: FilePlace; readonly node: Span; readonly file: SourceFile; readonly offset: number } | null;
}

/** The name at an offset of a file; null where there is none that something declares. */
export function namedAt(workspace: Workspace, path: string, offset: number): NamedPlace | null {
  for (const entry of workspace.entriesOf(path)) {
    const loaded = workspace.program(entry);
    if (loaded === null) continue;
    const names = namesIn(loaded.program);
    const found = nameAt(names, below(loaded, path), offset);
    if (found === null) continue;
    const declared = names.find(({ key, declares }) => declares && key === found.key);
    const declaration =
      declared?.node === undefined ?
        null
      : { place: placeOf(loaded, declared.span), node: declared.node, file: declared.node.file, offset: declared.span.start };
    return { found, range: lineRange(found.span), declaration };
  }
  return null;
}

/** All places of a name, each once, in every policy that has its declaration. */
export function placesOf(workspace: Workspace, { declaration }: NamedPlace): readonly (FilePlace & { readonly declares: boolean })[] {
  if (declaration === null) return [];
  const { path } = declaration.place;
  const once = new Map<string, FilePlace & { readonly declares: boolean }>();
  for (const entry of workspace.entriesOf(path)) {
    const loaded = workspace.program(entry);
    if (loaded === null) continue;
    const names = namesIn(loaded.program);
    const found = nameAt(names, below(loaded, path), declaration.offset);
    if (found === null) continue;
    for (const { key, span, declares } of names) {
      if (key !== found.key) continue;
      const place = placeOf(loaded, span);
      once.set(JSON.stringify(place), { ...place, declares });
    }
  }
  return [...once.values()];
}

/** Why a name can't have another one. */
export type Refused = string;

/** The places that have the new name in a rename; the name was checked. */
export function renamed(workspace: Workspace, named: NamedPlace, name: string): Result<readonly FilePlace[], Refused> {
  const { found } = named;
  const isParameter = found.kind === "parameter";
  if (!(isParameter ? PARAMETER : NAME).test(name))
    return failed(isParameter ? "a parameter is `$` and a name" : "a name has letters, digits, `_` and `-`, and begins with a letter or `_`");
  if (isKeyword(name)) return failed(`\`${name}\` is a word of the language`);
  const report = newReport();
  const span: Span = { file: { path: "", text: "" }, start: 0, end: 0 };
  if (isBuiltin(name) || !mayDeclare(report, { text: name.replace(/^\$/, ""), span }, found.kind === "expose" ? "expose" : "net"))
    return failed(report.diagnostics[0]?.message ?? `\`${name}\` is reserved`);
  const taken = takenBy(workspace, named, name);
  return taken === null ? ok(placesOf(workspace, named)) : failed(taken);
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;
const PARAMETER = /^\$[A-Za-z_][A-Za-z0-9_-]*$/;

/** Rules may share a name; nothing else may. */
function takenBy(workspace: Workspace, { found, declaration }: NamedPlace, name: string): string | null {
  if (declaration === null || found.kind === "rule" || found.name === name) return null;
  for (const entry of workspace.entriesOf(declaration.place.path)) {
    const loaded = workspace.program(entry);
    if (loaded === null) continue;
    const names = namesIn(loaded.program);
    const own = nameAt(names, below(loaded, declaration.place.path), declaration.offset);
    if (own === null) continue;
    const [kind, scope] = JSON.parse(own.key) as readonly [string, string, string];
    if (names.some(({ key, declares }) => declares && key === JSON.stringify([kind, scope, name]))) return `there is \`${name}\` already`;
  }
  return null;
}

/** The names that a file can say, for completion. */
export function knownIn(workspace: Workspace, path: string): Known {
  for (const entry of workspace.entriesOf(path)) {
    const loaded = workspace.program(entry);
    const unit = loaded?.program.units.find(({ ast }) => ast.file.path === below(loaded, path));
    if (loaded === null || unit === undefined) continue;
    const units = [["", unit] as const, ...[...unit.imports].flatMap(([alias, other]) => (other === null ? [] : [[`${alias}.`, other] as const]))];
    const statements = units.flatMap(([before, { ast }]) => ast.statements.map((node) => ({ before, node })));
    // For completion, which is requested with each letter, the places of all names are too much.
    const { exposes, rules } = globalsIn(loaded.program);
    return {
      sets: statements.flatMap(({ before, node }) =>
        node.kind === "net" || node.kind === "ports" || node.kind === "hosts" || node.kind === "ids" ?
          [{ kind: node.kind, name: `${before}${node.name.text}` }]
        : [],
      ),
      templates: statements.flatMap(({ before, node }) =>
        node.kind === "template" ? [{ name: `${before}${node.name.text}`, params: node.params.map(({ text }) => text) }] : [],
      ),
      exposes: [...exposes],
      rules: [...rules],
    };
  }
  return { sets: [], templates: [], exposes: [], rules: [] };
}

function below({ root }: LoadedProgram, path: string): string {
  return belowRoot(root, path) ?? path;
}

function placeOf({ root }: LoadedProgram, span: Span): FilePlace {
  return { path: join(root, span.file.path), range: lineRange(span) };
}
