// The answers of the language server to requests about one open text.
import { dirname, join } from "node:path";
import type {
  CodeLens,
  CompletionItem,
  CompletionItemKind,
  DocumentSymbol,
  Hover,
  InsertTextFormat,
  Location,
  Position,
  Range,
  SymbolKind,
  TextEdit,
  WorkspaceEdit,
} from "vscode-languageserver/node";
import type { ClauseNode, Piece, PolicyNode, RuleNode, StatementNode } from "../../ast/nodes.ts";
import { isBuiltin, type BuiltinName } from "../../check/names/builtin_names.ts";
import { offersAt, type Offer } from "../../lsp/completion.ts";
import { lineRange, offsetAt } from "../../lsp/positions.ts";
import { outlineOf, type OutlineItem, type OutlineKind } from "../../lsp/symbols.ts";
import type { SourceFile, Span } from "../../source/source.ts";
import { failed, ok, type Result } from "../../../runtime/result/result.ts";
import { realPlace } from "../disk.ts";
import type { Documents, OpenDocument } from "./documents.ts";
import type { FilePlace, Subject } from "./messages.ts";
import { knownIn, namedAt, placesOf, renamed, type Refused } from "./navigation.ts";

/** The command of a lens: its arguments are the URI of a text and the title of a test in it. */
export const RUN_TEST = "ingressc.runTest";

const NOTHING_KNOWN = { sets: [], templates: [], exposes: [], rules: [] } as const;

export function completions(documents: Documents, document: OpenDocument, position: Position): CompletionItem[] {
  const { file, path } = document;
  const offset = offsetAt(file, position);
  const { start, offers } = offersAt(file, offset, path === null ? NOTHING_KNOWN : knownIn(documents.workspace, path));
  const range = lineRange({ file, start, end: offset });
  return offers.map((offer) => completion(offer, range));
}

// The numbers of the protocol; its library is loaded by the server alone.
const PLAIN: InsertTextFormat = 1;
const SNIPPET: InsertTextFormat = 2;
const COMPLETION_KINDS: Readonly<Record<Offer["kind"], CompletionItemKind>> = {
  keyword: 14, // Keyword
  snippet: 15, // Snippet
  set: 6, // Variable
  template: 3, // Function
  expose: 8, // Interface
  rule: 23, // Event
  value: 12, // Value
};

function completion({ label, kind, detail, snippet }: Offer, range: Range): CompletionItem {
  return {
    label,
    kind: COMPLETION_KINDS[kind],
    ...(detail === "" ? {} : { detail }),
    textEdit: { range, newText: snippet ?? label },
    insertTextFormat: snippet === null ? PLAIN : SNIPPET,
  };
}

/** Without the editor's support of snippets: what is to be written is left out. */
export function withoutSnippets(items: readonly CompletionItem[]): CompletionItem[] {
  return items.map((item) => {
    const { textEdit } = item;
    if (item.insertTextFormat !== SNIPPET || textEdit === undefined || !("range" in textEdit)) return item;
    const newText = textEdit.newText
      .replace(/\$\{\d+:([^}]*)\}/g, "$1")
      .replace(/\$\d+/g, "")
      .replaceAll("\\$", "$");
    return { ...item, textEdit: { ...textEdit, newText }, insertTextFormat: PLAIN };
  });
}

export function definition(documents: Documents, document: OpenDocument, position: Position): Location[] {
  const { path, file } = document;
  if (path === null) return [];
  const offset = offsetAt(file, position);
  const target = fileNamedAt(documents, document, offset);
  if (target !== null) return [{ uri: documents.uri(target), range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } } }];
  const place = namedAt(documents.workspace, path, offset)?.declaration?.place;
  return place === undefined ? [] : [location(documents, place)];
}

/** The file behind the path of an import or of a list, where the offset is in it. */
function fileNamedAt(documents: Documents, document: OpenDocument, offset: number): string | null {
  const { ast } = documents.tree(document);
  const piece = ast === null ? null : pathAt(ast.statements, offset);
  return piece === null || document.path === null ? null : realPlace(join(dirname(document.path), piece));
}

function pathAt(node: unknown, offset: number): string | null {
  if (Array.isArray(node)) {
    for (const item of node as readonly unknown[]) {
      const found = pathAt(item, offset);
      if (found !== null) return found;
    }
    return null;
  }
  if (typeof node !== "object" || node === null || ("span" in node && !contains(node.span as Span, offset))) return null;
  for (const [key, value] of Object.entries(node) as [string, unknown][]) {
    if (key === "span") continue;
    const found = key === "path" && isPiece(value) ? textAt(value, offset) : pathAt(value, offset);
    if (found !== null) return found;
  }
  return null;
}

function isPiece(value: unknown): value is Piece {
  return typeof value === "object" && value !== null && "text" in value && typeof value.text === "string" && "span" in value;
}

function textAt({ text, span }: Piece, offset: number): string | null {
  return contains(span, offset) ? text : null;
}

function contains({ start, end }: Span, offset: number): boolean {
  return start <= offset && offset <= end;
}

export function references(documents: Documents, { path, file }: OpenDocument, position: Position, withDeclaration: boolean): Location[] {
  const named = path === null ? null : namedAt(documents.workspace, path, offsetAt(file, position));
  if (named === null) return [];
  return placesOf(documents.workspace, named).flatMap((place) => (place.declares && !withDeclaration ? [] : [location(documents, place)]));
}

/** The range and the text of what can have another name; null where nothing can. */
export function renameable(documents: Documents, { path, file }: OpenDocument, position: Position): { range: Range; placeholder: string } | null {
  const named = path === null ? null : namedAt(documents.workspace, path, offsetAt(file, position));
  return named === null || named.declaration === null ? null : { range: named.range, placeholder: named.found.name };
}

export function rename(documents: Documents, { path, file }: OpenDocument, position: Position, name: string): Result<WorkspaceEdit | null, Refused> {
  const named = path === null ? null : namedAt(documents.workspace, path, offsetAt(file, position));
  if (named === null || named.declaration === null) return failed("there is no name here that something declares");
  const places = renamed(documents.workspace, named, name);
  if (!places.ok) return places;
  const changes: Record<string, TextEdit[]> = {};
  for (const { path: at, range } of places.value) (changes[documents.uri(at)] ??= []).push({ range, newText: name });
  return ok({ changes });
}

function location(documents: Documents, { path, range }: FilePlace): Location {
  return { uri: documents.uri(path), range };
}

const SYMBOL_KINDS: Readonly<Record<OutlineKind, SymbolKind>> = {
  import: 2, // Module
  set: 13, // Variable
  expose: 11, // Interface
  dial: 11, // Interface
  rule: 24, // Event
  template: 12, // Function
  use: 19, // Object
  test: 6, // Method
  budget: 14, // Constant
  invariant: 7, // Property
  clause: 8, // Field
};

export function symbols(documents: Documents, document: OpenDocument): DocumentSymbol[] {
  const { ast } = documents.tree(document);
  return ast === null ? [] : outlineOf(ast).map(symbol);
}

function symbol({ name, kind, detail, span, nameSpan, inside }: OutlineItem): DocumentSymbol {
  return { name, kind: SYMBOL_KINDS[kind], detail, range: lineRange(span), selectionRange: lineRange(nameSpan), children: inside.map(symbol) };
}

/** The whole text in the one layout, with the ends of lines that it has; empty where nothing changes or it has errors. */
export async function formatting({ file }: OpenDocument): Promise<TextEdit[]> {
  const { format } = await import("../commands/sources.ts");
  const formatted = format(file);
  if (!formatted.ok) return [];
  const text = file.text.includes("\r\n") ? formatted.value.replaceAll("\n", "\r\n") : formatted.value;
  return text === file.text ? [] : [{ range: lineRange({ file, start: 0, end: file.text.length }), newText: text }];
}

export async function hover(documents: Documents, document: OpenDocument, position: Position): Promise<Hover | null> {
  const { path, file } = document;
  const offset = offsetAt(file, position);
  if (path === null) return null;
  const rule = ruleAt(documents.tree(document).ast, offset);
  if (rule !== null) return shown(rule, await documents.hover(path, { kind: "rule", path, offset }));
  const named = namedAt(documents.workspace, path, offset);
  if (named === null) return builtin(file, offset);
  const { found, declaration, range } = named;
  if (declaration === null) return null;
  const head = codeOf(declaration.node);
  const subject = subjectOf(found.kind, found.name, declaration.place.path);
  const lines = subject === null ? null : await documents.hover(path, subject);
  return markdown(head, lines ?? [], range);
}

function subjectOf(kind: string, name: string, path: string): Subject | null {
  switch (kind) {
    case "net":
    case "ports":
    case "hosts":
    case "ids":
      return { kind: "set", set: kind, path, name };
    case "expose":
      return { kind: "expose", name };
    default:
      return null;
  }
}

/** The rule whose first word is at the offset. */
function ruleAt(ast: PolicyNode | null, offset: number): RuleNode | null {
  const within = (node: StatementNode | ClauseNode): readonly (StatementNode | ClauseNode)[] =>
    node.kind === "expose" ? node.clauses
    : node.kind === "template" ? node.body.flatMap((item) => [item, ...within(item)])
    : [node];
  for (const node of ast?.statements ?? []) {
    if (!contains(node.span, offset)) continue;
    for (const item of within(node)) {
      const words = item.kind === "rule" && item.dryrun ? "dryrun deny".length : "allow".length;
      if (item.kind === "rule" && item.span.start <= offset && offset <= item.span.start + words) return item;
    }
  }
  return null;
}

function shown(rule: RuleNode, lines: readonly string[] | null): Hover | null {
  return lines === null ? null : markdown(codeOf(rule.span), lines, lineRange(rule.span));
}

const BUILTIN: Readonly<Record<BuiltinName, string>> = {
  any: "every address of IPv4 and IPv6",
  any4: "every address of IPv4",
  any6: "every address of IPv6",
  internet: "every address that the IANA special-purpose address registries list as globally reachable, without multicast",
  private: "10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7",
  loopback: "127.0.0.0/8, ::1",
  linklocal: "169.254.0.0/16, fe80::/10",
};

function builtin(file: SourceFile, offset: number): Hover | null {
  let start = offset;
  while (start > 0 && /[a-z0-9]/.test(file.text.charAt(start - 1))) start--;
  const word = /^[a-z0-9]+/.exec(file.text.slice(start, start + 16))?.[0] ?? "";
  if (!isBuiltin(word)) return null;
  return markdown(`net ${word}`, [`a net of the language: ${BUILTIN[word]}`], lineRange({ file, start, end: start + word.length }));
}

function markdown(head: string, lines: readonly string[], range: Range): Hover {
  const value = [`\`\`\`ingress\n${head}\n\`\`\``, ...lines.filter((line) => line !== "").map((line) => line.trim())].join("\n\n");
  return { contents: { kind: "markdown", value }, range };
}

const MOST_LINES = 6;

function codeOf({ file, start, end }: Span): string {
  const lines = file.text.slice(start, end).split(/\r\n|\r|\n/);
  return (lines.length > MOST_LINES ? [...lines.slice(0, MOST_LINES), "…"] : lines).join("\n").replaceAll("```", "");
}

/** One for each test: it runs the test in the module that the text compiles to. */
export function lenses(documents: Documents, document: OpenDocument): CodeLens[] {
  const { path, uri } = document;
  const { ast } = documents.tree(document);
  if (path === null) return [];
  const runs = new Map(documents.runsIn(path).map((run) => [run.name, run]));
  return (ast?.statements ?? []).flatMap((node) => {
    if (node.kind !== "test" || node.title.param === true) return [];
    const name = node.title.text;
    const run = runs.get(name);
    const state =
      run === undefined ? ""
      : run.failures.length > 0 ? ` (${run.failures.length} of ${run.lines} failed)`
      : ` (${run.lines} passed)`;
    return [{ range: lineRange(node.title.span), command: { title: `run test${state}`, command: RUN_TEST, arguments: [uri, name] } }];
  });
}
