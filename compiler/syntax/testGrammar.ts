// Rules of the grammar for `test` blocks.
import { beginsLine } from "./recovery.ts";
import { SetGrammar } from "./setGrammar.ts";
import { Arrow, Comma, Integer, KW, LBrace, Literal, Name, Qualified, RBrace, Text, Word } from "./tokens.ts";

export class TestGrammar extends SetGrammar {
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

  reason = this.RULE("reason", () => {
    this.OR([{ GATE: () => !beginsLine(this.LA(1)), ALT: () => this.CONSUME(Name) }]);
  });

  outcome = this.RULE("outcome", () => {
    this.OR([
      { ALT: () => this.CONSUME(KW.allow) },
      { ALT: () => { this.CONSUME(KW.deny); this.SUBRULE(this.reason); } },
    ]);
    this.OPTION(() => this.CONSUME(Integer));
    this.OPTION2(() => {
      this.CONSUME(KW.by);
      this.CONSUME(Name);
    });
  });
}
