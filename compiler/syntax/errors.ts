// The parser's own complaints as the code and the data of a diagnostic. Chevrotain has one string per error, so
// they travel in it as JSON; parse.ts takes them out.
import { EOF, type IParserErrorMessageProvider, type IToken, type TokenType } from "chevrotain";
import type { Construct, Expected, Part, WordKind } from "../diagnostics/expected_words.ts";
import type { SyntaxData } from "../diagnostics/syntax_words.ts";
import { nearest, nearestAlone } from "../../runtime/text/nearest.ts";
import { isKeyword } from "./keywords.ts";
import { KW, RBrace } from "./tokens.ts";

export type Complaint =
  | { readonly code: "ING107"; readonly data: SyntaxData["ING107"]; readonly instead: null }
  | {
      readonly code: "ING106";
      readonly data: Expected;
      /** The text that should replace the token, where it was nearly written. */
      readonly instead: string | null;
    };

/** Grammar rules that are parts of the language with words of their own. */
const PARTS: ReadonlySet<string> = new Set<Part>([
  "member",
  "ports",
  "identity",
  "identities",
  "proto",
  "time",
  "duration",
  "mode",
  "backend",
  "proxy",
  "amplify",
  "limitKey",
  "capKey",
  "target",
  "fact",
  "reason",
  "outcome",
  "rule",
  "dryrun",
  "subject",
  "use",
]);

/** Grammar rules in which a missing word has words of its own. */
const CONSTRUCTS: ReadonlyMap<string, Construct> = new Map<string, Construct>([
  ["declaration", "set"],
  ["expose", "expose"],
  ["exposeHead", "expose"],
  ["templateHead", "template"],
  ["import", "import"],
  ["matcher", "rule"],
  ["annotation", "annotation"],
  ["bindLine", "bind"],
  ["outcome", "outcome"],
  ["file", "file"],
  ["claim", "claim"],
  ["fact", "fact"],
  ["testHead", "test"],
  ["invariant", "invariant"],
  ["credential", "credential"],
  ["alpn", "alpn"],
  ["use", "use"],
]);

/** Token types that are named by their kind. */
const KINDS: ReadonlyMap<string, WordKind> = new Map<string, WordKind>([
  ["Word", "word"],
  ["Name", "name"],
  ["Qualified", "qualified"],
  ["Integer", "number"],
  ["Range", "range"],
  ["Rate", "rate"],
  ["Slash", "length"],
  ["Literal", "literal"],
  ["Text", "text"],
  ["Param", "parameter"],
]);

/** Other languages' names for a word that is wanted. */
const OF_SOURCE = { ip: "source", src: "source", address: "source", addr: "source" };
const SAME: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  limitKey: { ...OF_SOURCE, server: "listener", total: "listener" },
  capKey: OF_SOURCE,
  outcome: { accept: "allow", permit: "allow", allowed: "allow", ok: "allow" },
};

/** Rules of a single token that is named by its meaning. */
const ONE_TOKEN = new Set(["time", "duration", "mode"]);

export const messages: IParserErrorMessageProvider = {
  buildMismatchTokenMessage({ expected, actual, ruleName }) {
    if (expected === RBrace) return pack({ code: "ING107", data: { before: found(actual) }, instead: null });
    if (ONE_TOKEN.has(ruleName)) return pack(partIn(ruleName, actual));
    const place = { found: found(actual), at: "found", in: CONSTRUCTS.get(ruleName) ?? null } as const;
    const kind = KINDS.get(expected.name);
    if (kind !== undefined) return pack({ code: "ING106", data: { of: "kind", kind, ...place }, instead: null });
    const guess = nearWord(actual, [expected]);
    return pack({ code: "ING106", data: { of: "word", word: spelling(expected), near: guess?.near ?? null, ...place }, instead: guess?.instead ?? null });
  },
  buildNoViableAltMessage({ expectedPathsPerAlt, actual, ruleName }) {
    const guess = nearWord(
      actual[0],
      expectedPathsPerAlt.flat().flatMap((path) => path.slice(0, 1)),
    );
    if (ruleName === "member" && isProto(actual[0])) return pack(partIn("ports", actual[0], guess));
    return pack(partIn(ruleName, actual[0], guess));
  },
  buildEarlyExitMessage({ actual, ruleName }) {
    return pack(partIn(ruleName, actual[0]));
  },
  buildNotAllInputParsedMessage({ firstRedundant }) {
    return pack({ code: "ING106", data: { of: "part", part: "statement", found: found(firstRedundant), at: "found", near: null }, instead: null });
  },
};

/** INVARIANT: the text was made by `pack`. */
export function unpack(message: string): Complaint {
  const complaint: unknown = JSON.parse(message);
  return complaint as Complaint;
}

function pack(complaint: Complaint): string {
  return JSON.stringify(complaint);
}

interface Guess {
  readonly near: string;
  readonly instead: string | null;
}

function partIn(rule: string, actual: IToken | undefined, guess: Guess | null = null): Complaint {
  const part = isPart(rule) ? rule : "other";
  return {
    code: "ING106",
    data: { of: "part", part, found: found(actual), at: "found", near: guess?.near ?? null },
    instead: guess === null ? sameAs(rule, actual?.image ?? "") : guess.instead,
  };
}

function isPart(rule: string): rule is Part {
  return PARTS.has(rule);
}

function sameAs(rule: string, word: string): string | null {
  const words = Object.hasOwn(SAME, rule) ? SAME[rule] : undefined;
  return words !== undefined && Object.hasOwn(words, word) ? (words[word] ?? null) : null;
}

/** Where a keyword was wanted and nearly written. */
function nearWord(actual: IToken | undefined, wanted: readonly TokenType[]): Guess | null {
  const words = wanted.map((type) => type.name.replace(/^kw_/, "")).filter(isKeyword);
  const near = actual === undefined ? null : nearest(actual.image, words);
  return near === null || near === actual?.image ? null : { near, instead: nearestAlone(actual?.image ?? "", words) };
}

/** A keyword or a sign as it is written. */
export function spelling(type: TokenType): string {
  return (type.LABEL ?? type.name).replaceAll("`", "");
}

function isProto(token: IToken | undefined): boolean {
  return token?.tokenType === KW.tcp || token?.tokenType === KW.udp;
}

/** As written; null at the end of the file. */
function found(token: IToken | undefined): string | null {
  return token === undefined || token.tokenType === EOF ? null : token.image;
}
