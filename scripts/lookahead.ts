// Writes the table of the parser's decisions (compiler/syntax/lookahead.ts) from Chevrotain's analysis of the grammar:
// `npm run lookahead`. It parses nothing, so it works where the table does not fit the grammar.
import { writeFileSync } from "node:fs";
import { getLookaheadPaths, type ILookaheadStrategy, type LookaheadProductionType, type LookaheadSequence } from "chevrotain";
import { analyseGrammar } from "../compiler/syntax/grammar.ts";
import { decisionName, type DecisionKind } from "../compiler/syntax/lookahead.ts";

/** Chevrotain's name of each kind of optional part. */
const KINDS = new Map<LookaheadProductionType, DecisionKind>([
  ["Option", "OPTION"],
  ["Repetition", "MANY"],
  ["RepetitionMandatory", "AT_LEAST_ONE"],
  ["RepetitionWithSeparator", "MANY_SEP"],
  ["RepetitionMandatoryWithSeparator", "AT_LEAST_ONE_SEP"],
]);

/** `compiler/syntax/lookahead_table.ts` */
export function lookaheadText(): string {
  const rows: string[] = [];
  const noted = (): never => {
    throw new Error("a parser that notes its decisions does not parse");
  };
  const strategy: ILookaheadStrategy = {
    validate: () => [],
    buildLookaheadForAlternation: ({ rule, prodOccurrence: occurrence, maxLookahead }) => {
      const paths = getLookaheadPaths({ occurrence, rule, prodType: "Alternation", maxLookahead });
      rows.push(row(decisionName(rule.name, "OR", occurrence), paths));
      return noted;
    },
    buildLookaheadForOptional: ({ rule, prodOccurrence: occurrence, prodType, maxLookahead }) => {
      const kind = KINDS.get(prodType);
      if (kind === undefined) throw new Error(`\`${rule.name}\` has a part of an unknown kind, ${prodType}`);
      // The second is what follows the part.
      rows.push(row(decisionName(rule.name, kind, occurrence), getLookaheadPaths({ occurrence, rule, prodType, maxLookahead }).slice(0, 1)));
      return noted;
    },
  };
  analyseGrammar(strategy);
  return [
    "// Written by `npm run lookahead` from the grammar, with Chevrotain. Don't edit it.",
    "//",
    "// For each decision of each rule the tokens that begin its alternatives: ` | ` is between alternatives, a comma between the",
    "// sequences that begin one, and a space between the tokens of a sequence.",
    "export const LOOKAHEAD_TABLE = `",
    ...rows,
    "`;",
    "",
  ].join("\n");
}

function row(name: string, alternatives: readonly LookaheadSequence[]): string {
  const texts = alternatives.map((paths) =>
    paths
      .map((path) => {
        if (path.length === 0) throw new Error(`an alternative of ${name} may be empty, which the table has no form for`);
        return path.map((type) => type.name).join(" ");
      })
      .join(", "),
  );
  return `${name}: ${texts.join(" | ")}`;
}

if (process.argv[1]?.endsWith("lookahead.ts") === true) writeFileSync(new URL("../compiler/syntax/lookahead_table.ts", import.meta.url), lookaheadText());
