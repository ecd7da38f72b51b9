// Every policy of the repository as the compiler reads it, for grammars of editors to be compared with: what each word is, and
// where each statement begins and ends.
import { isIP } from "node:net";
import { classify, Integer, Literal, Param, Range, Rate, Slash, lex } from "../../compiler/syntax/tokens.ts";
import { endOf, type Cst, type Token } from "../../compiler/syntax/cst.ts";
import { parse } from "../../compiler/syntax/parse.ts";
import { sources } from "../house/sources.ts";

export type Kind = "keyword" | "text" | "comment" | "number" | "address" | "parameter";

/** Offsets in UTF-16 units, as everywhere in the compiler. */
export interface Piece {
  readonly kind: Kind;
  readonly start: number;
  readonly end: number;
}

export interface Read {
  /** Nothing is wrong with the text as text. */
  readonly whole: boolean;
  /** In the order of the text. Names are missing, also those that are spelt as keywords, and so are other literals. */
  readonly pieces: readonly Piece[];
  readonly statements: readonly { readonly start: number; readonly end: number }[];
}

export const POLICIES = sources(".ingress");

/** An address, a prefix or an endpoint, by Node's own reading. */
export function isAddress(word: string): boolean {
  const [, bracketed] = /^\[(.*)\](?::\d+)?$/.exec(word) ?? [];
  if (bracketed !== undefined) return isIP(bracketed) === 6;
  return [word, word.replace(/\/\d+$/, ""), word.replace(/^([^:]*):\d+$/, "$1")].some((form) => isIP(form) !== 0);
}

function isToken(child: Cst | Token): child is Token {
  return "image" in child;
}

/** Calls `visit` for each token of the tree, with the name by which its rule has it. */
function eachToken(cst: Cst, visit: (token: Token, as: string) => void): void {
  for (const [as, children] of Object.entries(cst.children)) {
    for (const child of children) {
      if (isToken(child)) visit(child, as);
      else eachToken(child, visit);
    }
  }
}

function kindOf(token: Token, as: string): Kind | null {
  if (as.startsWith("kw_")) return "keyword";
  if (token.image.startsWith('"')) return "text";
  const type = classify(token.image);
  if (type === Param) return "parameter";
  if ([Integer, Range, Rate, Slash].includes(type)) return "number";
  return type === Literal && isAddress(token.image) ? "address" : null;
}

export function read(text: string): Read {
  const { cst, whole } = parse({ path: "policy.ingress", text });
  if (cst === null) return { whole: false, pieces: [], statements: [] };
  const pieces: Piece[] = lex(text).comments.map(({ startOffset, image }) => {
    const shown = image.replace(/\r$/, "");
    return { kind: "comment", start: startOffset, end: startOffset + shown.length };
  });
  eachToken(cst, (token, as) => {
    const kind = kindOf(token, as);
    if (kind !== null && !Number.isNaN(token.startOffset)) pieces.push({ kind, start: token.startOffset, end: endOf(token) });
  });
  const statements = (cst.children["statement"] ?? []).flatMap((child) => {
    if (isToken(child) || child.location?.endOffset === undefined) return [];
    return [{ start: child.location.startOffset, end: child.location.endOffset + 1 }];
  });
  return { whole, pieces: pieces.sort((a, b) => a.start - b.start), statements };
}
