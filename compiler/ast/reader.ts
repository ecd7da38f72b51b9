// Reads the concrete tree: children by name, places, and whether a part is whole. Tokens that
// recovery made up count as missing.
import type { Beside, Diagnostic } from "../diagnostics/diagnostic.ts";
import { wordsOf, type DataOf, type TypedCode, type TypedData, type UntypedCode } from "../diagnostics/words.ts";
import type { SourceFile, Span } from "../source/source.ts";
import { endOf, type Cst, type Parsed, type Token } from "../syntax/cst.ts";
import type { Piece } from "./nodes.ts";

export interface Reader {
  readonly file: SourceFile;
  readonly diagnostics: Diagnostic[];
  readonly whole: boolean;
  readonly brokenAfter: ReadonlySet<number>;
  /** The diagnostics of the parser, in the order of the text. */
  readonly reported: readonly Diagnostic[];
}

export function readerOf(parsed: Parsed): Reader {
  return { file: parsed.file, diagnostics: [], whole: parsed.whole, brokenAfter: parsed.brokenAfter, reported: parsed.diagnostics };
}

export function say(
  r: Reader,
  code: UntypedCode,
  message: string,
  span: Span,
  help: string | null,
  more: { readonly related?: Diagnostic["related"]; readonly fix?: Diagnostic["fix"] } = {},
): void {
  r.diagnostics.push({ code, data: null, message, span, label: "", related: more.related ?? [], help, fix: more.fix ?? null });
}

/** For a code whose words follow from its data. */
export function sayTyped<C extends TypedCode>(r: Reader, code: C, data: TypedData<C> & DataOf<C>, span: Span, { related = [], fix = null }: Beside = {}): void {
  const { message, label = "", help = null } = wordsOf(code, data);
  r.diagnostics.push({ code, data, message, span, label, related, help, fix });
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

/** All nodes among the children, whatever their names. */
export function parts(cst: Cst): readonly Cst[] {
  return Object.values(cst.children).flatMap((list) => list.filter(isCst));
}

/** The first of them. */
export function firstPart(cst: Cst): Cst | null {
  for (const name in cst.children) {
    const found = cst.children[name]?.find(isCst);
    if (found !== undefined) return found;
  }
  return null;
}

export function tokens(cst: Cst | null, name: string): readonly Token[] {
  return cst?.children[name]?.filter((x): x is Token => !isCst(x) && x.isInsertedInRecovery !== true) ?? [];
}

/** The token, or null if it is missing. */
export function piece(r: Reader, cst: Cst | null, name: string, index = 0): Piece | null {
  const token = tokens(cst, name)[index];
  return token === undefined ? null : pieceOf(r, token);
}

export function pieces(r: Reader, cst: Cst | null, name: string): Piece[] {
  return tokens(cst, name).map((token) => pieceOf(r, token));
}

/** The first of several keywords that is there. */
export function keyword<W extends string>(r: Reader, cst: Cst | null, words: readonly W[]): { readonly word: W; readonly piece: Piece } | null {
  for (const word of words) {
    const found = piece(r, cst, `kw_${word}`);
    if (found !== null) return { word, piece: found };
  }
  return null;
}

/** A token's text; that of a text in quotes without them. */
function pieceOf(r: Reader, token: Token): Piece {
  const { image } = token;
  const span = { file: r.file, start: token.startOffset, end: endOf(token) };
  if (image.startsWith("$")) return { text: image, span, param: true };
  return { text: image.startsWith('"') ? image.replace(/^"|"$/g, "") : image, span };
}

/** From the start of `a` to the end of `b`. */
export function joined(a: { readonly span: Span }, b: { readonly span: Span }): Span {
  return { ...a.span, end: b.span.end };
}

/** From the first token of a node to its last; an empty node has an empty span. */
export function spanOf(r: Reader, cst: Cst): Span {
  const { startOffset = NaN, endOffset = NaN } = cst.location ?? {};
  // The parser counts what it made up.
  if (r.whole && endOffset >= startOffset) return { file: r.file, start: startOffset, end: endOffset + 1 };
  let start = Number.MAX_SAFE_INTEGER;
  let end = 0;
  const open: Cst[] = [cst];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    for (const list of Object.values(next.children)) {
      for (const child of list) {
        if (isCst(child)) open.push(child);
        else if (child.isInsertedInRecovery !== true) {
          start = Math.min(start, child.startOffset);
          end = Math.max(end, endOf(child));
        }
      }
    }
  }
  return { file: r.file, start: Math.min(start, end), end };
}

/** True if a syntax error lies in the node or directly behind it. */
export function isBroken(r: Reader, cst: Cst): boolean {
  if (r.whole) return false;
  if (r.brokenAfter.size > 0) {
    const { start, end } = spanOf(r, cst);
    for (const at of r.brokenAfter) if (at > start && at <= end) return true;
  }
  return hasHole(cst);
}

/** True if something is wrong before the place, on its line. */
export function isBehindError(r: Reader, { start }: Span): boolean {
  const line = r.file.text.lastIndexOf("\n", start - 1);
  return r.reported.some((d) => d.span.start > line && d.span.start < start);
}

/** True if reading the node itself, or a part of it, was given up. */
function hasHole(cst: Cst): boolean {
  if (cst.recoveredNode === true) return true;
  return Object.values(cst.children).some((list) => list.some((c) => (isCst(c) ? hasHole(c) : c.isInsertedInRecovery === true)));
}
