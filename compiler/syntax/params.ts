// Parameters belong to the template that lists them and are whole words. They are read from the tokens,
// so that other errors of a template don't matter.
import type { IToken, TokenType } from "chevrotain";
import { MAX_ERRORS, MAX_LOOKS } from "../source/bounds.ts";
import { nearest } from "../../runtime/text/nearest.ts";
import type { SyntaxData } from "../diagnostics/syntax_words.ts";
import { KW, LBrace, LParen, Literal, Param, RBrace, RParen, isName } from "./tokens.ts";

export interface Misplaced {
  readonly token: IToken;
  /** `outside` of every template may follow from a torn head; `again` was reported already. */
  readonly why: "outside" | "unknown" | "twice" | "joined" | "again";
  readonly data: SyntaxData["ING115"];
  /** The list of parameters that it is not in, or in which it appears twice. */
  readonly related: IToken | null;
}

interface Head {
  /** Null where no block follows the list. */
  readonly template: Template | null;
  /** The last token of it. */
  readonly end: number;
}

interface Template {
  readonly name: IToken;
  /** Null where the list can't be read: anything may be in it. */
  readonly params: ReadonlyMap<string, IToken> | null;
}

/** The faults of parameters, in the order of the text; linear. */
export function misplacedParams(tokens: readonly IToken[]): Misplaced[] {
  const found: Misplaced[] = [];
  const reported = new Set<string>();
  let template: Template | null = null;
  let depth = 0;
  let advised = 0;
  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i];
    if (token === undefined) break;
    const type = token.tokenType;
    if (template === null) {
      const head = headAt(tokens, i, found);
      if (head !== null) {
        ({ template } = head);
        i = head.end;
        depth = 1;
        continue;
      }
    } else if (type === LBrace) depth++;
    else if (type === RBrace && --depth === 0) template = null;
    // Advice is for those that are shown.
    const complaint = judge(token, template, advised < MAX_ERRORS);
    if (complaint === null) continue;
    const key = `${template?.name.startOffset ?? ""} ${token.image}`;
    if (complaint.why === "unknown" && !reported.has(key)) advised++;
    found.push(reported.has(key) ? { ...complaint, why: "again" } : complaint);
    reported.add(key);
  }
  return found;
}

/** `WORD NAME ( … ) {`, however the word is spelt, or what there is of it. */
function headAt(tokens: readonly IToken[], at: number, found: Misplaced[]): Head | null {
  const open = tokens[at + 2];
  // Called for every token, so the rarest of the three is looked at first.
  if (open?.tokenType !== LParen && open?.tokenType !== LBrace) return null;
  const word = tokens[at];
  const name = tokens[at + 1];
  if (word === undefined || name === undefined || !isName(word) || !isName(name)) return null;
  const isTemplate = word.tokenType === KW.template;
  if (open.tokenType === LBrace && isTemplate) return { template: { name, params: null }, end: at + 2 };
  if (open.tokenType !== LParen) return null;
  const params = new Map<string, IToken>();
  const twice: Misplaced[] = [];
  for (let i = at + 3; ; i++) {
    const token = tokens[i];
    if (token?.tokenType === Param) {
      const first = params.get(token.image);
      if (first === undefined) params.set(token.image, token);
      else twice.push({ token, why: "twice", data: { fault: "twice", text: token.image }, related: first });
    } else if (token === undefined || ENDS.has(token.tokenType)) {
      const end = token?.tokenType === RParen && tokens[i + 1]?.tokenType === LBrace ? i + 1 : i;
      const opens = tokens[end]?.tokenType === LBrace;
      if (!opens && !isTemplate) return null;
      found.push(...twice);
      // A parameter may have gone with the `)` that is missing.
      const isClosed = token?.tokenType === RParen;
      return { template: opens ? { name, params: isClosed ? params : null } : null, end };
    }
  }
}

/** A list of parameters ends here at the latest. */
const ENDS: ReadonlySet<TokenType> = new Set([LParen, RParen, LBrace, RBrace]);

function judge(token: IToken, template: Template | null, advise: boolean): Misplaced | null {
  const { image, tokenType } = token;
  if (tokenType === Literal && image.includes("$")) {
    return { token, why: "joined", data: { fault: "joined", text: image }, related: null };
  }
  if (tokenType !== Param) return null;
  if (template === null) return { token, why: "outside", data: { fault: "outside", text: image }, related: null };
  const { params, name } = template;
  if (params === null || params.has(image)) return null;
  const near = advise ? nearest(image, first(params.keys(), MAX_LOOKS / MAX_ERRORS)) : null;
  const listed = params.size > MOST_LISTED ? null : [...params.keys()];
  return { token, why: "unknown", data: { fault: "unknown", text: image, template: name.image, params: listed, near }, related: name };
}

/** A longer list of parameters is not written anew. */
const MOST_LISTED = 8;

function* first(names: Iterable<string>, most: number): Generator<string> {
  let n = 0;
  for (const name of names) {
    if (n++ === most) return;
    yield name;
  }
}
