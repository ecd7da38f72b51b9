// Rules of the grammar for what statements are made of: sets with their members, ports with
// their protocol, times and modes.
import type { CstNode, DSLMethodOpts, IOrAlt, IToken, OrMethodOpts, TokenType } from "chevrotain";
import { Recovering } from "./recovery.ts";
import { Comma, Integer, KW, Literal, Name, Param, Qualified, Range, Text, Word, isText } from "./tokens.ts";

/** A token that is no keyword and no parameter is a member by itself. */
const PLAIN: ReadonlySet<TokenType> = new Set([Literal, Name, Qualified, Integer, Range, Text]);

export class SetGrammar extends Recovering {
  set = this.RULE("set", () => {
    this.SUBRULE(this.members);
    this.OPTION(() => {
      this.CONSUME(KW.except);
      this.SUBRULE2(this.members);
    });
  });

  members = this.RULE("members", () => {
    if (this.ACTION(this.plain) !== true) this.SUBRULE(this.member);
    this.ACTION(this.morePlain);
    this.MANY(this.furtherMembers);
  });

  private readonly furtherMembers: DSLMethodOpts<void> = {
    GATE: () => !this.isHopeless() && !this.isCapPart(),
    DEF: () => {
      this.CONSUME(Comma);
      this.SUBRULE2(this.member);
      this.ACTION(this.morePlain);
    },
  };

  /** Takes a member that is one word or text whatever follows, without a node for it. */
  private readonly plain = (): boolean => {
    const type = this.LA(1).tokenType;
    if (!PLAIN.has(type)) return false;
    if (type === Text) this.CONSUME2(Text);
    else this.CONSUME2(Word);
    return true;
  };

  /** The same for all that follow in a row: sets of a hundred thousand members are mostly these. */
  private readonly morePlain = (): void => {
    while (this.LA(1).tokenType === Comma && PLAIN.has(this.LA(2).tokenType) && !this.isCapPart()) {
      this.SKIP_TOKEN();
      this.plain();
    }
  };

  /** `, 3 per identity` behind the set of a cap is its next part. */
  private isCapPart(): boolean {
    const { tokenType } = this.LA(2);
    return (tokenType === Integer || tokenType === Param) && this.LA(3).tokenType === KW.per;
  }

  member = this.RULE("member", () => {
    this.OR(this.memberKinds);
  });

  private readonly memberKinds: OrMethodOpts<CstNode | IToken> = {
    IGNORE_AMBIGUITIES: true,
    DEF: [
      { GATE: () => isText(this.LA(2)), ALT: () => this.SUBRULE(this.file) },
      { GATE: () => isText(this.LA(2)), ALT: () => this.SUBRULE(this.identity) },
      { ALT: () => this.CONSUME(Text) },
      { GATE: () => this.isMember(), ALT: () => this.CONSUME(Word) },
    ],
  };

  file = this.RULE("file", () => {
    this.CONSUME(KW.file);
    this.CONSUME(Text);
    this.CONSUME(KW.max);
    this.CONSUME(Integer);
    this.OPTION(() => {
      this.CONSUME(KW.min);
      this.CONSUME2(Integer);
    });
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

  /** `tcp`, `udp`, or both. */
  protos = this.RULE("protos", () => {
    this.SUBRULE(this.proto);
    this.MANY(this.furtherProtos);
  });

  private readonly furtherProtos: DSLMethodOpts<void> = {
    GATE: () => !this.isHopeless(),
    DEF: () => {
      this.CONSUME(Comma);
      this.SUBRULE2(this.proto);
    },
  };

  proto = this.RULE("proto", () => {
    this.OR(this.protoKinds);
  });

  private readonly protoKinds: IOrAlt<IToken>[] = [{ ALT: () => this.CONSUME(KW.tcp) }, { ALT: () => this.CONSUME(KW.udp) }];

  /** `2027-03-01T00:00Z` */
  time = this.RULE("time", () => {
    this.CONSUME(Literal);
  });

  /** `10s` */
  duration = this.RULE("duration", () => {
    this.CONSUME(Literal);
  });

  /** The words are checked in check/. */
  mode = this.RULE("mode", () => {
    this.CONSUME(Name);
  });
}
