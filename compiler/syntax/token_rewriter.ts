// The shared state of the rules of foreign_forms.ts: tokens to look at, tokens to put in their place, and the reports.
import { createTokenInstance, type IToken, type TokenType } from "chevrotain";
import { MAX_ERRORS } from "../source/bounds.ts";
import type { ForeignForm } from "../diagnostics/foreign_words.ts";
import { endOf } from "./cst.ts";
import { startsLine } from "./tokens.ts";

/** A form that another language has and its place, with the edit that makes it one of this language. */
export interface RewrittenForm {
  readonly start: number;
  readonly end: number;
  readonly data: ForeignForm;
  /** Null where the text does not show what was meant. */
  readonly fix: { readonly start: number; readonly end: number; readonly text: string } | null;
  /** A word that is read as a name, and may be none. */
  readonly doubtful?: string;
}

/** Looks at the tokens from `at` on; how many of them it has replaced, or 0. */
export type RewriteRule = (m: TokenRewriter, at: number) => number;

export class TokenRewriter {
  readonly text: string;
  readonly tokens: readonly IToken[];
  readonly out: IToken[] = [];
  readonly foreignForms: RewrittenForm[] = [];

  constructor(text: string, tokens: readonly IToken[]) {
    this.text = text;
    this.tokens = tokens;
  }

  /** The token before the one that is looked at, as it is read. */
  get previous(): IToken | undefined {
    return this.out.at(-1);
  }

  is(at: number, ...types: readonly TokenType[]): boolean {
    const token = this.tokens[at];
    return token !== undefined && types.includes(token.tokenType);
  }

  /** The token, if it is on the line of the one before it. */
  onLine(at: number): IToken | undefined {
    const token = this.tokens[at];
    return token === undefined || startsLine(token) ? undefined : token;
  }

  put(...tokens: readonly (IToken | undefined)[]): void {
    for (const token of tokens) if (token !== undefined) this.out.push(token);
  }

  /** A token in place of the text from `start` to `end`, which may be empty. */
  made(type: TokenType, image: string, start: number, end: number, isFirst = false): IToken {
    const token = createTokenInstance(type, image, start, end - 1, NaN, NaN, NaN, NaN);
    token.payload = isFirst;
    return token;
  }

  /** Reports a form at a token. */
  sayAt(token: IToken, data: ForeignForm, fix: RewrittenForm["fix"], more: Pick<RewrittenForm, "doubtful"> = {}): void {
    this.say({ ...more, start: token.startOffset, end: endOf(token), data, fix });
  }

  say(form: RewrittenForm): void {
    // One more than are shown says that there are others; all are fixed.
    if (this.foreignForms.length <= MAX_ERRORS) this.foreignForms.push(form);
  }

  /** The text of the token. */
  written(token: IToken): string {
    return this.text.slice(token.startOffset, endOf(token));
  }
}

/** The edit that replaces the text from one token to another. */
export function instead(first: IToken, last: IToken, text: string): RewrittenForm["fix"] {
  return { start: first.startOffset, end: endOf(last), text };
}

export function insertedBefore(token: IToken, text: string): RewrittenForm["fix"] {
  return { start: token.startOffset, end: token.startOffset, text };
}

/** The edit that removes a token and the blanks behind it. */
export function without(m: TokenRewriter, token: IToken): RewrittenForm["fix"] {
  const end = endOf(token);
  const blanks = /^[ \t]*/.exec(m.text.slice(end, end + 64))?.[0].length ?? 0;
  return { start: token.startOffset, end: end + blanks, text: "" };
}
