// Rules of the grammar for what statements are made of: sets with their members, ports with
// their protocol, times and modes.
import { Recovering } from "./recovery.ts";
import { Comma, Integer, KW, Literal, Name, Param, Text, Word, isText } from "./tokens.ts";

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
        { GATE: () => isText(this.LA(2)), ALT: () => this.SUBRULE(this.file) },
        { GATE: () => isText(this.LA(2)), ALT: () => this.SUBRULE(this.identity) },
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

  identity = this.RULE("identity", () => {
    this.OR([
      { ALT: () => this.CONSUME(KW.uri) },
      { ALT: () => this.CONSUME(KW.dns) },
      { ALT: () => this.CONSUME(KW.ip) },
      { ALT: () => this.CONSUME(KW.sha256) },
    ]);
    this.CONSUME(Text);
  });

  /** The SANs that a client shows. */
  identities = this.RULE("identities", () => {
    this.AT_LEAST_ONE_SEP({
      SEP: Comma,
      DEF: () => {
        this.OR([{ ALT: () => this.SUBRULE(this.identity) }, { ALT: () => this.CONSUME(Param) }]);
      },
    });
  });

  proto = this.RULE("proto", () => {
    this.OR([{ ALT: () => this.CONSUME(KW.tcp) }, { ALT: () => this.CONSUME(KW.udp) }]);
  });

  /** `2027-03-01T00:00Z` */
  time = this.RULE("time", () => {
    this.CONSUME(Literal);
  });

  /** `10s` */
  duration = this.RULE("duration", () => {
    this.CONSUME(Literal);
  });

  /** The words are checked where they are understood. */
  mode = this.RULE("mode", () => {
    this.CONSUME(Name);
  });
}
