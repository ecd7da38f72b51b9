// Rules of the grammar for the clauses of an expose, and for rules, which are allowed at top level too.
import type { CstNode, DSLMethodOpts, IOrAlt, IToken } from "chevrotain";
import { TestGrammar } from "./test_grammar.ts";
import { At, Comma, Integer, KW, LParen, Literal, Name, Param, Qualified, RParen, Rate, Slash, Text, Word, isText, startsLine } from "./tokens.ts";

export class ClauseGrammar extends TestGrammar {
  backends = this.RULE("backends", () => {
    this.CONSUME(KW.backend);
    this.SUBRULE(this.backend);
    this.MANY({
      GATE: () => !this.isHopeless(),
      DEF: () => {
        this.CONSUME(Comma);
        this.SUBRULE2(this.backend);
      },
    });
    this.OPTION(() => this.SUBRULE(this.proxy));
  });

  backend = this.RULE("backend", () => {
    this.OR([
      {
        GATE: () => isText(this.LA(2)),
        ALT: () => {
          this.CONSUME(KW.unix);
          this.CONSUME(Text);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.remote);
          this.OR2([{ GATE: () => this.isEndpoint(), ALT: () => this.CONSUME2(Word) }]);
        },
      },
      { GATE: () => this.isEndpoint(), ALT: () => this.CONSUME(Word) },
    ]);
  });

  /** An address with a port, or a word that is taken for one. */
  private isEndpoint(): boolean {
    return [Literal, Integer, Param].includes(this.LA(1).tokenType);
  }

  proxy = this.RULE("proxy", () => {
    this.CONSUME(KW.proxy);
    this.OR([{ GATE: () => this.isVersion(), ALT: () => this.CONSUME(Word) }]);
  });

  /** A version, or a word that is taken for one on the same line. */
  private isVersion(): boolean {
    const token = this.LA(1);
    return [Integer, Name, Param].includes(token.tokenType) && !startsLine(token);
  }

  credential = this.RULE("credential", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.cert) }, { ALT: () => this.CONSUME(KW.ca) }]);
    this.CONSUME(Text);
    this.MANY(this.moreTexts);
  });

  alpn = this.RULE("alpn", () => {
    this.CONSUME(KW.alpn);
    this.CONSUME(Text);
    this.MANY(this.moreTexts);
  });

  private readonly moreTexts: DSLMethodOpts<void> = {
    GATE: () => !this.isHopeless(),
    DEF: () => {
      this.CONSUME(Comma);
      this.CONSUME2(Text);
    },
  };

  cap = this.RULE("cap", () => {
    this.CONSUME(KW.cap);
    this.CONSUME(Integer);
    // Mostly the word for connections is missing; the error says so, and recovery can insert it.
    let isMissing = false;
    this.ACTION(() => {
      const next = this.LA(1).tokenType;
      isMissing = next !== KW.connections && next !== KW.per;
      if (isMissing) this.CONSUME(KW.connections);
    });
    if (!isMissing)
      this.OR([
        { ALT: () => this.CONSUME(KW.connections) },
        {
          ALT: () => {
            this.CONSUME(KW.per);
            this.SUBRULE(this.capKey);
          },
        },
      ]);
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
    this.SUBRULE(this.capKey);
  });

  capKey = this.RULE("capKey", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.sourceKey) }, { ALT: () => this.CONSUME(KW.identity) }]);
  });

  amplify = this.RULE("amplify", () => {
    this.CONSUME(KW.amplify);
    this.OR([{ GATE: () => this.isAmplification(), ALT: () => this.CONSUME(Word) }]);
  });

  /** A number, `any`, or a word that is taken for one of them on the same line. */
  private isAmplification(): boolean {
    const token = this.LA(1);
    return [Integer, Name, Param].includes(token.tokenType) && !(startsLine(token) && token.tokenType === Name && token.image !== "any");
  }

  limit = this.RULE("limit", () => {
    this.CONSUME(KW.limit);
    this.CONSUME(Rate);
    this.OPTION(() => {
      this.CONSUME(KW.burst);
      this.CONSUME(Integer);
    });
    this.CONSUME(KW.per);
    this.SUBRULE(this.limitKey);
  });

  limitKey = this.RULE("limitKey", () => {
    this.OR([{ ALT: () => this.SUBRULE(this.sourceKey) }, { ALT: () => this.CONSUME(KW.listener) }, { ALT: () => this.CONSUME(KW.identity) }]);
  });

  sourceKey = this.RULE("sourceKey", () => {
    this.CONSUME(KW.source);
    this.OPTION(() => {
      this.CONSUME(Slash);
      this.CONSUME2(Slash);
    });
    this.OPTION2(() => {
      this.CONSUME(KW.from);
      this.SUBRULE(this.set);
    });
  });

  /** Read before what it is about is known, so that an error is behind the word. */
  dryrun = this.RULE("dryrun", () => {
    this.CONSUME(KW.dryrun);
    this.OR(this.triedKinds);
  });

  private readonly triedKinds: IOrAlt<CstNode>[] = [
    { ALT: () => this.SUBRULE(this.rule) },
    { ALT: () => this.SUBRULE(this.cap) },
    { ALT: () => this.SUBRULE(this.limit) },
  ];

  rule = this.RULE("rule", () => {
    this.OR(this.actions);
    this.MANY(this.matchers);
  });

  private readonly actions: IOrAlt<IToken>[] = [{ ALT: () => this.CONSUME(KW.allow) }, { ALT: () => this.CONSUME(KW.deny) }];
  private readonly matchers: DSLMethodOpts<CstNode> = { GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.matcher) };

  matcher = this.RULE("matcher", () => {
    this.OR(this.matcherKinds);
  });

  private readonly matcherKinds: IOrAlt<void>[] = [
    {
      ALT: () => {
        this.CONSUME(KW.named);
        this.CONSUME(Name);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.on);
        this.SUBRULE(this.protos);
        this.SUBRULE(this.set);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.from);
        this.SUBRULE2(this.set);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.sni);
        this.SUBRULE3(this.set);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.client);
        this.SUBRULE4(this.set);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.after);
        this.SUBRULE(this.time);
      },
    },
    {
      ALT: () => {
        this.CONSUME(KW.until);
        this.SUBRULE2(this.time);
      },
    },
  ];

  use = this.RULE("use", () => {
    this.CONSUME(KW.use);
    this.OR([{ ALT: () => this.CONSUME(Name) }, { ALT: () => this.CONSUME(Qualified) }]);
    this.CONSUME(LParen);
    this.MANY_SEP({ SEP: Comma, DEF: () => this.SUBRULE(this.member) });
    this.CONSUME(RParen);
  });

  /** `off ING821`, behind `lint` alone. */
  private readonly lintOff: DSLMethodOpts<void> = {
    // With more, the tokens behind every annotation would be looked at whenever a parser is made.
    MAX_LOOKAHEAD: 1,
    GATE: () => this.LA(0).image === "lint",
    DEF: () => {
      this.CONSUME2(Name);
      this.CONSUME3(Name);
    },
  };

  annotation = this.RULE("annotation", () => {
    this.CONSUME(At);
    this.CONSUME(Name);
    this.OPTION(this.lintOff);
    this.CONSUME(Text);
  });
}
