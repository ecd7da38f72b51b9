// Keywords are soft: `deny` may be the name of a net. Whether one begins a statement, a clause
// or a line is here read from the two tokens behind it, for recovery alone.
import type { IToken, TokenType } from "chevrotain";
import { Comma, Equals, Integer, KW, LBrace, LParen, Literal, Param, Qualified, Rate, isName, isText } from "./tokens.ts";

const is =
  (...types: readonly TokenType[]) =>
  (token: IToken): boolean =>
    types.includes(token.tokenType);
const number = is(Integer, Param);
const matcher = is(KW.named, KW.on, KW.from, KW.sni, KW.client, KW.after, KW.until);
const called = (a: IToken, b: IToken): boolean => (isName(a) || is(Qualified)(a)) && is(LParen)(b);
const declares = (a: IToken, b: IToken): boolean => isName(a) && is(Equals)(b);
const claims = is(KW.from, KW.sni, KW.client, KW.to);

type Certain = (next: IToken, afterNext: IToken) => boolean;

const CERTAIN = new Map<TokenType, Certain>([
  [KW.edition, number],
  [KW.import, isText],
  [KW.net, declares],
  [KW.ports, declares],
  [KW.hosts, declares],
  [KW.ids, declares],
  [KW.expose, (a, b) => isName(a) && is(KW.on, KW.service)(b)],
  [KW.dial, (a, b) => isName(a) && is(KW.on)(b)],
  [KW.deny, matcher],
  [KW.allow, matcher],
  [KW.dryrun, is(KW.allow, KW.deny, KW.cap, KW.limit)],
  [KW.template, called],
  [KW.use, called],
  [KW.budget, is(LBrace)],
  [KW.invariant, isText],
  [KW.test, isText],
  [KW.backend, (a, b) => is(Literal, Integer, Param)(a) || (is(KW.unix)(a) && isText(b)) || (is(KW.remote)(a) && is(Literal, Integer, Param)(b))],
  [KW.cert, isText],
  [KW.ca, isText],
  [KW.alpn, isText],
  [KW.cap, number],
  [KW.limit, is(Rate, Integer, Param)],
  [KW.amplify, (a) => number(a) || a.image === "any"],
  [KW.from, (a, b) => is(Literal, Param)(a) || is(KW.to, KW.via)(b)],
  [KW.bind, (a, b) => isName(a) && is(KW.on)(b)],
  [KW.repeat, (a, b) => number(a) && is(KW.in)(b)],
  [KW.never, claims],
  [KW.only, claims],
  [KW.always, claims],
  [KW.rules, number],
  [KW.prefixes, number],
  [KW.connections, number],
  [KW.module, number],
  [KW.steps, number],
]);

/** True if a keyword with the two tokens behind it can hardly be a name. */
export function beginsForCertain(inBudget: boolean, token: IToken, next: IToken, afterNext: IToken): boolean {
  if (token.image === "@") return isName(next) && isText(afterNext);
  if (inBudget && token.tokenType === KW.ports) return number(next);
  return CERTAIN.get(token.tokenType)?.(next, afterNext) ?? false;
}

const WANTS_NAME: ReadonlySet<TokenType> = new Set([
  Comma,
  Equals,
  LParen,
  KW.except,
  KW.named,
  KW.from,
  KW.sni,
  KW.client,
  KW.tcp,
  KW.udp,
  KW.by,
  KW.to,
  KW.as,
  KW.for,
  KW.via,
  KW.service,
]);

/** True if a keyword behind this token is a name. */
export function wantsName(token: IToken): boolean {
  return WANTS_NAME.has(token.tokenType);
}
