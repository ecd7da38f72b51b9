// Code actions: the edit of each finding that has one, all of them at once, and an `@lint off` for a warning.
import type { CodeAction, Range, TextEdit } from "vscode-languageserver/node";
import type { ClauseNode, PolicyNode, StatementNode } from "../../ast/nodes.ts";
import { lineRange, offsetAt } from "../../lsp/positions.ts";
import { openEdited } from "../disk.ts";
import type { SourceFile } from "../../source/source.ts";
import { diagnosticOf } from "./diagnostics.ts";
import type { Documents, OpenDocument } from "./documents.ts";
import type { Finding } from "./messages.ts";
import { allShown } from "./shown.ts";

export const QUICK_FIX = "quickfix";
export const FIX_ALL = "source.fixAll.ingressc";

type Shows = Parameters<typeof diagnosticOf>[2];

/** `only`: the kinds that are wanted; null: any but those of the whole text. */
export async function actions(documents: Documents, document: OpenDocument, range: Range, only: readonly string[] | null, can: Shows): Promise<CodeAction[]> {
  const wants = (kind: string): boolean => only === null || only.some((wanted) => kind === wanted || kind.startsWith(`${wanted}.`));
  const [start, end] = [offsetAt(document.file, range.start), offsetAt(document.file, range.end)];
  const found = allShown(document.shown).filter(({ place }) => {
    const [from, to] = [offsetAt(document.file, place.range.start), offsetAt(document.file, place.range.end)];
    return from <= end && start <= to;
  });
  const quick = wants(QUICK_FIX) ? found.flatMap((finding) => [...fixOf(documents, document, finding, can), ...offOf(documents, document, finding, can)]) : [];
  const whole = only !== null && wants(FIX_ALL) ? await fixAllOf(document, documents) : [];
  return [...quick, ...whole];
}

function fixOf(documents: Documents, document: OpenDocument, finding: Finding, can: Shows): CodeAction[] {
  const { fix } = finding;
  if (fix === null) return [];
  const newText = document.file.text.includes("\r\n") ? fix.text.replaceAll("\n", "\r\n") : fix.text;
  return [
    {
      title: titleOf(finding),
      kind: QUICK_FIX,
      isPreferred: true,
      diagnostics: [diagnosticOf(finding, (path) => documents.uri(path), can)],
      edit: { changes: { [documents.uri(fix.path)]: [{ range: fix.range, newText }] } },
    },
  ];
}

function titleOf({ fix }: Finding): string {
  const { text = "", range } = fix ?? {};
  if (text === "") return "remove it";
  const isInsertion = range?.start.line === range?.end.line && range?.start.character === range?.end.character;
  const [line = ""] = text.trim().split("\n");
  return `${isInsertion ? "insert" : "write"} \`${line}\``;
}

/** A warning can be off where it is written. */
function offOf(documents: Documents, document: OpenDocument, finding: Finding, can: Shows): CodeAction[] {
  const { code, severity, place } = finding;
  if (severity !== "warning" || code === null || code === "ING835" || code === "ING836") return [];
  const { ast } = documents.tree(document);
  const node = ast === null ? null : annotatedAt(ast, offsetAt(document.file, place.range.start));
  if (node === null) return [];
  const edit = insertedAbove(document.file, node.start, `@lint off ${code} "say why"`);
  return [
    {
      title: `turn ${code} off here`,
      kind: QUICK_FIX,
      diagnostics: [diagnosticOf(finding, (path) => documents.uri(path), can)],
      edit: { changes: { [document.uri]: [edit] } },
    },
  ];
}

/** The innermost node around an offset that can have an annotation. */
function annotatedAt({ statements }: PolicyNode, offset: number): { readonly start: number } | null {
  const inner = (nodes: readonly (StatementNode | ClauseNode)[]): { readonly start: number } | null => {
    for (const node of nodes) {
      if (node.span.start > offset || offset > node.span.end) continue;
      const deeper =
        node.kind === "expose" ? inner(node.clauses)
        : node.kind === "template" ? inner(node.body)
        : null;
      if (deeper !== null) return deeper;
      return "annotations" in node ? { start: Math.min(node.span.start, ...node.annotations.map(({ span }) => span.start)) } : null;
    }
    return null;
  };
  return inner(statements);
}

function insertedAbove(file: SourceFile, start: number, text: string): TextEdit {
  const line = file.text.lastIndexOf("\n", start - 1) + 1;
  const indent = file.text.slice(line, start);
  const end = file.text.includes("\r\n") ? "\r\n" : "\n";
  // Where something else is on the line, the annotation is beside it.
  const newText = /^[ \t]*$/.test(indent) ? `${text}${end}${indent}` : `${text} `;
  return { range: lineRange({ file, start, end: start }), newText };
}

/** The edits of `ingressc check --fix` in this text. */
async function fixAllOf({ path, uri, file }: OpenDocument, { workspace }: Documents): Promise<CodeAction[]> {
  if (path === null) return [];
  const opened = openEdited(path, workspace.texts);
  if (!opened.ok) return [];
  const { entry, reader } = opened.value;
  const { fixAll } = await import("../fix_file.ts");
  const after = fixAll(entry, reader).texts.get(entry.path)?.after;
  if (after === undefined) return [];
  const range = lineRange({ file, start: 0, end: file.text.length });
  return [{ title: "apply all fixes", kind: FIX_ALL, edit: { changes: { [uri]: [{ range, newText: after }] } } }];
}
