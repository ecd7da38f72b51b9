// Decides between the alternatives of a rule, and whether an optional part of it is read, by the tokens ahead.
//
// Chevrotain computes what may follow from a record of the grammar that it makes whenever a parser is made. That took a sixth
// of the time that `ingressc check` needs for a small policy. So it is computed once, by `npm run lookahead`, and kept as a table
// (lookahead_table.ts). tests/compiler/lookahead.test.ts compares each decision with Chevrotain's own, for every two tokens.
import { tokenMatcher, type IOrAlt, type IToken, type TokenType } from "chevrotain";
import { LOOKAHEAD_TABLE } from "./lookahead_table.ts";
import { VOCABULARY } from "./tokens.ts";

/** The tokens ahead, from 1 on, which a decision reads. */
export interface Ahead {
  LA_FAST(howMuch: number): IToken;
}

type Alternatives = readonly IOrAlt<unknown>[];
/** The index of the alternative to take; for an optional part, whether it is read. Null, or false, where nothing fits. */
export type Decision = (this: Ahead, alternatives?: Alternatives) => number | boolean | undefined;

/** Tokens that begin an alternative. */
type Path = readonly TokenType[];

/** Chevrotain's number (11.2.0) of a decision is its occurrence in the rule, then one of these from 1 on, then the rule. */
const KINDS = ["OR", "OPTION", "MANY", "AT_LEAST_ONE", "MANY_SEP", "AT_LEAST_ONE_SEP"] as const;
export type DecisionKind = (typeof KINDS)[number];
const OCCURRENCE_BITS = 8;
const KIND_MASK = 15;

/** The name of a decision in the table, such as `exposeHead OPTION2`. */
export function decisionName(rule: string, kind: DecisionKind, occurrence: number): string {
  return `${rule} ${kind}${occurrence === 0 ? "" : occurrence}`;
}

/** The decision of Chevrotain's number `key` in a rule. Throws where the table lacks it. */
export function decisionOf(rule: string, key: number): Decision {
  const kind = KINDS[((key >> OCCURRENCE_BITS) & KIND_MASK) - 1];
  if (kind === undefined) throw new RangeError(`${key} numbers no decision`);
  const name = decisionName(rule, kind, key & ((1 << OCCURRENCE_BITS) - 1));
  const paths = pathsOf(name);
  return kind === "OR" ? alternation(paths) : optional(paths);
}

let rows: ReadonlyMap<string, string> | null = null;
let types: ReadonlyMap<string, TokenType> | null = null;

/** Of each alternative the paths that begin it. */
function pathsOf(name: string): readonly (readonly Path[])[] {
  rows ??= new Map(
    LOOKAHEAD_TABLE.trim()
      .split("\n")
      .map((line): [string, string] => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 2)]),
  );
  types ??= new Map(VOCABULARY.map((type) => [type.name, type]));
  const row = rows.get(name);
  if (row === undefined) throw new RangeError(`lookahead_table.ts lacks \`${name}\`: run \`npm run lookahead\``);
  return row.split(" | ").map((alternative) => alternative.split(", ").map((path) => path.split(" ").map(typeOf)));
}

function typeOf(name: string): TokenType {
  const type = types?.get(name);
  if (type === undefined) throw new RangeError(`lookahead_table.ts has the token \`${name}\`, which the language lacks: run \`npm run lookahead\``);
  return type;
}

function alternation(paths: readonly (readonly Path[])[]): Decision {
  const byToken = indexByToken(paths);
  let gated: boolean | null = null;
  return function (alternatives = []) {
    gated ??= alternatives.some(({ GATE }) => GATE !== undefined);
    if (byToken !== null && !gated) return byToken[this.LA_FAST(1).tokenTypeIdx];
    for (let i = 0; i < paths.length; i++) {
      if (alternatives[i]?.GATE?.call(this) !== false && beginsOneOf(paths[i] ?? [], this)) return i;
    }
    return undefined;
  };
}

function optional(paths: readonly (readonly Path[])[]): Decision {
  const byToken = indexByToken(paths);
  const inside = paths[0] ?? [];
  if (byToken === null)
    return function () {
      return beginsOneOf(inside, this);
    };
  return function () {
    return byToken[this.LA_FAST(1).tokenTypeIdx] !== undefined;
  };
}

function beginsOneOf(paths: readonly Path[], parser: Ahead): boolean {
  nextPath: for (const path of paths) {
    for (let i = 0; i < path.length; i++) {
      const type = path[i];
      if (type !== undefined && !tokenMatcher(parser.LA_FAST(i + 1), type)) continue nextPath;
    }
    return true;
  }
  return false;
}

/** By the number of a token type, the first alternative that it begins; null where one token does not decide. */
function indexByToken(paths: readonly (readonly Path[])[]): readonly (number | undefined)[] | null {
  if (paths.some((alternative) => alternative.some((path) => path.length !== 1))) return null;
  const index: (number | undefined)[] = [];
  for (const [i, alternative] of paths.entries()) {
    for (const type of alternative.flat()) {
      for (const number of [type.tokenTypeIdx, ...(type.categoryMatches ?? [])]) if (number !== undefined) index[number] ??= i;
    }
  }
  return index;
}
