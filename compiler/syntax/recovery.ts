// How reading goes on behind an error: what may begin a statement, a clause or a line, what is
// skipped until then, and what Chevrotain may make up. Keywords are soft, so the loops skip
// stray text themselves instead of leaving it to the parser's follow sets.
import { CstParser, EOF, type IToken, type TokenType } from "chevrotain";
import { messages } from "./errors.ts";
import { wordsAt, type Place } from "./keywords.ts";
import { beginsSurely, wantsName } from "./sure.ts";
import { Arrow, At, Comma, Equals, KW, LBrace, LParen, Name, Param, RBrace, RParen, VOCABULARY, isName, startsLine } from "./tokens.ts";

/** Where a stray token was found; `body` is a template's. */
export type Context = Exclude<Place, "rule"> | "body";

export interface Stray {
  readonly context: Context;
  readonly token: IToken;
  /** The token before it; the end of the file where there is none. */
  readonly previous: IToken;
  readonly next: IToken;
}

const typesAt = (...places: readonly Place[]): TokenType[] => wordsAt(...places).map((w) => KW[w]);

/** What stands at top level and in no block, not even a template's. */
const OUTERMOST: ReadonlySet<TokenType> = new Set([KW.edition, KW.import, KW.template]);

const STARTS: Record<Context, ReadonlySet<TokenType>> = {
  statement: new Set([...typesAt("statement"), At]),
  clause: new Set([...typesAt("clause"), At]),
  body: new Set([...typesAt("statement", "clause").filter((t) => !OUTERMOST.has(t)), At]),
  line: new Set(typesAt("line")),
  claim: new Set(typesAt("claim")),
  bound: new Set(typesAt("bound")),
};

/** At the start of a line in a block, these say that the block was not closed. */
const TOP_ONLY: ReadonlySet<TokenType> = new Set(typesAt("statement").filter((t) => !STARTS.clause.has(t)));

/** A keyword before one of these is itself the member of a set, and not the next clause. */
const AFTER_MEMBER: ReadonlySet<TokenType> = new Set([
  Comma, LBrace, RBrace, RParen, EOF, Arrow, KW.except, KW.bind, KW.as, KW.from, KW.sni, KW.client, KW.until, KW.to, KW.at,
  ...STARTS.statement, ...STARTS.clause, ...STARTS.claim,
]);

/** After one of these a line goes on. */
const CONTINUES: ReadonlySet<TokenType> = new Set([Comma, Equals, LBrace, LParen, Arrow, KW.except]);

/** Inserting one of these in recovery can't change what the author said. */
const INSERTABLE: ReadonlySet<TokenType> = new Set([
  LBrace, RBrace, RParen, Equals, Arrow, KW.on, KW.to, KW.in, KW.connections, KW.per, KW.max, KW.KiB,
]);

/** After so many errors the loops end: recovery on noise costs time and says nothing. */
const MAX_SYNTAX_ERRORS = 100;

export class Recovering extends CstParser {
  stray: Stray[] = [];
  fresh: number[] = [];

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
    this.fresh = [];
  }

  /**
   * Skips to the next token that may begin something here and notes where it began to; false
   * at the end of the block. Skipped text is left behind whole: braces are counted, and a
   * keyword ends it at the start of a line, where it is most likely no name, or where what
   * follows says what it is.
   */
  protected strayUntil(context: Context): boolean {
    const starts = STARTS[context];
    const atTop = context === "statement";
    const lost = context === "body" ? OUTERMOST : TOP_ONLY;
    if (this.isHopeless()) return false;
    let depth = 0;
    for (let first = true; ; first = false) {
      const token = this.LA(1);
      const type = token.tokenType;
      if (type === EOF) return false;
      if (depth === 0) {
        if (type === RBrace && !atTop) return false;
        if (starts.has(type)) {
          const previous = this.LA(0);
          const sure = beginsSurely(context === "bound", token, this.LA(2), this.LA(3));
          if (sure) this.fresh.push(token.startOffset);
          if (first || startsLine(token) || previous.tokenType === RBrace || (sure && !wantsName(previous))) return true;
        }
        if (!atTop && startsLine(token) && lost.has(type)) return false;
        if (first || (startsLine(token) && type !== LBrace && !CONTINUES.has(this.LA(0).tokenType))) this.stray.push({ context, token, previous: this.LA(0), next: this.LA(2) });
      }
      if (type === LBrace) depth++;
      else if (type === RBrace && depth > 0) depth--;
      this.SKIP_TOKEN();
    }
  }

  protected isHopeless(): boolean {
    return this.stray.length + this.errors.length > MAX_SYNTAX_ERRORS;
  }

  /** True if the next token begins something there. */
  protected isAtStart(context: Context): boolean {
    return STARTS[context].has(this.LA(1).tokenType);
  }

  protected isMember(): boolean {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === Name || type === Param || !isName(token)) return true;
    const next = this.LA(2);
    if ((type === KW.allow || type === KW.deny) && next.tokenType === KW.from) return false;
    if (startsLine(token) && beginsSurely(false, token, next, this.LA(3))) return false;
    return AFTER_MEMBER.has(next.tokenType);
  }

  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return INSERTABLE.has(type);
  }
}
