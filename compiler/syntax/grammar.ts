// The grammar of edition 1 over the tokens of tokens.ts, as a Chevrotain CST parser: text in,
// a tree out, with recovery, and no meaning. What this release does not have is parsed too, so
// that it is refused by name and nothing behind it is misread.
//
// Between statements and between clauses the loops skip what can't begin one (recovery.ts),
// brace by brace, and note it; inside a statement Chevrotain resynchronises at the keywords.
import type { CstNode, IRecognitionException, IToken } from "chevrotain";
import type { Stray } from "./recovery.ts";
import { TestGrammar } from "./testGrammar.ts";
import { At, Comma, Equals, Integer, KW, LBrace, LParen, Literal, Name, Qualified, RBrace, RParen, Rate, Slash, Text, Word } from "./tokens.ts";

class Grammar extends TestGrammar {
  constructor() {
    super();
    this.performSelfAnalysis();
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
