// Rules of the grammar for what is claimed about a policy: `test`, `invariant` and `budget`.
import type { CstNode, DSLMethodOpts, IOrAlt, IToken, OrMethodOpts } from "chevrotain";
import { SetGrammar } from "./set_grammar.ts";
import { Arrow, Comma, Integer, KW, LBrace, Name, RBrace, Text, Word } from "./tokens.ts";

export class TestGrammar extends SetGrammar {
  test = this.RULE("test", () => {
    this.ACTION(() => this.beginHead());
    this.SUBRULE(this.testHead);
    this.ACTION(() => this.skipToBrace());
    this.CONSUME(LBrace);
    this.MANY(this.lines);
    this.CONSUME(RBrace);
  });

  private readonly lines: DSLMethodOpts<CstNode> = { GATE: () => this.strayUntil("line"), DEF: () => this.SUBRULE(this.testLine) };

  testHead = this.RULE("testHead", () => {
    this.CONSUME(KW.test);
    this.CONSUME(Text);
    this.OPTION(() => {
      this.CONSUME(KW.at);
      this.SUBRULE(this.time);
    });
  });

  testLine = this.RULE("testLine", () => {
    this.OR(this.lineKinds);
  });

  private readonly lineKinds: IOrAlt<CstNode>[] = [
    { ALT: () => this.SUBRULE(this.fromLine) },
    { ALT: () => this.SUBRULE(this.repeatLine) },
    { ALT: () => this.SUBRULE(this.bindLine) },
  ];

  fromLine = this.RULE("fromLine", () => {
    this.SUBRULE(this.request);
    this.CONSUME(Arrow);
    this.SUBRULE(this.outcome);
    this.MANY(this.furtherOutcomes);
  });

  private readonly furtherOutcomes: DSLMethodOpts<void> = {
    GATE: () => !this.isHopeless(),
    DEF: () => {
      this.CONSUME(Comma);
      this.SUBRULE2(this.outcome);
    },
  };

  repeatLine = this.RULE("repeatLine", () => {
    this.CONSUME(KW.repeat);
    this.CONSUME(Integer);
    this.CONSUME(KW.in);
    this.SUBRULE(this.duration);
    this.OPTION(() => this.CONSUME(KW.closing));
    this.SUBRULE(this.fromLine);
  });

  request = this.RULE("request", () => {
    this.CONSUME(KW.from);
    this.CONSUME(Word);
    this.OPTION(() => {
      this.CONSUME(KW.via);
      this.CONSUME2(Word);
    });
    this.CONSUME(KW.to);
    this.SUBRULE(this.target);
    this.MANY(this.facts);
  });

  private readonly facts: DSLMethodOpts<CstNode> = { GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.fact) };

  target = this.RULE("target", () => {
    this.OR(this.targetKinds);
  });

  private readonly targetKinds: OrMethodOpts<unknown> = {
    MAX_LOOKAHEAD: 1,
    IGNORE_AMBIGUITIES: true,
    DEF: [
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
      { GATE: () => !this.isNextLine("line"), ALT: () => this.CONSUME(Name) },
    ],
  };

  fact = this.RULE("fact", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(KW.sni);
          this.CONSUME(Text);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.client);
          this.SUBRULE(this.identities);
        },
      },
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

  outcome = this.RULE("outcome", () => {
    this.OR(this.verdicts);
    this.OPTION(() => this.CONSUME(Integer));
    this.OPTION2(() => {
      this.CONSUME(KW.by);
      this.CONSUME(Name);
    });
  });

  private readonly verdicts: IOrAlt<unknown>[] = [
    { ALT: () => this.CONSUME(KW.allow) },
    {
      ALT: () => {
        this.CONSUME(KW.deny);
        this.SUBRULE(this.reason);
      },
    },
  ];

  reason = this.RULE("reason", () => {
    this.OR(this.reasons);
  });

  private readonly reasons: IOrAlt<IToken>[] = [{ GATE: () => !this.isAtStart("line"), ALT: () => this.CONSUME(Name) }];

  invariant = this.RULE("invariant", () => {
    this.ACTION(() => this.beginHead());
    this.CONSUME(KW.invariant);
    this.CONSUME(Text);
    this.ACTION(() => this.skipToBrace());
    this.CONSUME(LBrace);
    this.MANY({ GATE: () => this.strayUntil("claim"), DEF: () => this.SUBRULE(this.claim) });
    this.CONSUME(RBrace);
  });

  claim = this.RULE("claim", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.never) }, { ALT: () => this.CONSUME(KW.only) }, { ALT: () => this.CONSUME(KW.always) }]);
    this.MANY({ GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE(this.predicate) });
    this.CONSUME(KW.to);
    this.SUBRULE(this.subject);
    this.MANY2({ GATE: () => !this.isHopeless(), DEF: () => this.SUBRULE2(this.predicate) });
    this.OPTION(() => {
      this.CONSUME(KW.as);
      this.SUBRULE(this.mode);
    });
    this.OPTION2(() => {
      this.CONSUME(KW.at);
      this.SUBRULE(this.time);
    });
  });

  predicate = this.RULE("predicate", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.from) }, { ALT: () => this.CONSUME(KW.sni) }, { ALT: () => this.CONSUME(KW.client) }]);
    this.SUBRULE(this.set);
  });

  /** The subject of a claim: an expose or any, or ports. */
  subject = this.RULE("subject", () => {
    this.OR({
      MAX_LOOKAHEAD: 1,
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          ALT: () => {
            this.SUBRULE(this.proto);
            this.SUBRULE(this.set);
          },
        },
        { GATE: () => !this.isNextLine("claim"), ALT: () => this.CONSUME(Name) },
      ],
    });
  });

  budget = this.RULE("budget", () => {
    this.ACTION(() => this.beginHead());
    this.CONSUME(KW.budget);
    this.ACTION(() => this.skipToBrace());
    this.CONSUME(LBrace);
    this.MANY({ GATE: () => this.strayUntil("bound"), DEF: () => this.SUBRULE(this.bound) });
    this.CONSUME(RBrace);
  });

  bound = this.RULE("bound", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(KW.ports);
          this.CONSUME1(Integer);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.rules);
          this.CONSUME2(Integer);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.prefixes);
          this.CONSUME3(Integer);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.connections);
          this.CONSUME4(Integer);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.module);
          this.CONSUME5(Integer);
          this.CONSUME(KW.KiB);
        },
      },
      {
        ALT: () => {
          this.CONSUME(KW.steps);
          this.CONSUME6(Integer);
        },
      },
    ]);
  });
}
