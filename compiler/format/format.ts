// The formatter: text -> the same policy and the same comments in the one layout. The printer
// makes rows of the tree; their tokens are the source's, so that comments are put back by
// counting. A row's parts may have another order than in the source (annotations, `cap`, claims,
// requests); then each comment goes with its words. The result is read again before anyone
// gets it: a comment or a word that is not there, or a tree that is another, is a defect, and the
// file stays as it is.
import { build } from "../ast/build.ts";
import { commentsIn, gapsOf, type Gap } from "./comments.ts";
import { tokensOf, type Row } from "./layout.ts";
import { moveComments, orderOf, type Words } from "./moved_comments.ts";
import type { PolicyNode } from "../ast/nodes.ts";
import { policyRows } from "./print.ts";
import { renderRows } from "./render.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { encodePolicy, jsonText } from "../json/encode.ts";
import type { SourceFile } from "../source/source.ts";
import { parse } from "../syntax/parse.ts";
import { lex } from "../syntax/tokens.ts";

export type Formatted =
  | { readonly kind: "formatted"; readonly text: string }
  /** The text can't be read whole, so it is not touched. */
  | { readonly kind: "broken"; readonly diagnostics: readonly Diagnostic[] }
  /** What the formatter made is not what it was given: it has a defect. */
  | { readonly kind: "defect"; readonly what: string };

export type Tree = { readonly kind: "tree"; readonly ast: PolicyNode } | { readonly kind: "broken"; readonly diagnostics: readonly Diagnostic[] };

/** The tree of a text without errors in its syntax; names and literals are not looked at. */
export function readTree(file: SourceFile): Tree {
  const parsed = parse(file);
  const { ast, diagnostics } = build(parsed);
  const found = [...parsed.diagnostics, ...diagnostics].sort((a, b) => a.span.start - b.span.start);
  return ast === null || found.length > 0 ? { kind: "broken", diagnostics: found } : { kind: "tree", ast };
}

/** Lines end in LF, and a byte order mark is dropped. */
export function format(file: SourceFile): Formatted {
  const printed = print(file);
  if ("kind" in printed) return printed;
  // Of the first tree nothing is left here: a large policy has room for one at a time.
  const what = difference({ path: file.path, text: printed.text }, printed);
  return what === null ? { kind: "formatted", text: printed.text } : { kind: "defect", what };
}

interface Printed {
  readonly text: string;
  /** Source JSON of the policy as it was. */
  readonly json: string;
  readonly comments: readonly string[];
}

function print(file: SourceFile): Printed | Exclude<Formatted, { readonly kind: "formatted" }> {
  const tree = readTree(file);
  if (tree.kind === "broken") return tree;
  const source = placesIn(file.text);
  const rows = policyRows(tree.ast);
  const gaps = place(rows, source.words, source.gaps);
  if (gaps === null) return { kind: "defect", what: "the words of the policy would not be the same" };
  return { text: renderRows(rows, gaps), json: jsonText(encodePolicy(tree.ast)), comments: commentsIn(source.gaps) };
}

interface Places {
  readonly words: Words;
  readonly gaps: readonly Gap[];
}

function placesIn(text: string): Places {
  const { tokens } = lex(text);
  return {
    words: { texts: tokens.map((t) => t.image), starts: tokens.map((t) => t.startOffset) },
    gaps: gapsOf(
      text,
      tokens.map((t) => ({ start: t.startOffset, end: t.startOffset + t.image.length })),
    ),
  };
}

/** The gaps of the printed tokens; null where a row has other words than the source. */
function place(rows: readonly Row[], words: Words, gaps: readonly Gap[]): Gap[] | null {
  const placed = [...gaps];
  let start = 0;
  for (const { parts } of rows) {
    const printed = tokensOf(parts);
    const order = orderOf(printed, words, start);
    if (order === null) return null;
    if (order.some((k, i) => k !== start + i)) moveComments(placed, printed, order, start);
    start += printed.length;
  }
  return start === words.texts.length ? placed : null;
}

function difference(after: SourceFile, before: Printed): string | null {
  const tree = readTree(after);
  if (tree.kind === "broken") return `the new text can't be read: ${tree.diagnostics[0]?.message ?? ""}`;
  if (jsonText(encodePolicy(tree.ast)) !== before.json) return "the policy would not be the same";
  return isEqual(commentsIn(placesIn(after.text).gaps).sort(), [...before.comments].sort()) ? null : "a comment would be lost";
}

function isEqual(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((text, i) => text === b[i]);
}
