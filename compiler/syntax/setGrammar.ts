// Rules of the grammar for sets: members, `except`, list files, and the protocol before ports.
import { Recovering } from "./recovery.ts";
import { Comma, Integer, KW, Text, Word } from "./tokens.ts";

export class SetGrammar extends Recovering {
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

  proto = this.RULE("proto", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.tcp) }, { ALT: () => this.CONSUME(KW.udp) }]);
  });
}
