// The grammar of edition 1 over the tokens of tokens.ts, as a Chevrotain CST parser: text in,
// a tree out, with recovery, and no meaning. What this release does not have is parsed too, so
// that it is refused by name and nothing behind it is misread.
//
// Between statements and between clauses the loops skip what can't begin one (`strayUntil`),
// brace by brace, and note it; inside a statement Chevrotain resynchronises at the keywords.
import { CstParser, EOF, type CstNode, type IRecognitionException, type IToken, type TokenType } from "chevrotain";
import { messages } from "./errors.ts";
import { wordsAt } from "./keywords.ts";
import {
  Arrow, At, Comma, Equals, Integer, KW, LBrace, LParen, Literal, Name, Qualified, RBrace, RParen, Rate, Slash,
  Text, VOCABULARY, Word, startsLine,
} from "./tokens.ts";

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

/** After one of these a line goes on. */
const CONTINUES: ReadonlySet<TokenType> = new Set([Comma, Equals, LBrace, LParen, Arrow, KW.except]);

/** Inserting one of these in recovery can't change what the author said. */
const INSERTABLE: ReadonlySet<TokenType> = new Set([
  LBrace, RBrace, Equals, Arrow, KW.on, KW.to, KW.connections, KW.per, KW.max,
]);

/** After so many errors the loops end: recovery on noise costs time and says nothing. */
const MAX_SYNTAX_ERRORS = 100;

class Grammar extends CstParser {
  stray: Stray[] = [];

  constructor() {
    super(VOCABULARY, {
      recoveryEnabled: true,
      maxLookahead: 2,
      nodeLocationTracking: "onlyOffset",
      errorMessageProvider: messages,
    });
    this.performSelfAnalysis();
  }

  begin(tokens: IToken[]): void {
    this.input = tokens;
    this.stray = [];
  }

  policy = this.RULE("policy", () => {
    this.MANY({ GATE: () => this.strayUntil("statement"), DEF: () => this.SUBRULE(this.statement) });
  });

  statement = this.RULE("statement", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.edition) },
      { ALT: () => this.SUBRULE(this.net) },
      { ALT: () => this.SUBRULE(this.ports) },
      { ALT: () => this.SUBRULE(this.expose) },
      { ALT: () => this.SUBRULE(this.deny) },
      { ALT: () => this.SUBRULE(this.test) },
      { ALT: () => this.SUBRULE(this.import) },
      { ALT: () => this.SUBRULE(this.laterSet) },
      { ALT: () => this.SUBRULE(this.laterBlock) },
      { ALT: () => this.SUBRULE(this.use) },
      { ALT: () => this.SUBRULE(this.dryrun) },
      { ALT: () => this.SUBRULE(this.annotation) },
    ]);
  });

  edition = this.RULE("edition", () => {
    this.CONSUME(KW.edition);
    this.CONSUME(Integer);
  });

  net = this.RULE("net", () => {
    this.CONSUME(KW.net);
    this.CONSUME(Name);
    this.CONSUME(Equals);
    this.SUBRULE(this.set);
  });

  ports = this.RULE("ports", () => {
    this.CONSUME(KW.ports);
    this.CONSUME(Name);
    this.CONSUME(Equals);
    this.SUBRULE(this.set);
  });

  set = this.RULE("set", () => {
    this.SUBRULE(this.members);
    this.OPTION(() => {
      this.CONSUME(KW.except);
      this.SUBRULE2(this.members);
    });
  });

  members = this.RULE("members", () => {
    this.SUBRULE(this.member);
    this.MANY({
      GATE: () => !this.isHopeless(),
      DEF: () => {
        this.CONSUME(Comma);
        this.SUBRULE2(this.member);
      },
    });
  });

  member = this.RULE("member", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { GATE: () => this.LA(2).tokenType === Text, ALT: () => this.SUBRULE(this.file) },
        { GATE: () => this.LA(2).tokenType === Text, ALT: () => this.SUBRULE(this.typedText) },
        { ALT: () => this.CONSUME(Text) },
        { GATE: () => this.isMember(), ALT: () => this.CONSUME(Word) },
      ],
    });
  });

  file = this.RULE("file", () => {
    this.CONSUME(KW.file);
    this.CONSUME(Text);
    this.CONSUME(KW.max);
    this.CONSUME(Integer);
  });

  typedText = this.RULE("typedText", () => {
    this.OR([
      { ALT: () => this.CONSUME(KW.uri) },
      { ALT: () => this.CONSUME(KW.dns) },
      { ALT: () => this.CONSUME(KW.ip) },
      { ALT: () => this.CONSUME(KW.sha256) },
    ]);
    this.CONSUME(Text);
  });

  expose = this.RULE("expose", () => {
    this.SUBRULE(this.exposeHead);
    this.CONSUME(LBrace);
    this.MANY({ GATE: () => this.strayUntil("clause"), DEF: () => this.SUBRULE(this.clause) });
    this.CONSUME(RBrace);
  });

  exposeHead = this.RULE("exposeHead", () => {
    this.CONSUME(KW.expose);
    this.CONSUME(Name);
    this.OPTION(() => {
      this.CONSUME(KW.service);
      this.CONSUME2(Name);
    });
    this.CONSUME(KW.on);
    this.SUBRULE(this.proto);
    this.SUBRULE(this.set);
    this.OPTION2(() => {
      this.CONSUME(KW.bind);
      this.SUBRULE2(this.set);
    });
    this.OPTION3(() => {
      this.CONSUME(KW.as);
      this.CONSUME3(Name);
    });
  });

  proto = this.RULE("proto", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.tcp) }, { ALT: () => this.CONSUME(KW.udp) }]);
  });

  clause = this.RULE("clause", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.backend) },
      { ALT: () => this.SUBRULE(this.cap) },
      { ALT: () => this.SUBRULE(this.limit) },
      { ALT: () => this.SUBRULE(this.allow) },
      { ALT: () => this.SUBRULE(this.deny) },
      { ALT: () => this.SUBRULE(this.credential) },
      { ALT: () => this.SUBRULE(this.use) },
      { ALT: () => this.SUBRULE(this.dryrun) },
      { ALT: () => this.SUBRULE(this.annotation) },
    ]);
  });

  backend = this.RULE("backend", () => {
    this.CONSUME(KW.backend);
    this.OR([
      { GATE: () => this.LA(2).tokenType === Text, ALT: () => { this.CONSUME(KW.unix); this.CONSUME(Text); } },
      { GATE: () => this.LA(1).tokenType === Literal || this.LA(1).tokenType === Integer, ALT: () => this.CONSUME(Word) },
    ]);
  });

  cap = this.RULE("cap", () => {
    this.CONSUME(KW.cap);
    this.CONSUME(Integer);
    this.CONSUME(KW.connections);
    this.MANY({
      GATE: () => !this.isHopeless(),
      DEF: () => {
        this.CONSUME(Comma);
        this.SUBRULE(this.capPart);
      },
    });
  });

  capPart = this.RULE("capPart", () => {
    this.CONSUME(Integer);
    this.CONSUME(KW.per);
    this.SUBRULE(this.perSource);
  });

  perSource = this.RULE("perSource", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.sourceKey) },
      { ALT: () => this.CONSUME(KW.identity) },
    ]);
  });

  limit = this.RULE("limit", () => {
    this.CONSUME(KW.limit);
    this.CONSUME(Rate);
    this.OPTION(() => {
      this.CONSUME(KW.burst);
      this.CONSUME(Integer);
    });
    this.CONSUME(KW.per);
    this.SUBRULE(this.per);
  });

  per = this.RULE("per", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.sourceKey) },
      { ALT: () => this.CONSUME(KW.listener) },
      { ALT: () => this.CONSUME(KW.identity) },
    ]);
  });

  sourceKey = this.RULE("sourceKey", () => {
    this.CONSUME(KW.source);
    this.OPTION(() => {
      this.CONSUME(Slash);
      this.CONSUME2(Slash);
    });
  });

  allow = this.RULE("allow", () => {
    this.CONSUME(KW.allow);
    this.MANY({ GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.matcher) });
  });

  deny = this.RULE("deny", () => {
    this.CONSUME(KW.deny);
    this.MANY({ GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.matcher) });
  });

  matcher = this.RULE("matcher", () => {
    this.OR([
      { ALT: () => { this.CONSUME(KW.named); this.CONSUME(Name); } },
      { ALT: () => { this.CONSUME(KW.on); this.SUBRULE(this.proto); this.SUBRULE(this.set); } },
      { ALT: () => { this.CONSUME(KW.from); this.SUBRULE2(this.set); } },
      { ALT: () => { this.CONSUME(KW.sni); this.SUBRULE3(this.set); } },
      { ALT: () => { this.CONSUME(KW.client); this.SUBRULE4(this.set); } },
      { ALT: () => { this.CONSUME(KW.until); this.CONSUME(Literal); } },
    ]);
  });

  test = this.RULE("test", () => {
    this.SUBRULE(this.testHead);
    this.CONSUME(LBrace);
    this.MANY({ GATE: () => this.strayUntil("line"), DEF: () => this.SUBRULE(this.testLine) });
    this.CONSUME(RBrace);
  });

  testHead = this.RULE("testHead", () => {
    this.CONSUME(KW.test);
    this.CONSUME(Text);
    this.OPTION(() => {
      this.CONSUME(KW.at);
      this.CONSUME(Literal);
    });
  });

  testLine = this.RULE("testLine", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.fromLine) },
      { ALT: () => this.SUBRULE(this.bindLine) },
      { ALT: () => this.SUBRULE(this.repeatLine) },
    ]);
  });

  fromLine = this.RULE("fromLine", () => {
    this.CONSUME(KW.from);
    this.CONSUME(Word);
    this.CONSUME(KW.to);
    this.SUBRULE(this.target);
    this.MANY({ GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.laterMatcher) });
    this.CONSUME(Arrow);
    this.SUBRULE(this.outcome);
    this.MANY2({
      GATE: () => !this.isHopeless(),
      DEF: () => {
        this.CONSUME(Comma);
        this.SUBRULE2(this.outcome);
      },
    });
  });

  target = this.RULE("target", () => {
    this.OR([
      {
        ALT: () => {
          this.SUBRULE(this.proto);
          this.CONSUME(Word);
          this.OPTION(() => {
            this.CONSUME(KW.local);
            this.CONSUME2(Word);
          });
        },
      },
      { ALT: () => this.CONSUME(Qualified) },
      { ALT: () => this.CONSUME(Name), IGNORE_AMBIGUITIES: true },
    ]);
  });

  laterMatcher = this.RULE("laterMatcher", () => {
    this.OR([
      { ALT: () => { this.CONSUME(KW.sni); this.SUBRULE(this.set); } },
      { ALT: () => { this.CONSUME(KW.client); this.SUBRULE2(this.set); } },
    ]);
  });

  bindLine = this.RULE("bindLine", () => {
    this.CONSUME(KW.bind);
    this.CONSUME(Name);
    this.CONSUME(KW.on);
    this.OPTION(() => this.SUBRULE(this.proto));
    this.CONSUME(Word);
    this.CONSUME(Arrow);
    this.SUBRULE(this.outcome);
  });

  repeatLine = this.RULE("repeatLine", () => {
    this.CONSUME(KW.repeat);
    this.CONSUME(Integer);
    this.CONSUME(KW.in);
    this.CONSUME(Literal);
    this.OPTION(() => this.CONSUME(KW.closing));
    this.SUBRULE(this.fromLine);
  });

  outcome = this.RULE("outcome", () => {
    this.OR([
      { ALT: () => this.CONSUME(KW.allow) },
      { ALT: () => { this.CONSUME(KW.deny); this.CONSUME(Name); } },
    ]);
    this.OPTION(() => this.CONSUME(Integer));
    this.OPTION2(() => {
      this.CONSUME(KW.by);
      this.CONSUME2(Name);
    });
  });

  import = this.RULE("import", () => {
    this.CONSUME(KW.import);
    this.CONSUME(Text);
    this.CONSUME(KW.as);
    this.CONSUME(Name);
  });

  laterSet = this.RULE("laterSet", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.hosts) }, { ALT: () => this.CONSUME(KW.ids) }]);
    this.CONSUME(Name);
    this.CONSUME(Equals);
    this.SUBRULE(this.set);
  });

  laterBlock = this.RULE("laterBlock", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(KW.template);
          this.CONSUME(Name);
          this.OPTION(() => {
            this.CONSUME(LParen);
            this.ACTION(() => this.skipTo(RParen));
            this.CONSUME(RParen);
          });
        },
      },
      { ALT: () => this.CONSUME(KW.budget) },
      { ALT: () => { this.CONSUME(KW.invariant); this.CONSUME(Text); } },
    ]);
    this.CONSUME(LBrace);
    this.ACTION(() => this.skipTo(RBrace));
    this.CONSUME(RBrace);
  });

  use = this.RULE("use", () => {
    this.CONSUME(KW.use);
    this.OR([{ ALT: () => this.CONSUME(Name) }, { ALT: () => this.CONSUME(Qualified) }]);
    this.OPTION(() => {
      this.CONSUME(LParen);
      this.ACTION(() => this.skipTo(RParen));
      this.CONSUME(RParen);
    });
  });

  dryrun = this.RULE("dryrun", () => {
    this.CONSUME(KW.dryrun);
    this.OR([{ ALT: () => this.SUBRULE(this.allow) }, { ALT: () => this.SUBRULE(this.deny) }]);
  });

  annotation = this.RULE("annotation", () => {
    this.CONSUME(At);
    this.CONSUME(Name);
    this.CONSUME(Text);
  });

  credential = this.RULE("credential", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.cert) }, { ALT: () => this.CONSUME(KW.ca) }]);
    this.CONSUME(Text);
  });

  /** Steps over what is inside a block or a list of arguments that this release does not read. */
  private skipTo(close: TokenType): void {
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
   * keyword ends it only at the start of a line, where it is most likely no name.
   */
  private strayUntil(context: Context): boolean {
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
        if (!first && starts.has(type) && (startsLine(token) || this.LA(0).tokenType === RBrace)) return true;
        if (!atTop && startsLine(token) && TOP_ONLY.has(type)) return false;
        if (first || (startsLine(token) && isName(type) && !CONTINUES.has(this.LA(0).tokenType))) this.stray.push({ context, token, previous: this.LA(0), next: this.LA(2) });
      }
      if (type === LBrace) depth++;
      else if (type === RBrace && depth > 0) depth--;
      this.SKIP_TOKEN();
    }
  }

  private isHopeless(): boolean {
    return this.stray.length + this.errors.length > MAX_SYNTAX_ERRORS;
  }

  private isMember(): boolean {
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

export interface Tree {
  readonly cst: CstNode;
  readonly errors: readonly IRecognitionException[];
  readonly stray: readonly Stray[];
}

let grammar: Grammar | null = null;

/** Building the parser takes longer than parsing most policies, so there is one. */
export function parseTokens(tokens: IToken[]): Tree {
  grammar ??= new Grammar();
  grammar.begin(tokens);
  const cst = grammar.policy();
  const { errors, stray } = grammar;
  grammar.begin([]);
  return { cst, errors, stray };
}
