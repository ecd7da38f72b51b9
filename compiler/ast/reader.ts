// Reads the concrete tree: children by name, places, and whether a part is whole. Tokens that
// recovery made up count as missing.
import type { Diagnostic } from "../diagnostic.ts";
import { quote } from "../quote.ts";
import type { SourceFile, Span } from "../source.ts";
import type { Cst, Parsed, Token } from "../syntax/cst.ts";
import type { Piece } from "./nodes.ts";

export interface Reader {
  readonly file: SourceFile;
  readonly diagnostics: Diagnostic[];
  readonly brokenAfter: ReadonlySet<number>;
}

export function readerOf(parsed: Parsed): Reader {
  return { file: parsed.file, diagnostics: [], brokenAfter: parsed.brokenAfter };
}

function isCst(x: Cst | Token): x is Cst {
  return "children" in x;
}

export function nodes(cst: Cst | null, name: string): readonly Cst[] {
  return cst?.children[name]?.filter(isCst) ?? [];
}

export function node(cst: Cst | null, name: string, index = 0): Cst | null {
  return nodes(cst, name)[index] ?? null;
}

export function tokens(cst: Cst | null, name: string): readonly Token[] {
  return cst?.children[name]?.filter((x): x is Token => !isCst(x) && x.isInsertedInRecovery !== true) ?? [];
}

/** The text of a token, or null if it is missing. */
export function piece(r: Reader, cst: Cst | null, name: string, index = 0): Piece | null {
  const token = tokens(cst, name)[index];
  return token === undefined ? null : pieceOf(r, token);
}

export function pieceOf(r: Reader, token: Token): Piece {
  const start = token.startOffset;
  return { text: token.image, span: { file: r.file, start, end: start + token.image.length } };
}

/** A text without its quotes. */
export function text(r: Reader, cst: Cst | null, name = "Text", index = 0): Piece | null {
  const p = piece(r, cst, name, index);
  return p === null ? null : { ...p, text: p.text.replace(/^"|"$/g, "") };
}

/** From the first token of a node to its last; an empty node has an empty span. */
export function spanOf(r: Reader, cst: Cst): Span {
  let start = Number.MAX_SAFE_INTEGER;
  let end = 0;
  const open: Cst[] = [cst];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const list of Object.values(next.children)) {
      for (const child of list) {
        if (isCst(child)) open.push(child);
        else if (child.isInsertedInRecovery !== true) {
          start = Math.min(start, child.startOffset);
          end = Math.max(end, child.startOffset + child.image.length);
        }
      }
    }
  }
  return { file: r.file, start: Math.min(start, end), end };
}

/** True if a syntax error lies in the node or directly behind it. */
export function isBroken(r: Reader, cst: Cst): boolean {
  if (r.brokenAfter.size > 0) {
    const { start, end } = spanOf(r, cst);
    for (const at of r.brokenAfter) if (at > start && at <= end) return true;
  }
  return hasHole(cst);
}

/** True if reading the node itself, or a part of it, was given up. */
function hasHole(cst: Cst): boolean {
  if (cst.recoveredNode === true) return true;
  return Object.values(cst.children).some((list) => list.some((c) => (isCst(c) ? hasHole(c) : c.isInsertedInRecovery === true)));
}

/** The one diagnostic of what edition 1 has and this release has not. */
export function notYet(r: Reader, what: Piece, help: string | null = null): void {
  r.diagnostics.push({
    code: "ING110",
    message: `${quote(what.text)} is not in this release`,
    span: what.span,
    label: "",
    related: [],
    help: help ?? "remove it; docs/language.md lists what this release has",
    fix: null,
  });
}

/** One piece from the start of `a` to the end of `b`, with the text between as it stands. */
export function joined(a: Piece, b: Piece): Piece {
  const span = { ...a.span, end: b.span.end };
  return { text: `${a.text} ${b.text}`, span };
}
