// Habits about sets: members in brackets, commas that nothing follows, `==`, `:=` and `name:`.
import type { IToken, TokenType } from "chevrotain";
import { endOf } from "./cst.ts";
import { instead, without, type RewriteRule, type RewrittenForm, type TokenRewriter } from "./token_rewriter.ts";
import { beginsForCertain } from "./keyword_lookahead.ts";
import {
  Comma,
  Equals,
  Integer,
  KW,
  LBrace,
  LParen,
  Literal,
  Name,
  Param,
  RBrace,
  RParen,
  Range,
  Text,
  classify,
  isName,
  isText,
  startsLine,
} from "./tokens.ts";

/** `net x = [a, b]`, `from { a, b }`, `tcp { 80, 443 }`, `net x { a }`: the token before the bracket is looked at. */
export const bracketed: RewriteRule = (m, at) => {
  const before = m.tokens[at];
  if (before === undefined) return 0;
  const isDeclaration = DECLARES.has(before.tokenType);
  const name = isDeclaration ? m.tokens[at + 1] : undefined;
  if (isDeclaration && (name === undefined || !isName(name) || !m.is(at + 2, LBrace))) return 0;
  if (before.tokenType === Equals && !DECLARES.has(m.out.at(-2)?.tokenType ?? Comma)) return 0;
  // There it is itself a name, and what follows is a block or a list of parameters.
  const { previous } = m;
  if (CLAUSE_WORDS.has(before.tokenType) && previous !== undefined && BEFORE_NAMES.has(previous.tokenType)) return 0;
  const first = at + (isDeclaration ? 2 : 1);
  const open = m.tokens[first];
  if (open === undefined) return 0;
  // The block of an expose whose ports are missing begins with a clause.
  if (open.tokenType === LBrace && PROTOS.has(before.tokenType) && !m.is(first + 1, Integer, Range)) return 0;
  const found = membersIn(m, first);
  if (found === null) return 0;
  const { members, close } = found;
  const equals = isDeclaration ? "= " : "";
  m.sayAt(
    shown(m, open),
    { form: "brackets", place: isDeclaration ? "declaration" : "set", found: m.written(shown(m, open)) },
    {
      start: open.startOffset,
      end: endOf(close),
      text: `${equals}${withCommas(m, open, close, members)}`,
    },
  );
  m.put(before, name);
  if (isDeclaration) m.put(m.made(Equals, "=", open.startOffset, open.startOffset));
  for (const [i, token] of members.entries()) {
    if (i > 0 && needsComma(members, i)) m.put(m.made(Comma, ",", token.startOffset, token.startOffset));
    m.put(token);
  }
  return found.end - at;
};

const CLAUSE_WORDS: ReadonlySet<TokenType> = new Set([KW.from, KW.sni, KW.client, KW.except]);
const BEFORE_NAMES: ReadonlySet<TokenType> = new Set([KW.use, KW.template, KW.bind, KW.tcp, KW.udp, KW.except, Comma, Equals]);
const DECLARES: ReadonlySet<TokenType> = new Set([KW.net, KW.ports, KW.hosts, KW.ids]);
const PROTOS: ReadonlySet<TokenType> = new Set([KW.tcp, KW.udp]);

interface Bracketed {
  /** Without the brackets, and without a comma that nothing follows. */
  readonly members: readonly IToken[];
  readonly close: IToken;
  /** The index behind the closing bracket. */
  readonly end: number;
}

/** Null where the text is no list of members in brackets. Ends at the next bracket, so that all calls together are linear. */
function membersIn(m: TokenRewriter, first: number): Bracketed | null {
  const open = m.tokens[first];
  if (open === undefined) return null;
  const closing =
    open.tokenType === LBrace ? RBrace
    : open.tokenType === LParen ? RParen
    : null;
  if (closing === null && !(open.tokenType === Literal && /^\[[^[\]]*$/.test(open.image))) return null;
  const members: IToken[] = [];
  const rest = closing === null ? open.image.slice(1) : "";
  if (rest !== "") members.push(m.made(classify(rest), rest, open.startOffset + 1, endOf(open)));
  for (let i = first + 1; ; i++) {
    const token = m.tokens[i];
    if (token === undefined) return null;
    const last = closing === null && token.tokenType === Literal && token.image.endsWith("]") && !/[[\]]./.test(token.image);
    if (last && token.image !== "]") {
      const image = token.image.slice(0, -1);
      members.push(m.made(classify(image), image, token.startOffset, endOf(token) - 1, startsLine(token)));
    }
    if (last || token.tokenType === closing) return members.length === 0 ? null : { members: withoutLastComma(members), close: token, end: i + 1 };
    const isMember = isName(token) || isText(token) || [Literal, Integer, Range, Comma].includes(token.tokenType);
    if (!isMember || (token.image.includes("[") && closing === null)) return null;
    members.push(token);
  }
}

function withoutLastComma(members: readonly IToken[]): readonly IToken[] {
  return members.at(-1)?.tokenType === Comma ? members.slice(0, -1) : members;
}

/** Between other members a new line is enough. */
function needsComma(members: readonly IToken[], i: number): boolean {
  const [before, token] = [members[i - 1], members[i]];
  return before !== undefined && token !== undefined && startsLine(token) && before.tokenType !== Comma && token.tokenType !== Comma;
}

/** The text between the brackets, its comments too. */
function withCommas(m: TokenRewriter, open: IToken, close: IToken, members: readonly IToken[]): string {
  const start = open.tokenType === Literal ? open.startOffset + 1 : endOf(open);
  const end = close.tokenType === Literal ? endOf(close) - 1 : close.startOffset;
  let out = "";
  let at = start;
  for (const [i, token] of members.entries()) {
    const between = m.text.slice(at, token.startOffset);
    out += `${i > 0 && needsComma(members, i) ? "," : ""}${i === 0 && !between.includes("#") ? "" : between}${m.written(token)}`;
    at = endOf(token);
  }
  const behind = m.text.slice(at, end).replace(/^\s*,/, "");
  return behind.includes("#") ? `${out}${behind.trimEnd()}\n` : out;
}

/** The bracket alone, where it is at the beginning of a word. */
function shown(m: TokenRewriter, open: IToken): IToken {
  return open.tokenType === Literal ? m.made(Literal, "[", open.startOffset, open.startOffset + 1) : open;
}

/** Commas that nothing follows, and that follow one another. */
export const commas: RewriteRule = (m, at) => {
  const first = m.tokens[at];
  let count = 1;
  while (m.is(at + count, Comma)) count++;
  const last = m.tokens[at + count - 1];
  const [next, behind, third] = [m.tokens[at + count], m.tokens[at + count + 1], m.tokens[at + count + 2]];
  if (first === undefined || last === undefined) return 0;
  const ends =
    next === undefined ||
    [RBrace, RParen, LBrace].includes(next.tokenType) ||
    (behind !== undefined && (isNoMember(next, behind, third ?? behind) || beginsClause(next, behind)));
  if (!ends && count === 1) return 0;
  const from = ends ? first : m.tokens[at + 1];
  if (from === undefined) return 0;
  const place = { start: from.startOffset, end: endOf(last) };
  m.say({ ...place, data: { form: "comma" }, fix: { ...place, text: "" } });
  if (!ends) m.put(first);
  return count;
};

const CLAUSES: ReadonlySet<TokenType> = new Set([KW.from, KW.sni, KW.client, KW.after, KW.until]);

/** True of tokens that the grammar never reads as a member, whatever sets are called. */
function isNoMember(token: IToken, next: IToken, afterNext: IToken): boolean {
  const isRule = token.tokenType === KW.allow || token.tokenType === KW.deny;
  // `=> allow 4, deny sni 1`: an outcome.
  if (isRule && next.tokenType === KW.sni && (startsLine(afterNext) || ![Name, Text].includes(afterNext.tokenType))) return false;
  return (isRule && next.tokenType === KW.from) || (startsLine(token) && beginsForCertain(false, token, next, afterNext));
}

/** `from a, sni "x"`: a member would be followed by a keyword. */
function beginsClause(token: IToken, next: IToken): boolean {
  return CLAUSES.has(token.tokenType) && [Name, Literal, Text].includes(next.tokenType);
}

/** `==`, and what is left of `:=`. */
export const doubledEquals: RewriteRule = (m, at) => {
  const [first, second] = [m.tokens[at], m.tokens[at + 1]];
  if (first === undefined || second === undefined || second.tokenType !== Equals || second.startOffset !== endOf(first)) return 0;
  m.say(equals(m, first, second));
  m.put(m.made(Equals, "=", first.startOffset, endOf(second)));
  return 2;
};

/** `net x := …`, `net x: …`. */
export const namedWithColon: RewriteRule = (m, at) => {
  const [word, name, colon, sign] = [m.tokens[at], m.onLine(at + 1), m.onLine(at + 2), m.onLine(at + 3)];
  if (word === undefined || name === undefined) return 0;
  if (isName(name) && colon?.image === ":" && sign?.tokenType === Equals) {
    m.say(equals(m, colon, sign));
    m.put(word, name, m.made(Equals, "=", colon.startOffset, endOf(sign)));
    return 4;
  }
  if (name.tokenType !== Literal || !/^[A-Za-z_][A-Za-z0-9_-]*:$/.test(name.image)) return 0;
  const end = endOf(name);
  const bare = m.made(Name, name.image.slice(0, -1), name.startOffset, end - 1);
  const hasEquals = colon?.tokenType === Equals;
  m.say({
    start: end - 1,
    end,
    data: { form: "colon" },
    fix: hasEquals ? without(m, m.made(Name, ":", end - 1, end)) : { start: end - 1, end, text: " =" },
  });
  m.put(word, bare);
  if (!hasEquals) m.put(m.made(Equals, "=", end - 1, end));
  return 2;
};

function equals(m: TokenRewriter, first: IToken, last: IToken): RewrittenForm {
  const place = { start: first.startOffset, end: endOf(last) };
  return { ...place, data: { form: "equals", found: m.text.slice(place.start, place.end) }, fix: instead(first, last, "=") };
}

/** `file "x" min 1 max 10`. */
export const minFirst: RewriteRule = (m, at) => {
  const [, , min, few, max, many] = m.tokens.slice(at, at + 6);
  if (
    min === undefined ||
    few === undefined ||
    max === undefined ||
    many === undefined ||
    !m.is(at + 1, Text, Param) ||
    !m.is(at + 2, KW.min) ||
    !m.is(at + 3, Integer, Param) ||
    !m.is(at + 4, KW.max) ||
    !m.is(at + 5, Integer, Param)
  )
    return 0;
  m.sayAt(min, { form: "min_first", found: m.written(min) }, instead(min, many, `max ${m.written(many)} min ${m.written(few)}`));
  m.put(m.tokens[at], m.tokens[at + 1], max, many, min, few);
  return 6;
};
