// The grammar of edition 1 over the tokens of tokens.ts, as a Chevrotain CST parser: text in,
// a tree out, with recovery, and no meaning. docs/language.md has the grammar printed from these rules.
//
// Between statements, clauses and lines the loops skip what can't begin one (recovery.ts),
// brace by brace, and note it; inside a statement Chevrotain resynchronises at the keywords. An
// annotation is an item of its own, so that a misspelt statement behind it is reported as such; ast/
// gives it to what follows.
//
// Rules that are read often have their alternatives in a field: those in a rule are made anew each
// time it is read.
import {
  LLkLookaheadStrategy,
  type CstNode,
  type DSLMethodOpts,
  type ILookaheadStrategy,
  type IOrAlt,
  type IRecognitionException,
  type ISerializedGast,
  type IToken,
  type Rule,
  type TokenType,
} from "chevrotain";
import { ClauseGrammar } from "./clause_grammar.ts";
import { LOOKAHEAD, type Analysis, type Stray } from "./recovery.ts";
import { Comma, Equals, Integer, KW, LBrace, LParen, Name, Param, RBrace, RParen, Text, validateTokens } from "./tokens.ts";

class Grammar extends ClauseGrammar {
  /** Chevrotain's own (11.2.0): whether the rules are complete. */
  declare selfAnalysisDone: boolean;

  private readonly isAnalysed: boolean;

  /** With no analysis it decides by the table of lookahead.ts. */
  constructor(analysis: Analysis | null) {
    super(analysis);
    this.isAnalysed = analysis !== null;
    if (analysis === null) this.selfAnalysisDone = true;
    else this.performSelfAnalysis();
  }

  /** The rules as Chevrotain records them. It needs them for the words of an error and for recovery, and for nothing else. */
  override getGAstProductions(): Record<string, Rule> {
    return this.isAnalysed ? super.getGAstProductions() : recorded().getGAstProductions();
  }

  policy = this.RULE("policy", () => {
    this.MANY(this.statements);
  });

  private readonly statements: DSLMethodOpts<CstNode> = { GATE: () => this.strayUntil("statement"), DEF: () => this.SUBRULE(this.statement) };

  statement = this.RULE("statement", () => {
    this.OR(this.statementKinds);
  });

  private readonly statementKinds: IOrAlt<CstNode>[] = [
    { ALT: () => this.SUBRULE(this.edition) },
    { ALT: () => this.SUBRULE(this.import) },
    { ALT: () => this.SUBRULE(this.declaration) },
    { ALT: () => this.SUBRULE(this.expose) },
    { ALT: () => this.SUBRULE(this.dial) },
    { ALT: () => this.SUBRULE(this.rule) },
    { ALT: () => this.SUBRULE(this.dryrun) },
    { ALT: () => this.SUBRULE(this.template) },
    { ALT: () => this.SUBRULE(this.use) },
    { ALT: () => this.SUBRULE(this.budget) },
    { ALT: () => this.SUBRULE(this.invariant) },
    { ALT: () => this.SUBRULE(this.test) },
    { ALT: () => this.SUBRULE(this.annotation) },
  ];

  edition = this.RULE("edition", () => {
    this.CONSUME(KW.edition);
    this.CONSUME(Integer);
  });

  import = this.RULE("import", () => {
    this.CONSUME(KW.import);
    this.CONSUME(Text);
    this.CONSUME(KW.as);
    this.CONSUME(Name);
  });

  declaration = this.RULE("declaration", () => {
    this.OR(this.setKinds);
    this.CONSUME(Name);
    this.CONSUME(Equals);
    this.SUBRULE(this.set);
  });

  private readonly setKinds: IOrAlt<IToken>[] = [
    { ALT: () => this.CONSUME(KW.net) },
    { ALT: () => this.CONSUME(KW.ports) },
    { ALT: () => this.CONSUME(KW.hosts) },
    { ALT: () => this.CONSUME(KW.ids) },
  ];

  expose = this.RULE("expose", () => {
    this.ACTION(() => this.beginHead());
    this.SUBRULE(this.exposeHead);
    this.ACTION(() => this.skipToBrace());
    this.CONSUME(LBrace);
    this.MANY(this.clauses);
    this.CONSUME(RBrace);
  });

  private readonly clauses: DSLMethodOpts<CstNode> = { GATE: () => this.strayUntil("clause"), DEF: () => this.SUBRULE(this.clause) };

  exposeHead = this.RULE("exposeHead", () => {
    this.CONSUME(KW.expose);
    this.CONSUME(Name);
    this.OPTION(() => {
      this.CONSUME(KW.service);
      this.CONSUME2(Name);
    });
    this.CONSUME(KW.on);
    this.SUBRULE(this.protos);
    this.SUBRULE(this.set);
    this.OPTION2(() => {
      this.CONSUME(KW.bind);
      this.SUBRULE2(this.set);
    });
    this.OPTION3(() => {
      this.CONSUME(KW.via);
      this.SUBRULE3(this.set);
    });
    this.OPTION4(() => {
      this.CONSUME(KW.for);
      this.SUBRULE4(this.set);
    });
    this.OPTION5(() => {
      this.CONSUME(KW.as);
      this.SUBRULE(this.mode);
    });
  });

  dial = this.RULE("dial", () => {
    this.CONSUME(KW.dial);
    this.CONSUME(Name);
    this.CONSUME(KW.on);
    this.SUBRULE(this.proto);
  });

  clause = this.RULE("clause", () => {
    this.OR(this.clauseKinds);
  });

  private readonly clauseKinds: IOrAlt<CstNode>[] = [
    { ALT: () => this.SUBRULE(this.backends) },
    { ALT: () => this.SUBRULE(this.credential) },
    { ALT: () => this.SUBRULE(this.alpn) },
    { ALT: () => this.SUBRULE(this.cap) },
    { ALT: () => this.SUBRULE(this.limit) },
    { ALT: () => this.SUBRULE(this.amplify) },
    { ALT: () => this.SUBRULE(this.rule) },
    { ALT: () => this.SUBRULE(this.dryrun) },
    { ALT: () => this.SUBRULE(this.use) },
    { ALT: () => this.SUBRULE(this.annotation) },
  ];

  template = this.RULE("template", () => {
    this.ACTION(() => this.beginHead());
    this.SUBRULE(this.templateHead);
    this.ACTION(() => this.skipToBrace());
    this.CONSUME(LBrace);
    this.MANY({ GATE: () => this.strayUntil("body"), DEF: () => this.SUBRULE(this.bodyItem) });
    this.CONSUME(RBrace);
  });

  templateHead = this.RULE("templateHead", () => {
    this.CONSUME(KW.template);
    this.CONSUME(Name);
    this.CONSUME(LParen);
    this.MANY_SEP({ SEP: Comma, DEF: () => this.CONSUME(Param) });
    this.CONSUME(RParen);
  });

  /** Statements or clauses, and not both; ast/ distinguishes them. */
  bodyItem = this.RULE("bodyItem", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.declaration) },
      { ALT: () => this.SUBRULE(this.expose) },
      { ALT: () => this.SUBRULE(this.dial) },
      { ALT: () => this.SUBRULE(this.budget) },
      { ALT: () => this.SUBRULE(this.invariant) },
      { ALT: () => this.SUBRULE(this.test) },
      ...this.clauseKinds,
    ]);
  });
}

export interface Tree {
  readonly cst: CstNode;
  readonly errors: readonly IRecognitionException[];
  readonly stray: readonly Stray[];
  /** Offsets at which reading began anew, so that what was wrong before has no part in it. */
  readonly fresh: readonly number[];
  /** The token that is missing before a token, where nothing else was wrong there. */
  readonly inserted: ReadonlyMap<IToken, TokenType>;
}

let grammar: Grammar | null = null;
let record: Grammar | null = null;

/** Building the parser takes longer than parsing most policies, so there is one. */
export function parseTokens(tokens: IToken[]): Tree {
  grammar ??= new Grammar(null);
  grammar.begin(tokens);
  const cst = grammar.policy();
  const { errors, stray, fresh, inserted } = grammar;
  grammar.begin([]);
  return { cst, errors, stray, fresh, inserted };
}

/** A parser that parses nothing: only its rules are read. */
function recorded(): Grammar {
  record ??= new Grammar({ strategy: UNUSED, validates: false });
  return record;
}

const unused = (): never => {
  throw new Error("the record of the grammar is no parser");
};
const UNUSED: ILookaheadStrategy = { validate: () => [], buildLookaheadForAlternation: () => unused, buildLookaheadForOptional: () => unused };

/** Has Chevrotain analyse the rules with `strategy`, which is called for each decision of each rule. */
export function analyseGrammar(strategy: ILookaheadStrategy): void {
  new Grammar({ strategy, validates: false });
}

/** Throws where the rules or the tokens contradict themselves; the tests call it, so that no compilation has to. */
export function validateGrammar(): void {
  validateTokens();
  new Grammar({ strategy: new LLkLookaheadStrategy({ maxLookahead: LOOKAHEAD }), validates: true });
}

/** The rules as data, for the printed grammar. */
export function serializedGrammar(): ISerializedGast[] {
  return recorded().getSerializedGastProductions();
}
