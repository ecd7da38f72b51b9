// Text -> tokens. The lexer knows only runs of word characters; what a run is (a keyword, a
// name, a number, a literal) is decided by its own text, so that `10.0.0.0/08` reaches the
// strict reader of literals whole and is refused with advice.
import { createToken, Lexer, type IToken, type ITokenConfig, type TokenType } from "chevrotain";
import { KEYWORDS, isKeyword, type Keyword } from "./keywords.ts";
import { withoutSlashed, type Slashed } from "./slash_comments.ts";
import { GAP, withoutNonAscii, type NonAscii } from "./non_ascii.ts";

const never = Lexer.NA;

/**
 * The characters that a pattern can begin with. Without them Chevrotain parses the pattern to find out, which takes longer than
 * lexing a small policy; `validateTokens` compares the two.
 */
const begins = (characters: string): Pick<ITokenConfig, "start_chars_hint"> => ({ start_chars_hint: [...characters] });
const DIGITS = "0123456789";
const LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/** Every token that may be a member of a set. */
export const Word = createToken({ name: "Word", pattern: never, label: "a name or an address" });
export const Name = createToken({ name: "Name", pattern: never, label: "a name", categories: [Word] });
/** `a.b`, a name out of an import. */
export const Qualified = createToken({ name: "Qualified", pattern: never, categories: [Word] });
export const Integer = createToken({ name: "Integer", pattern: never, label: "a number", categories: [Word] });
export const Range = createToken({ name: "Range", pattern: never, categories: [Word] });
/** `200/s`, `6/30s` */
export const Rate = createToken({ name: "Rate", pattern: never, label: "a rate such as `200/s`", categories: [Word] });
/** `/24` */
export const Slash = createToken({ name: "Slash", pattern: never, label: "a prefix length such as `/24`", categories: [Word] });
/** Addresses, prefixes, endpoints, times, durations, and what was meant as one. */
export const Literal = createToken({ name: "Literal", pattern: never, label: "a literal", categories: [Word] });
export const Text = createToken({ name: "Text", pattern: /"[^"\r\n]*"/, label: "a text in quotes", ...begins('"') });
/** `$a`, a template's parameter: it takes the place of any one word, number, literal or text, and of no keyword. */
export const Param = createToken({
  name: "Param",
  pattern: never,
  label: "a parameter such as `$a`",
  categories: [Name, Integer, Rate, Slash, Literal, Text],
});

/** A hyphen before `>` is half of what others write for `=>`; a NUL is the gap of non_ascii.ts. */
const Run = createToken({ name: "Run", pattern: /(?:[A-Za-z0-9_$*.:%/[\]\0]+|-(?!>))+/, ...begins(`${LETTERS}${DIGITS}_$*.:%/[]\0-`) });
/** A time with the difference of its zone, which has a sign that no other word has. */
const Zoned = createToken({ name: "Zoned", pattern: /[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt][0-9:.]+\+[0-9:]*/, ...begins(DIGITS) });
const Space = createToken({ name: "Space", pattern: /[ \t\r\n]+/, group: Lexer.SKIPPED, ...begins(" \t\r\n"), line_breaks: true });
const Comment = createToken({ name: "Comment", pattern: /#[^\n]*/, group: "comments", ...begins("#") });
const OpenText = createToken({ name: "OpenText", pattern: /"[^"\r\n]*/, ...begins('"') });
/** A text in the quotes of other languages; read as a text, and reported. */
const Quoted = createToken({ name: "Quoted", pattern: /'[^'"\r\n]*'|`[^`"\r\n]*`/, ...begins("'`") });
/** The form of other languages for `=>`. */
export const ThinArrow = createToken({ name: "ThinArrow", pattern: "->" });
export const LBrace = createToken({ name: "LBrace", pattern: "{", label: "`{`" });
export const RBrace = createToken({ name: "RBrace", pattern: "}", label: "`}`" });
export const LParen = createToken({ name: "LParen", pattern: "(", label: "`(`" });
export const RParen = createToken({ name: "RParen", pattern: ")", label: "`)`" });
export const Comma = createToken({ name: "Comma", pattern: ",", label: "`,`" });
export const Arrow = createToken({ name: "Arrow", pattern: "=>", label: "`=>`" });
export const Equals = createToken({ name: "Equals", pattern: "=", label: "`=`" });
export const At = createToken({ name: "At", pattern: "@", label: "`@`" });

/** A token for each keyword; every keyword is soft, so it is a name as well. */
export const KW = Object.fromEntries(
  Object.keys(KEYWORDS).map((word) => [word, createToken({ name: `kw_${word}`, pattern: never, label: `\`${word}\``, categories: [Name] })]),
) as Record<Keyword, TokenType>;

const LEXED = [Space, Comment, Zoned, Run, Text, OpenText, Quoted, ThinArrow, LBrace, RBrace, LParen, RParen, Comma, Arrow, Equals, At];

export const VOCABULARY: TokenType[] = [...LEXED, Word, Name, Qualified, Integer, Range, Rate, Slash, Literal, Param, ...Object.values(KW)];

/** Its own (11.2.0) makes tokens without the fields that are wanted here; added later, these would take another object each. */
class TokenLexer extends Lexer {
  protected createOffsetOnlyToken(image: string, startOffset: number, tokenTypeIdx: number, tokenType: TokenType): IToken {
    return { image, startOffset, endOffset: startOffset + image.length - 1, tokenTypeIdx, tokenType, payload: false };
  }
}

const lexer = createLexer(false);

/** `validate`: whether the patterns are checked for contradictions, which takes longer than to read most policies. */
function createLexer(validate: boolean, lexed = LEXED): TokenLexer {
  return new TokenLexer(lexed, { positionTracking: "onlyOffset", ensureOptimizations: true, skipValidations: !validate });
}

/**
 * Throws where the patterns contradict each other, or where one can begin with another character than `begins` has; the tests
 * call it, so that no compilation has to.
 */
export function validateTokens(): void {
  const plain = createLexer(
    true,
    LEXED.map(({ START_CHARS_HINT: _, ...token }) => token),
  );
  const types = (from: TokenLexer, text: string): string =>
    from
      .tokenize(text)
      .tokens.map(({ tokenType }) => tokenType.name)
      .join(" ");
  for (let code = 0; code < 256; code++) {
    for (const rest of ["", "a", ">", '"', "'", "`", "\n", "026-11-29T10:00+01:00"]) {
      const text = `${String.fromCharCode(code)}${rest}`;
      if (types(lexer, text) !== types(plain, text)) throw new RangeError(`${JSON.stringify(text)} begins a token whose hint lacks its first character`);
    }
  }
}

export interface Unlexed {
  readonly start: number;
  readonly length: number;
}

export interface Lexed {
  readonly tokens: IToken[];
  /** From `#` to the end of the line, a CR before the LF included; in the order of the text, and not in `tokens`. */
  readonly comments: readonly IToken[];
  /** Strings without their end; they are in `tokens` as texts. */
  readonly unclosed: readonly IToken[];
  /** Runs of characters that no token has. */
  readonly unlexed: readonly Unlexed[];
  /** Comments in the manner of other languages. */
  readonly slashed: readonly Slashed[];
  /** Characters outside of ASCII, read as what they are taken for. */
  readonly nonAscii: readonly NonAscii[];
  /** Texts in other quotes; they are in `tokens` as texts. */
  readonly quoted: readonly IToken[];
}

/** Linear in the length of the text. Each token's payload says whether it is the first of its line. A string without its end counts as one up to the end of its line. */
export function lex(written: string): Lexed {
  const { text: plain, slashed } = withoutSlashed(written);
  const { text, nonAscii } = withoutNonAscii(plain);
  const { tokens, groups, errors } = lexer.tokenize(text);
  const comments = groups["comments"] ?? [];
  const unclosed: IToken[] = [];
  const quoted: IToken[] = [];
  let lineEnd = -1;
  for (const token of tokens) {
    if (token.tokenType === Zoned) retype(token, Literal);
    else if (token.tokenType === Run) {
      if (nonAscii.length > 0) token.image = token.image.replaceAll(GAP, "");
      retype(token, classify(token.image));
    } else if (token.tokenType === OpenText) {
      retype(token, Text);
      unclosed.push(token);
    } else if (token.tokenType === Quoted) {
      retype(token, Text);
      token.image = `"${token.image.slice(1, -1)}"`;
      quoted.push(token);
    }
    token.payload = token.startOffset > lineEnd;
    if (token.payload) {
      const next = text.indexOf("\n", token.startOffset);
      lineEnd = next < 0 ? text.length : next;
    }
  }
  return { tokens, comments, unclosed, unlexed: errors.map((e) => ({ start: e.offset, length: e.length })), slashed, nonAscii, quoted };
}

export function retype(token: IToken, type: TokenType): void {
  token.tokenType = type;
  token.tokenTypeIdx = type.tokenTypeIdx ?? token.tokenTypeIdx;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_-]*$/;

/** The type of a run of word characters. */
export function classify(image: string): TokenType {
  const first = image.charCodeAt(0);
  if (first >= 65) {
    if (isKeyword(image)) return KW[image];
    if (NAME.test(image)) return Name;
    if (/^[A-Za-z_][A-Za-z0-9_-]*(?:\.[A-Za-z_][A-Za-z0-9_-]*)+$/.test(image)) return Qualified;
    return Literal;
  }
  if (first === 47) return /^\/[0-9]+$/.test(image) ? Slash : Literal;
  if (first === 36 && NAME.test(image.slice(1))) return Param;
  if (/^[0-9]+$/.test(image)) return Integer;
  if (/^[0-9]+-[0-9]+$/.test(image)) return Range;
  if (/^[0-9]+\/[0-9]*[A-Za-z]+$/.test(image)) return Rate;
  return Literal;
}

/** True if the token is the first of its line. */
export function startsLine(token: IToken): boolean {
  return token.payload === true;
}

/** True of tokens that may be used as a text. */
export function isText(token: IToken): boolean {
  return token.tokenType === Text || token.tokenType === Param;
}

/** True of tokens that may be used as a name: names, keywords, parameters. */
export function isName({ tokenType }: IToken): boolean {
  return tokenType === Name || (tokenType.CATEGORIES ?? []).includes(Name);
}
