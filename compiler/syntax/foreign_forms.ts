// Forms of nginx, HAProxy, nft and programming languages: each is reported
// with the edit that fixes it, and read as what was meant, so that nothing else is reported because of
// it. Only forms that can't be right are looked for, since every word may be a name. Linear.
import type { IToken, TokenType } from "chevrotain";
import { nearest } from "../../runtime/text/nearest.ts";
import { endOf } from "./cst.ts";
import { bracketed, commas, doubledEquals, minFirst, namedWithColon } from "./foreign_set_forms.ts";
import { isKeyword, WORDS } from "./keywords.ts";
import { TokenRewriter, insertedBefore, instead, without, type RewriteRule, type RewrittenForm } from "./token_rewriter.ts";
import {
  Arrow,
  Comma,
  Equals,
  Integer,
  KW,
  LBrace,
  LParen,
  Literal,
  Name,
  Param,
  Qualified,
  RBrace,
  RParen,
  Range,
  Rate,
  Text,
  ThinArrow,
  classify,
  isName,
  isText,
  startsLine,
} from "./tokens.ts";

/** The tokens as they are meant, and what was brought along. */
export function rewriteForeignForms(text: string, tokens: readonly IToken[]): { readonly tokens: IToken[]; readonly foreignForms: readonly RewrittenForm[] } {
  const m = new TokenRewriter(text, tokens);
  for (let at = 0; at < tokens.length;) {
    const token = tokens[at];
    if (token === undefined) break;
    let taken = 0;
    for (const rule of RULES.get(token.tokenType) ?? []) if (taken === 0) taken = rule(m, at);
    if (taken === 0) m.put(token);
    at += Math.max(1, taken);
  }
  return { tokens: m.out, foreignForms: m.foreignForms };
}

const EVERYONE: ReadonlySet<string> = new Set(["all", "everyone", "everybody", "anyone", "anybody", "world", "any", "*"]);
/** Words that other languages write before addresses. */
const BEFORE_SOURCES: ReadonlySet<string> = new Set(["if", "src", "saddr", "when", "source"]);
const MATCHERS = ["named", "on", "from", "sni", "client", "after", "until"] as const;

/** `allow 10.0.0.0/8`, `deny all`, `deny if bad`: without `from`. */
const withoutFrom: RewriteRule = (m, at) => {
  const word = m.tokens[at];
  const next = m.onLine(at + 1);
  const { previous } = m;
  if (word === undefined || next === undefined || (previous !== undefined && NO_RULE_BEHIND.has(previous.tokenType))) return 0;
  const image = next.image.toLowerCase();
  const behind = m.onLine(at + 2);
  const isMore = behind !== undefined && (isMember(behind) || isText(behind));
  const isProto = next.tokenType === KW.tcp || next.tokenType === KW.udp;
  if (isProto && isMore) {
    m.sayAt(next, { form: "ports_without_on", found: m.written(next) }, insertedBefore(next, "on "));
    m.put(word, m.made(KW.on, "on", next.startOffset, next.startOffset));
    return 1;
  }
  if (BEFORE_SOURCES.has(image) && isMore && behind.tokenType !== KW.to) {
    m.sayAt(next, { form: "rule_without_from", found: m.written(next), meant: `${word.image} from ${m.written(behind)}` }, instead(next, next, "from"));
    m.put(word, m.made(KW.from, "from", next.startOffset, endOf(next)));
    return 2;
  }
  if ((next.tokenType === Name && EVERYONE.has(image)) || next.image === "*") {
    // Where the first match wins, that is the last line; here it would take back every allow.
    const action = word.tokenType === KW.deny ? "deny" : "allow";
    m.sayAt(next, { form: "everyone", action, found: m.written(next) }, action === "deny" ? null : instead(next, next, "from any"));
    m.put(word, m.made(KW.from, "from", next.startOffset, next.startOffset), m.made(Name, "any", next.startOffset, endOf(next)));
    return 2;
  }
  if (![Name, Literal, Qualified, Param, Text].includes(next.tokenType)) return 0;
  // In a test this is an outcome whose `=>` is missing.
  const begins = startsLine(word) || previous === undefined || previous.tokenType === LBrace || previous.tokenType === RBrace;
  if (!begins && (next.tokenType === Param || WORDS.reason.some((reason) => reason === next.image))) return 0;
  // A misspelt clause is reported as such.
  if (next.tokenType === Name && isMore && nearest(next.image, MATCHERS) !== null) return 0;
  const isSource = ![Qualified, Text].includes(next.tokenType) && image !== "not" && !declaredApart(m).has(next.image);
  m.sayAt(
    next,
    { form: "rule_without_from", found: m.written(next), meant: `${word.image} from ${m.written(next)}` },
    isSource ? insertedBefore(next, "from ") : null,
    { doubtful: next.image },
  );
  m.put(word, m.made(KW.from, "from", next.startOffset, next.startOffset));
  return 1;
};

const apart = new WeakMap<TokenRewriter, ReadonlySet<string>>();

/** Names of sets that are no nets, which may follow `sni` or `client` as well; the names of an import are not known here. */
function declaredApart(m: TokenRewriter): ReadonlySet<string> {
  const known = apart.get(m) ?? new Set(m.tokens.flatMap((token, i) => (m.is(i - 1, KW.hosts, KW.ids) ? [token.image] : [])));
  apart.set(m, known);
  return known;
}

/** Behind these `allow` and `deny` are an outcome or a name. */
const NO_RULE_BEHIND: ReadonlySet<TokenType> = new Set([
  Arrow,
  ThinArrow,
  Comma,
  Equals,
  LParen,
  KW.from,
  KW.except,
  KW.sni,
  KW.client,
  KW.named,
  KW.by,
  KW.to,
]);

/** `limit 5/s` without `per`. */
const withoutPer: RewriteRule = (m, at) => {
  if (!m.is(at + 1, Rate)) return 0;
  const burst = m.is(at + 2, KW.burst) && m.is(at + 3, Integer, Param);
  const length = burst ? 4 : 2;
  const [first, last] = [m.tokens[at], m.tokens[at + length - 1]];
  if (first === undefined || last === undefined || m.is(at + length, KW.per, KW.source, KW.listener, KW.identity) || m.is(at + length, KW.burst)) return 0;
  // A word of its own is reported at its place.
  const next = m.onLine(at + length);
  if (next?.tokenType === Name) return 0;
  const end = endOf(last);
  m.say({ start: first.startOffset, end, data: { form: "limit_without_per" }, fix: null });
  m.put(...m.tokens.slice(at, at + length), m.made(KW.per, "per", end, end), m.made(KW.source, "source", end, end));
  return length;
};

const PERIOD = "([0-9]*)(s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?)";
const RATE_FORMS = [new RegExp(`^([0-9]+)(?:[a-z]+)?/${PERIOD}$`, "i"), /^([0-9]+)[a-z]?p()([smhd])$/i];

/** `limit 10r/s`, `limit 10 r/s`, `limit 600rpm`, `limit 6r/30s`, `limit rate=10r/s`, `limit 10 per second`. */
const otherRate: RewriteRule = (m, at) => {
  const named = m.onLine(at + 1)?.image === "rate" && m.is(at + 2, Equals) ? 2 : 0;
  const first = m.onLine(at + 1 + named);
  const second = m.onLine(at + 2 + named);
  const third = m.onLine(at + 3 + named);
  if (first === undefined) return 0;
  const forms: readonly (readonly [count: number, written: string, last: IToken | undefined])[] = [
    [1, first.image, first],
    [2, first.tokenType === Integer && second !== undefined && /^[a-z]*\//i.test(second.image) ? `${first.image}${second.image}` : "", second],
    [3, first.tokenType === Integer && second?.tokenType === KW.per && third !== undefined ? `${first.image}/${third.image}` : "", third],
  ];
  for (const [count, written, last] of forms) {
    const [, digits, several, period] = RATE_FORMS.map((form) => form.exec(written)).find((found) => found !== null) ?? [];
    // A rate with a unit in full is reported where rates are parsed.
    if (digits === undefined || period === undefined || last === undefined || (named === 0 && count === 1 && first.tokenType === Rate)) continue;
    const meant = `${digits}/${several === "1" ? "" : (several ?? "")}${period.slice(0, 1).toLowerCase()}`;
    const from = m.tokens[at + 1] ?? first;
    m.say({
      start: from.startOffset,
      end: endOf(last),
      data: { form: "rate", found: m.text.slice(from.startOffset, endOf(last)), meant },
      fix: instead(from, last, meant),
    });
    m.put(m.tokens[at], m.made(Rate, meant, from.startOffset, endOf(last)));
    return 1 + named + count;
  }
  return 0;
};

const thinArrow: RewriteRule = (m, at) => {
  const token = m.tokens[at];
  if (token === undefined) return 0;
  m.sayAt(token, { form: "arrow", found: m.written(token) }, instead(token, token, "=>"));
  m.put(m.made(Arrow, "=>", token.startOffset, endOf(token), token.payload === true));
  return 1;
};

/** `template t(name, port)`. */
const bareParameters: RewriteRule = (m, at) => {
  const name = m.tokens[at + 1];
  if (name === undefined || !isName(name) || !m.is(at + 2, LParen)) return 0;
  m.put(m.tokens[at], name, m.tokens[at + 2]);
  let i = at + 3;
  for (let token = m.tokens[i]; token !== undefined && (token.tokenType === Comma || isName(token)); token = m.tokens[++i]) {
    const next = m.tokens[i + 1];
    if (token.tokenType !== Comma && token.tokenType !== Param && (next?.tokenType === Comma || next?.tokenType === RParen)) {
      m.sayAt(token, { form: "bare_parameter", found: m.written(token) }, insertedBefore(token, "$"));
      m.put(m.made(Param, `$${token.image}`, token.startOffset, endOf(token), token.payload === true));
    } else if (token.tokenType === Comma) {
      const taken = commas(m, i);
      if (taken === 0) m.put(token);
      else i += taken - 1;
    } else m.put(token);
  }
  return i - at;
};

const PORT_WORD = /^(?:port|ports|dport|dports)$/i;

/** `on port 443`, `on 443`, `on tcp/443`, and the same behind `to`; `on tcp/udp 53`. */
const withoutProto: RewriteRule = (m, at) => {
  const word = m.tokens[at];
  const next = m.onLine(at + 1);
  const { previous } = m;
  // `bind web on 443` has an endpoint there.
  const isBind = word?.tokenType === KW.on && m.out.at(-2)?.tokenType === KW.bind;
  if (word === undefined || next === undefined || isBind || previous === undefined || previous.tokenType === Comma || previous.tokenType === Equals) return 0;
  if (isPorts(next)) {
    m.sayAt(next, { form: "ports_without_protocol", found: m.written(next) }, null);
    m.put(word, m.made(KW.tcp, "tcp", next.startOffset, next.startOffset));
    return 1;
  }
  if (PORT_WORD.test(next.image) && isPorts(m.onLine(at + 2))) {
    m.sayAt(next, { form: "ports_without_protocol", found: m.written(next) }, null);
    m.put(word, m.made(KW.tcp, "tcp", next.startOffset, endOf(next)));
    return 2;
  }
  const both = /^(tcp\/udp|udp\/tcp)$/i.exec(next.image);
  if (both !== null && word.tokenType === KW.on) {
    m.sayAt(next, { form: "both_protocols", found: m.written(next) }, instead(next, next, "tcp, udp"));
    m.put(
      word,
      m.made(KW.tcp, "tcp", next.startOffset, endOf(next)),
      m.made(Comma, ",", endOf(next), endOf(next)),
      m.made(KW.udp, "udp", endOf(next), endOf(next)),
    );
    return 2;
  }
  const joined = /^(?:(tcp|udp)[/:]([0-9-]+)|([0-9-]+)\/(tcp|udp))$/i.exec(next.image);
  if (joined === null) return 0;
  const proto = (joined[1] ?? joined[4])?.toLowerCase() === "udp" ? "udp" : "tcp";
  const ports = joined[2] ?? joined[3] ?? "";
  m.sayAt(next, { form: "ports_without_protocol", found: m.written(next) }, instead(next, next, `${proto} ${ports}`));
  m.put(word, m.made(KW[proto], proto, next.startOffset, next.startOffset), m.made(classify(ports), ports, next.startOffset, endOf(next)));
  return 2;
};

/** `on tcp port 443`. */
const portWord: RewriteRule = (m, at) => {
  const word = m.onLine(at + 1);
  const next = m.onLine(at + 2);
  if (
    word === undefined ||
    !PORT_WORD.test(word.image) ||
    next === undefined ||
    !(isPorts(next) || next.tokenType === LBrace || (next.tokenType === Name && m.is(at + 3, LBrace)))
  )
    return 0;
  if (next.tokenType === LBrace && !isPorts(m.tokens[at + 3])) return 0;
  m.sayAt(word, { form: "port_word", found: m.written(word) }, without(m, word));
  m.put(m.tokens[at]);
  return 2;
};

/** `expose web 443`, `expose web port 443`. */
const withoutOn: RewriteRule = (m, at) => {
  const name = m.tokens[at + 1];
  const next = m.onLine(at + 2);
  if (name === undefined || !isName(name) || next === undefined) return 0;
  const isWord = PORT_WORD.test(next.image) && isPorts(m.onLine(at + 3));
  if (!isWord && !isPorts(next)) return 0;
  m.sayAt(next, { form: "expose_without_on", found: m.written(next) }, null);
  const end = isWord ? endOf(next) : next.startOffset;
  m.put(m.tokens[at], name, m.made(KW.on, "on", next.startOffset, next.startOffset), m.made(KW.tcp, "tcp", next.startOffset, end));
  return isWord ? 3 : 2;
};

/** `backend "127.0.0.1:8080"`, `backend "/run/web.sock"`, `backend unix:/run/web.sock`. */
const quotedBackend: RewriteRule = (m, at) => {
  const next = m.onLine(at + 1);
  const { previous } = m;
  if (next === undefined || (previous !== undefined && NO_RULE_BEHIND.has(previous.tokenType))) return 0;
  const socket =
    next.tokenType === Text ? /^"(?:unix:)?(\/.*)"$/.exec(next.image)?.[1]
    : next.tokenType === Literal ? /^unix:(\/.*)$/.exec(next.image)?.[1]
    : undefined;
  if (socket !== undefined) {
    m.sayAt(next, { form: "quoted_socket", found: m.written(next) }, instead(next, next, `unix "${socket}"`));
    m.put(m.tokens[at], m.made(KW.unix, "unix", next.startOffset, next.startOffset), m.made(Text, `"${socket}"`, next.startOffset, endOf(next)));
    return 2;
  }
  const bare = next.image.slice(1, -1);
  if (next.tokenType !== Text || !/^[A-Za-z0-9.:[\]-]+:[0-9]+$/.test(bare)) return 0;
  m.sayAt(next, { form: "quoted_address", found: m.written(next) }, instead(next, next, bare));
  m.put(m.tokens[at], m.made(Literal, bare, next.startOffset, endOf(next)));
  return 2;
};

/** `from any and sni "x"`, `from any but office`. */
const wordBetween: RewriteRule = (m, at) => {
  // Behind `named` or `service` it is a name.
  const word = m.onLine(at);
  const next = m.tokens[at + 1];
  const { previous } = m;
  if (word === undefined || next === undefined || previous === undefined || isKeyword(previous.image) || !(isMember(previous) || isText(previous))) return 0;
  const image = word.image.toLowerCase();
  if (image === "and" && MATCHERS.some((w) => next.tokenType === KW[w])) {
    m.sayAt(word, { form: "and", found: m.written(word) }, without(m, word));
    return 1;
  }
  const behindNext = m.tokens[at + 2];
  if ((image === "but" || image === "without") && isMember(next) && behindNext?.tokenType !== Equals) {
    m.sayAt(word, { form: "but", found: m.written(word) }, instead(word, word, "except"));
    m.put(m.made(KW.except, "except", word.startOffset, endOf(word)));
    return 1;
  }
  return 0;
};

function isPorts(token: IToken | undefined): boolean {
  return token?.tokenType === Integer || token?.tokenType === Range;
}

function isMember(token: IToken): boolean {
  return isName(token) || [Literal, Qualified, Integer, Range].includes(token.tokenType);
}

const RULES: ReadonlyMap<TokenType, readonly RewriteRule[]> = new Map([
  [KW.allow, [withoutFrom]],
  [KW.deny, [withoutFrom]],
  [KW.limit, [otherRate, withoutPer]],
  [ThinArrow, [thinArrow]],
  [KW.template, [bareParameters]],
  [KW.on, [withoutProto]],
  [KW.to, [withoutProto]],
  [KW.tcp, [portWord, bracketed]],
  [KW.udp, [portWord, bracketed]],
  [KW.expose, [withoutOn]],
  [KW.backend, [quotedBackend]],
  [Name, [wordBetween]],
  [Comma, [commas]],
  [Equals, [doubledEquals, bracketed]],
  [KW.net, [namedWithColon, bracketed]],
  [KW.ports, [namedWithColon, bracketed]],
  [KW.hosts, [namedWithColon, bracketed]],
  [KW.ids, [namedWithColon, bracketed]],
  [KW.from, [bracketed]],
  [KW.sni, [bracketed]],
  [KW.client, [bracketed]],
  [KW.except, [bracketed]],
  [KW.file, [minFirst]],
]);
