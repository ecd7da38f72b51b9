// The form of a printed text before it is text: rows of tokens, with what may be between
// them. The tokens of a printed policy are those of its source in their order, so comments find
// their place by counting (comments.ts), and render.ts decides where lines break.
import type { Span } from "../source/source.ts";

/**
 * Which token of the source is printed, where a row may have another order than the source: the
 * one at `offset`, or the one before that. A `separator` is printed between parts and goes with none.
 * Tokens without an origin follow the one before them, as they do in the source.
 */
export type Origin = { readonly kind: "at" | "before"; readonly offset: number } | { readonly kind: "separator" };

export type Doc =
  | { readonly kind: "token"; readonly text: string; readonly from?: Origin }
  /** One space, always. */
  | { readonly kind: "space" }
  /** A space; what follows is put into one column with the rows around, where they are alike. */
  | { readonly kind: "column" }
  /** A space (`soft`: nothing) where the group stands on one line, else a line break. */
  | { readonly kind: "line"; readonly soft: boolean }
  /** Closes an empty block: like a line, but at the indent of the row. */
  | { readonly kind: "close" }
  /** On one line if it fits and holds no comment; else each `line` in it breaks. */
  | { readonly kind: "group"; readonly indent: number; readonly parts: readonly Doc[] };

export type Token = Extract<Doc, { readonly kind: "token" }>;

/** The tokens of one line, unless it is too long. */
export interface Row {
  /** In columns. */
  readonly indent: number;
  readonly parts: readonly Doc[];
  /** A blank line is before it. */
  readonly apart: boolean;
  /** It ends with the `{` of a block, is the `}` of one, or belongs to the row that follows. */
  readonly edge: "opens" | "closes" | "leads" | null;
  /** Rows of one table have their columns in common. */
  readonly table: string | null;
}

export const INDENT = 2;

export const SPACE: Doc = { kind: "space" };
export const COLUMN: Doc = { kind: "column" };
export const LINE: Doc = { kind: "line", soft: false };
export const SOFT: Doc = { kind: "line", soft: true };

export function token(text: string): Doc {
  return { kind: "token", text };
}

/** The same parts, whose first token has its place in the source. */
export function placed(parts: readonly Doc[], from: Origin): Doc[] {
  let found = false;
  return parts.map((part): Doc => {
    if (found || part.kind !== "token") return part;
    found = true;
    return { ...part, from };
  });
}

/** The keyword of a clause, with what it is followed by at `span`. */
export function clauseDocs(word: string, span: Span, parts: readonly Doc[]): Doc[] {
  return placed([token(word), ...parts], { kind: "before", offset: span.start });
}

export function group(parts: readonly Doc[], indent = INDENT): Doc {
  return { kind: "group", indent, parts };
}

/** Tokens with one space between two of them. */
export function words(...texts: readonly string[]): Doc[] {
  return texts.flatMap((text, i) => (i === 0 ? [token(text)] : [SPACE, token(text)]));
}

/** Lists of parts with commas between them; a line may break behind a comma. */
export function commas(items: readonly (readonly Doc[])[]): Doc[] {
  return items.flatMap((item, i) => (i === 0 ? item : [token(","), LINE, ...item]));
}

export function row(parts: readonly Doc[], more: Partial<Row> = {}): Row {
  return { indent: 0, parts, apart: false, edge: null, table: null, ...more };
}

/** A head, rows between braces, and one step of indent; without rows the braces are together. */
export function block(head: readonly Doc[], body: readonly Row[]): Row[] {
  const open: readonly Doc[] = [...head, SPACE, token("{")];
  if (body.length === 0) return [row([...open, group([{ kind: "close" }, token("}")])])];
  return [row(open, { edge: "opens" }), ...body.map((r) => ({ ...r, indent: r.indent + INDENT })), row([token("}")], { edge: "closes" })];
}

/** All tokens in their order. */
export function tokensOf(parts: readonly Doc[]): Token[] {
  const found: Token[] = [];
  const visit = (docs: readonly Doc[]): void => {
    for (const doc of docs) {
      if (doc.kind === "token") found.push(doc);
      else if (doc.kind === "group") visit(doc.parts);
    }
  };
  visit(parts);
  return found;
}
