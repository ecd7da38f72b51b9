// How reading goes on behind an error: what may begin a statement, a clause or a line, what is
// skipped until then, and what Chevrotain may make up. Keywords are soft, so the loops skip
// stray text themselves instead of leaving it to the parser's follow sets.
import { CstParser, EOF, type IToken, type TokenType } from "chevrotain";
import { messages } from "./errors.ts";
import { wordsAt } from "./keywords.ts";
import { Arrow, At, Comma, Equals, Integer, KW, LBrace, LParen, Literal, Name, RBrace, Rate, VOCABULARY, startsLine } from "./tokens.ts";

/** Where a stray token was found. */
export type Context = "statement" | "clause" | "line";

export interface Stray {
  readonly context: Context;
  readonly token: IToken;
  /** The token before it; the end of the file where there is none. */
  readonly previous: IToken;
  readonly next: IToken;
}

const STARTS: Record<Context, ReadonlySet<TokenType>> = {
  statement: new Set([...wordsAt("statement").map((w) => KW[w]), At]),
  clause: new Set([...wordsAt("clause").map((w) => KW[w]), KW.deny, KW.use, KW.dryrun, At]),
  line: new Set([KW.from, KW.bind, KW.repeat]),
};

/** At the start of a line in a block, these say that the block was not closed. */
const TOP_ONLY: ReadonlySet<TokenType> = new Set(
  wordsAt("statement").filter((w) => w !== "deny" && w !== "use" && w !== "dryrun").map((w) => KW[w]),
);

/** A keyword before one of these is itself the member of a set, and not the next clause. */
const AFTER_MEMBER: ReadonlySet<TokenType> = new Set([
  Comma, LBrace, RBrace, EOF, Arrow, KW.except, KW.bind, KW.as, KW.from, KW.sni, KW.client, KW.until,
  ...STARTS.statement, ...STARTS.clause,
]);

/** In the middle of a line: behind a clause's keyword, what no set could go on with. */
const RULE_WORDS = [KW.from, KW.named, KW.sni, KW.client];
const FOLLOWERS: ReadonlyMap<TokenType, readonly TokenType[]> = new Map([
  [KW.allow, RULE_WORDS],
  [KW.deny, RULE_WORDS],
  [KW.cap, [Integer]],
  [KW.limit, [Rate]],
  [KW.backend, [Literal, KW.unix]],
]);

/** After one of these a line goes on. */
const CONTINUES: ReadonlySet<TokenType> = new Set([Comma, Equals, LBrace, LParen, Arrow, KW.except]);

/** Inserting one of these in recovery can't change what the author said. */
const INSERTABLE: ReadonlySet<TokenType> = new Set([
  LBrace, RBrace, Equals, Arrow, KW.on, KW.to, KW.connections, KW.per, KW.max,
]);

/** After so many errors the loops end: recovery on noise costs time and says nothing. */
const MAX_SYNTAX_ERRORS = 100;

export class Recovering extends CstParser {
  stray: Stray[] = [];

  constructor() {
    super(VOCABULARY, {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "none",
      errorMessageProvider: messages,
    });
  }

  begin(tokens: IToken[]): void {
    this.input = tokens;
    this.stray = [];
  }

  /** Steps over what is inside a block or a list of arguments that this release does not read. */
  protected skipTo(close: TokenType): void {
    const open = close === RBrace ? LBrace : LParen;
    for (let depth = 0; ; this.SKIP_TOKEN()) {
      const type = this.LA(1).tokenType;
      if (type === EOF || (type === close && depth === 0)) return;
      if (type === open) depth++;
      else if (type === close) depth--;
    }
  }

  /**
   * Skips to the next token that may begin something here and notes where it began to; false
   * at the end of the block. Skipped text is left behind whole: braces are counted, and a
   * keyword ends it only at the start of a line, where it is most likely no name, or where the
   * word behind it shows that it is none.
   */
  protected strayUntil(context: Context): boolean {
    const starts = STARTS[context];
    const atTop = context === "statement";
    if (this.isHopeless()) return false;
    if (starts.has(this.LA(1).tokenType)) return true;
    let depth = 0;
    for (let first = true; ; first = false) {
      const token = this.LA(1);
      const type = token.tokenType;
      if (type === EOF) return false;
      if (depth === 0) {
        if (type === RBrace && !atTop) return false;
        if (!first && starts.has(type) && (startsLine(token) || this.LA(0).tokenType === RBrace || this.isSurelyClause(context))) return true;
        if (!atTop && startsLine(token) && TOP_ONLY.has(type)) return false;
        if (first || (startsLine(token) && type !== LBrace && !CONTINUES.has(this.LA(0).tokenType))) this.stray.push({ context, token, previous: this.LA(0), next: this.LA(2) });
      }
      if (type === LBrace) depth++;
      else if (type === RBrace && depth > 0) depth--;
      this.SKIP_TOKEN();
    }
  }

  /** A keyword followed by what only that clause has there. */
  private isSurelyClause(context: Context): boolean {
    return context === "clause" && (FOLLOWERS.get(this.LA(1).tokenType)?.includes(this.LA(2).tokenType) ?? false);
  }

  protected isHopeless(): boolean {
    return this.stray.length + this.errors.length > MAX_SYNTAX_ERRORS;
  }

  protected isMember(): boolean {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === Name || !isName(type)) return true;
    const next = this.LA(2).tokenType;
    if ((type === KW.allow || type === KW.deny) && next === KW.from) return false;
    return AFTER_MEMBER.has(next);
  }

  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return INSERTABLE.has(type);
  }
}

function isName(type: TokenType): boolean {
  return type === Name || (type.CATEGORIES ?? []).includes(Name);
}

/** True of the words that begin a line of a test. */
export function beginsLine(token: IToken): boolean {
  return STARTS.line.has(token.tokenType);
}
