// The table by which the parser decides, beside what Chevrotain computes from the grammar.
import {
  Alternation,
  EOF,
  LLkLookaheadStrategy,
  createTokenInstance,
  type ILookaheadStrategy,
  type IOrAlt,
  type IProduction,
  type IToken,
  type TokenType,
} from "chevrotain";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { analyseGrammar } from "../../compiler/syntax/grammar.ts";
import { decisionName, decisionOf, type Ahead, type Decision, type DecisionKind } from "../../compiler/syntax/lookahead.ts";
import { LOOKAHEAD_TABLE } from "../../compiler/syntax/lookahead_table.ts";
import { LOOKAHEAD } from "../../compiler/syntax/recovery.ts";
import { VOCABULARY } from "../../compiler/syntax/tokens.ts";

const lookahead = suite("lookahead");

type OnAlternation = ILookaheadStrategy["buildLookaheadForAlternation"];
type OnOptional = ILookaheadStrategy["buildLookaheadForOptional"];

/** Chevrotain's number (11.2.0) of each kind, and its name where the part is optional. */
const KINDS: readonly (readonly [kind: DecisionKind, number: number, name: string])[] = [
  ["OR", 1, ""],
  ["OPTION", 2, "Option"],
  ["MANY", 3, "Repetition"],
  ["AT_LEAST_ONE", 4, "RepetitionMandatory"],
  ["MANY_SEP", 5, "RepetitionWithSeparator"],
  ["AT_LEAST_ONE_SEP", 6, "RepetitionMandatoryWithSeparator"],
];

interface Row {
  readonly name: string;
  readonly own: (this: Ahead, alternatives?: IOrAlt<unknown>[]) => unknown;
  readonly ours: Decision;
  /** Alternatives of which some have a condition; 0 where none has. */
  readonly gated: number;
}

/** Chevrotain's own strategy, whose decisions are kept beside those of the table. */
class Noting extends LLkLookaheadStrategy {
  readonly rows: Row[] = [];

  override buildLookaheadForAlternation(options: Parameters<OnAlternation>[0]): ReturnType<OnAlternation> {
    const own = super.buildLookaheadForAlternation(options);
    const found = options.rule.definition.flatMap((part) => alternationsIn(part)).find(({ idx }) => idx === options.prodOccurrence);
    this.note(options.rule.name, "", options.prodOccurrence, own, options.hasPredicates ? (found?.definition.length ?? 0) : 0);
    return own;
  }

  override buildLookaheadForOptional(options: Parameters<OnOptional>[0]): ReturnType<OnOptional> {
    const own = super.buildLookaheadForOptional(options);
    this.note(options.rule.name, options.prodType, options.prodOccurrence, own, 0);
    return own;
  }

  private note(rule: string, type: string, occurrence: number, own: Row["own"], gated: number): void {
    const [kind, number] = KINDS.find(([, , name]) => name === type) ?? [];
    if (kind === undefined || number === undefined) throw new Error(`no kind of decision is called \`${type}\``);
    this.rows.push({ name: decisionName(rule, kind, occurrence), own, ours: decisionOf(rule, (number << 8) | occurrence), gated });
  }
}

/** The alternations in a part of a rule, itself included. */
function alternationsIn(part: IProduction): Alternation[] {
  const parts = "definition" in part && Array.isArray(part.definition) ? (part.definition as IProduction[]) : [];
  return [...(part instanceof Alternation ? [part] : []), ...parts.flatMap(alternationsIn)];
}

function rows(): readonly Row[] {
  const noting = new Noting({ maxLookahead: LOOKAHEAD });
  analyseGrammar(noting);
  return noting.rows;
}

const tokenOf = (type: TokenType): IToken => createTokenInstance(type, "", 0, 0, 1, 1, 1, 1);

lookahead("each decision is Chevrotain's, for every two tokens and every answer of its conditions", () => {
  assert.is(LOOKAHEAD, 2);
  const tokens = [...VOCABULARY, EOF].map(tokenOf);
  for (const { name, own, ours, gated } of rows()) {
    for (let open = 0; open < 2 ** gated; open++) {
      const alternatives = Array.from({ length: gated }, (_, i): IOrAlt<unknown> => ({ GATE: () => (open & (1 << i)) !== 0, ALT: () => null }));
      for (const first of tokens) {
        for (const second of tokens) {
          const ahead: Ahead = { LA_FAST: (i) => (i === 1 ? first : second) };
          const [theirs, found] = [own.call(ahead, alternatives), ours.call(ahead, alternatives)];
          if (theirs !== found)
            assert.unreachable(
              `${name} before ${first.tokenType.name} ${second.tokenType.name}, conditions ${open}: ${String(found)}, and Chevrotain decides ${String(theirs)}`,
            );
        }
      }
    }
  }
});

lookahead("the table has a row for each decision and no other", () => {
  const names = LOOKAHEAD_TABLE.trim()
    .split("\n")
    .map((line) => line.slice(0, line.indexOf(":")));
  assert.equal(
    names,
    rows().map(({ name }) => name),
  );
  assert.ok(names.length > 50);
});

lookahead("some decisions have conditions, and some need two tokens", () => {
  const all = rows();
  assert.ok(all.filter(({ gated }) => gated > 1).length >= 4);
  assert.ok(LOOKAHEAD_TABLE.includes("kw_file Text"));
});

for (const [rule, key] of [
  ["policy", 2 << 8],
  ["policy", (3 << 8) | 1],
  ["nothing", 1 << 8],
  ["policy", 0],
  ["policy", 7 << 8],
] as const) {
  lookahead(`${rule} ${key} is no decision of the grammar`, () => {
    assert.throws(() => decisionOf(rule, key), /lacks|numbers no decision/);
  });
}

lookahead.run();
