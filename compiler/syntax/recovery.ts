// How reading continues behind an error: what may begin a statement, a clause or a line, what is
// skipped until then, and what Chevrotain may make up. Keywords are soft, so the loops skip
// stray text themselves instead of relying on the parser's follow sets.
import { CstParser, EOF, createTokenInstance, type CstNode, type ILookaheadStrategy, type IToken, type TokenType } from "chevrotain";
import { messages } from "./errors.ts";
import { wordsAt, type Place } from "./keywords.ts";
import { beginsForCertain, wantsName } from "./keyword_lookahead.ts";
import { decisionOf, type Decision } from "./lookahead.ts";
import { Arrow, At, Comma, Equals, KW, LBrace, LParen, Name, Param, RBrace, RParen, VOCABULARY, isName, startsLine } from "./tokens.ts";

/** The kinds of blocks that the loops read; `body` is a template's. */
export type Context = Exclude<Place, "rule"> | "body";

export interface Stray {
  /** Where it was found; `head` is before the `{` of a block. */
  readonly context: Context | "head";
  readonly token: IToken;
  /** The token before it; the end of the file where there is none. */
  readonly previous: IToken;
  readonly next: IToken;
}

const typesAt = (...places: readonly Place[]): TokenType[] => wordsAt(...places).map((w) => KW[w]);

/** Statements that are allowed at top level and in no block, not even a template's. */
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
  Comma,
  LBrace,
  RBrace,
  RParen,
  EOF,
  Arrow,
  KW.except,
  KW.bind,
  KW.via,
  KW.for,
  KW.as,
  KW.from,
  KW.sni,
  KW.client,
  KW.after,
  KW.until,
  KW.to,
  KW.at,
  ...STARTS.statement,
  ...STARTS.clause,
  ...STARTS.claim,
]);

/** Where reading continues behind an error: in the loop around one of these, or behind the head of a block. */
const RESUMED = new Map<string, Context | "head">([
  ["statement", "statement"],
  ["clause", "clause"],
  ["bodyItem", "body"],
  ["testLine", "line"],
  ["claim", "claim"],
  ["bound", "bound"],
  ["exposeHead", "head"],
  ["templateHead", "head"],
  ["testHead", "head"],
]);

/** After one of these a line continues. */
const CONTINUES: ReadonlySet<TokenType> = new Set([Comma, Equals, LBrace, LParen, Arrow, KW.except]);

/** Inserting one of these in recovery can't change what the author said. */
const INSERTABLE: ReadonlySet<TokenType> = new Set([LBrace, RBrace, RParen, Equals, Arrow, KW.on, KW.to, KW.in, KW.connections, KW.per, KW.max, KW.KiB]);

/** Dropping one of these in recovery would move what follows into another block or statement. */
const STRUCTURE: ReadonlySet<TokenType> = new Set([LBrace, RBrace, LParen, RParen, At, Arrow, Equals]);

/** After so many errors the loops end: recovery on noise costs time and says nothing. */
const MAX_SYNTAX_ERRORS = 100;

/** The most tokens that choose between alternatives. */
export const LOOKAHEAD = 2;

/** How Chevrotain analyses the rules, where it does. */
export interface Analysis {
  readonly strategy: ILookaheadStrategy;
  /** Whether the rules are checked for contradictions. */
  readonly validates: boolean;
}

export class Recovering extends CstParser {
  stray: Stray[] = [];
  fresh: number[] = [];
  /** The token that recovery put before a token. */
  inserted = new Map<IToken, TokenType>();
  private errorsBefore = 0;

  constructor(analysis: Analysis | null) {
    super(VOCABULARY, {
      recoveryEnabled: true,
      maxLookahead: LOOKAHEAD,
      ...(analysis !== null && { lookaheadStrategy: analysis.strategy }),
      skipValidations: analysis?.validates !== true,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: messages,
    });
  }

  begin(tokens: IToken[]): void {
    this.input = tokens;
    this.stray = [];
    this.fresh = [];
    this.inserted = new Map();
  }

  /**
   * Skips to the next token that may begin something here and notes where it began to; false
   * at the end of the block. Skipped text is left behind whole: braces are counted.
   */
  protected strayUntil(context: Context): boolean {
    if (this.isHopeless()) return false;
    const end = this.skipUntil(context, true);
    if (end === "start" && this.isCertain(context)) this.fresh.push(this.LA(1).startOffset);
    return end === "start";
  }

  private skipUntil(context: Context, noting: boolean): "start" | "end" {
    let depth = 0;
    for (let first = true; ; first = false) {
      const token = this.LA(1);
      const type = token.tokenType;
      if (depth === 0 || type === EOF) {
        const end = this.endOfSkip(context, noting && first);
        if (end !== null) return end;
        const newLine = startsLine(token) && type !== LBrace && !CONTINUES.has(this.LA(0).tokenType);
        // An error that was reported already ends with its line, but for the brace that ends its block.
        if (!noting && newLine && type !== RBrace) return "start";
        if (noting && (first || newLine)) this.stray.push({ context, token, previous: this.LA(0), next: this.LA(2) });
      }
      if (type === LBrace) depth++;
      else if (type === RBrace && depth > 0) depth--;
      this.SKIP_TOKEN();
    }
  }

  /** A keyword ends a skip at the start of a line, where it is most likely no name, or where what follows says what it is. */
  private endOfSkip(context: Context, isFirst: boolean): "start" | "end" | null {
    const token = this.LA(1);
    const type = token.tokenType;
    if (type === EOF || (type === RBrace && context !== "statement")) return "end";
    if (STARTS[context].has(type)) {
      const previous = this.LA(0);
      if (isFirst || startsLine(token) || previous.tokenType === RBrace || (this.isCertain(context) && !wantsName(previous))) return "start";
    }
    const lost = context === "body" ? OUTERMOST : TOP_ONLY;
    return context !== "statement" && startsLine(token) && (lost.has(type) || type === At) ? "end" : null;
  }

  private isCertain(context: Context): boolean {
    return beginsForCertain(context === "bound", this.LA(1), this.LA(2), this.LA(3));
  }

  /** Where the head of a block begins, to know of errors in it at its brace. */
  protected beginHead(): void {
    this.errorsBefore = this.errors.length;
  }

  /** Skips to the `{` of a block if it is on this line, so that the block is read as what it is. */
  protected skipToBrace(): void {
    for (let i = 1; ; i++) {
      const token = this.LA(i);
      const type = token.tokenType;
      if (type === LBrace) {
        if (i > 1 && this.errors.length === this.errorsBefore) this.stray.push({ context: "head", token: this.LA(1), previous: this.LA(0), next: this.LA(2) });
        this.fresh.push(token.startOffset);
        for (; i > 1; i--) this.SKIP_TOKEN();
        return;
      }
      if (type === EOF || type === RBrace || startsLine(token)) return;
    }
  }

  protected isHopeless(): boolean {
    return this.stray.length + this.errors.length > MAX_SYNTAX_ERRORS;
  }

  /** True if the next token begins something there, and no name that is wanted. */
  protected isNextLine(context: Context): boolean {
    return startsLine(this.LA(1)) && this.isAtStart(context) && this.isCertain(context);
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
    if (startsLine(token) && beginsForCertain(false, token, next, this.LA(3))) return false;
    return AFTER_MEMBER.has(next.tokenType);
  }

  declare protected readonly getCurrRuleFullName: () => string;

  private readonly decisions = new Map<number, Decision>();

  /** Its own (11.2.0) returns what its analysis of the grammar has put there. */
  protected getLaFuncFromCache(key: number): Decision {
    let decision = this.decisions.get(key);
    if (decision === undefined) {
      decision = decisionOf(this.getCurrRuleFullName(), key);
      this.decisions.set(key, decision);
    }
    return decision;
  }

  // Its own (11.2.0) makes the children an object without a prototype, which takes four times the room.

  declare protected readonly CST_STACK: CstNode[];

  protected cstInvocationStateUpdate(rule: string): void {
    this.CST_STACK.push({ name: rule, children: {}, location: { startOffset: NaN, endOffset: NaN } });
  }

  // Chevrotain continues at any token that may follow any rule that is being read. With soft
  // keywords that is nearly everything: a test's `allow` would end the test and its block. The
  // five methods below are its own (11.2.0) and replace that: an error ends the statement, clause
  // or line in which it is, and its block continues with the next one.

  protected findReSyncTokenType(): TokenType {
    return EOF;
  }

  protected isInCurrentRuleReSyncSet(): boolean {
    return RESUMED.has(this.getCurrRuleFullName());
  }

  protected reSyncTo(): IToken[] {
    const context = RESUMED.get(this.getCurrRuleFullName());
    if (context !== undefined && context !== "head") this.skipUntil(context, false);
    return [];
  }

  protected readonly attemptInRepetitionRecovery = (): void => undefined;

  protected override canTokenTypeBeInsertedInRecovery(type: TokenType): boolean {
    return INSERTABLE.has(type);
  }

  protected override getTokenToInsert(type: TokenType): IToken {
    this.inserted.set(this.LA(1), type);
    const token = createTokenInstance(type, "", NaN, NaN, NaN, NaN, NaN, NaN);
    token.isInsertedInRecovery = true;
    return token;
  }

  /** Names are everywhere, keywords being soft: the next line is not what was missing in this one. */
  protected override canTokenTypeBeDeletedInRecovery(): boolean {
    return !STRUCTURE.has(this.LA(1).tokenType) && !startsLine(this.LA(1)) && !startsLine(this.LA(2));
  }
}
