// SourceFile -> concrete syntax tree and everything that is wrong with the text as text.
// The tree is there whenever reading went on at all, with holes where the text was broken;
// `brokenAfter` marks the holes, so that later phases don't complain about what is missing.
import { EOF, type IRecognitionException, type IToken, type TokenType } from "chevrotain";
import { characterName } from "../../runtime/text/characters.ts";
import { MAX_ERRORS, MAX_NESTING, MAX_SOURCE_BYTES, MAX_WORDS } from "../source/bounds.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import { diagnostic, firstErrors, type Diagnostic } from "../diagnostics/diagnostic.ts";
import { quote } from "../diagnostics/quote.ts";
import type { UntypedCode } from "../diagnostics/words.ts";
import type { SourceFile, Span } from "../source/source.ts";
import { endOf, type Parsed } from "./cst.ts";
import { unpack } from "./errors.ts";
import { parseTokens } from "./grammar.ts";
import { rewriteForeignForms } from "./foreign_forms.ts";
import { misplacedParams } from "./params.ts";
import { countWords } from "./word_count.ts";
import { isClosed, withHashes } from "./slash_comments.ts";
import { unexpectedToken } from "./unexpected_token.ts";
import { KW, LBrace, LParen, RBrace, RParen, Text, lex, startsLine, type Lexed } from "./tokens.ts";

export function parse(file: SourceFile): Parsed {
  const unreadable = refuseText(file);
  if (unreadable !== null) return unread(file, unreadable);
  const lexed = lex(file.text);
  const { unclosed } = lexed;
  const deep = refuseNesting(file, lexed.tokens);
  if (deep !== null) return unread(file, deep);
  const { tokens, foreignForms } = rewriteForeignForms(file.text, lexed.tokens);
  const { cst, errors, stray, fresh, inserted } = parseTokens(tokens);
  const misplaced = misplacedParams(tokens);
  // Behind a torn head, or around a block that was closed too early, a parameter may well be in its template.
  const firstTorn =
    stray.some((s) => s.token.tokenType === RBrace) ? 0 : (
      [...errors, ...stray]
        .map((e) => e.token.startOffset)
        .filter((offset) => !Number.isNaN(offset))
        .reduce((least, offset) => Math.min(least, offset), Infinity)
    );

  // A form that is read as it was meant makes no error of the text around it.
  const apart = [
    ...foreign(file, lexed),
    ...foreignForms.map(({ start, end, message, help, fix }): Diagnostic => ({
      code: "ING106",
      data: null,
      message,
      span: { file, start, end },
      label: "",
      related: [],
      help,
      fix: fix === null ? null : { span: { file, start: fix.start, end: fix.end }, text: fix.text },
    })),
  ];
  const found: Diagnostic[] = [
    ...few(unclosed).map((t) => at(file, t, "ING102", "the text has no closing quote", 'a text ends on the line where it begins: add `"`')),
    ...few(tokens.filter((t) => t.tokenType === Text && controlsIn(t.image).length > 0)).map((t) =>
      at(file, t, "ING103", `a text contains a control character: ${controlsIn(t.image).map(characterName).join(", ")}`, "remove it, or write the text anew"),
    ),
    ...characters(file, lexed, tokens),
    ...withoutUnopened(errors).map((e) => fromParser(file, tokens, e, inserted)),
    ...stray.map((s) => {
      const { code, message, help, label, instead } = unexpectedToken(s);
      const shown = at(file, s.token, code, message, help);
      return { ...shown, label, fix: instead === null ? null : { span: shown.span, text: instead } };
    }),
    ...misplaced
      .filter(({ why, token }) => why !== "again" && (why !== "outside" || token.startOffset < firstTorn))
      .map(({ token, message, help, related }) => ({
        ...at(file, token, "ING115", message, help),
        related: related === null ? [] : [{ span: spanOf(file, related.token), label: related.label }],
      })),
  ];
  const brokenAfter = new Set([
    ...errors.flatMap((e) => ("previousToken" in e && isToken(e.previousToken) ? [endOf(e.previousToken)] : [])),
    ...stray.map((s) => endOf(s.previous)),
  ]);
  // Nothing more is reported about a parameter that is none, because its meaning is unknown.
  for (const { token } of misplaced) token.isInsertedInRecovery = true;
  const doubtful = new Set(stray.filter((s) => s.context === "statement" || s.context === "body").flatMap((s) => [s.token.image, s.next.image]));
  for (const { doubtful: name } of foreignForms) if (name !== undefined) doubtful.add(name);
  const whole = found.length === 0 && misplaced.length === 0 && apart.length === 0 && foreignForms.length === 0;
  return {
    file,
    cst,
    diagnostics: merged(apart, shownWhere(file, tokens, independent(file, tokens, found, unclosed, fresh), errors)),
    whole,
    brokenAfter,
    doubtful,
  };
}

function unread(file: SourceFile, diagnostic: Diagnostic): Parsed {
  return { file, cst: null, diagnostics: [diagnostic], whole: false, brokenAfter: new Set(), doubtful: new Set() };
}

function refuseText(file: SourceFile): Diagnostic | null {
  const { text } = file;
  const none = { data: null, related: [], fix: null, label: "" };
  if (text.length > MAX_SOURCE_BYTES / 4 && new TextEncoder().encode(text).length > MAX_SOURCE_BYTES) {
    return diagnostic("ING601", { bound: "bytes" }, { file, start: 0, end: 0 });
  }
  if (text.length > MAX_WORDS && countWords(text) > MAX_WORDS) {
    return diagnostic("ING601", { bound: "words" }, { file, start: 0, end: 0 });
  }
  const nul = text.indexOf("\0");
  if (nul < 0) return null;
  return {
    ...none,
    code: "ING101",
    span: { file, start: nul, end: nul + 1 },
    message: "a NUL character: this is not a text file",
    help: "a policy is UTF-8 text",
  };
}

function refuseNesting(file: SourceFile, tokens: readonly IToken[]): Diagnostic | null {
  let depth = 0;
  for (const token of tokens) {
    const type = token.tokenType;
    if (type === LBrace || type === LParen) {
      if (++depth > MAX_NESTING) {
        return diagnostic("ING602", null, spanOf(file, token));
      }
    } else if ((type === RBrace || type === RParen) && depth > 0) depth--;
  }
  return null;
}

const ADVICE = new Map([
  [";", "statements need no separator: remove it"],
  ["'", "write a text in double quotes"],
  ["`", "write a text in double quotes"],
  ["&", "the clauses of a rule follow each other without a word between them"],
  ["|", "write two rules, or list the members of a set with commas"],
  ["!", "what is not meant is taken away with `except`"],
  ["+", "sets are joined with commas"],
]);

/** Comments and quotes of other languages, and characters outside of ASCII. */
function foreign(file: SourceFile, { slashed, quoted, nonAscii }: Lexed): Diagnostic[] {
  const none = { code: "ING101", data: null, label: "", related: [] } as const;
  return [
    ...few(slashed).map((comment): Diagnostic => {
      const { start, end } = comment;
      const mark = file.text.slice(start, start + 2);
      return {
        ...none,
        message: `${quote(mark)} does not begin a comment`,
        span: { file, start, end: start + 2 },
        help: "a comment begins with `#` and ends with its line",
        fix: isClosed(file.text, comment) ? { span: { file, start, end }, text: withHashes(file.text, comment) } : null,
      };
    }),
    ...few(quoted).map((token): Diagnostic => {
      const span = spanOf(file, token);
      return {
        ...none,
        message: `${quote(file.text.slice(span.start, span.start + 1))} does not begin a text`,
        span,
        help: "write a text in double quotes",
        fix: { span, text: token.image },
      };
    }),
    ...few(nonAscii).map(({ start, end, message, help, instead }): Diagnostic => {
      const span = { file, start, end };
      return { ...none, message, span, help, fix: instead === null ? null : { span, text: instead } };
    }),
  ];
}

/** As many as can be shown, and one that says that there are more. */
function few<T>(list: readonly T[]): readonly T[] {
  return list.slice(0, MAX_ERRORS + 1);
}

function merged(apart: readonly Diagnostic[], others: readonly Diagnostic[]): Diagnostic[] {
  return apart.length === 0 ? [...others] : firstErrors([...apart, ...others].sort((a, b) => a.span.start - b.span.start));
}

function characters(file: SourceFile, { unlexed }: Lexed, tokens: readonly IToken[]): Diagnostic[] {
  const starts = new Map(tokens.map((t) => [endOf(t), t.tokenType]));
  return few(unlexed).flatMap(({ start, length }) => {
    const text = file.text.slice(start, start + length);
    const span = { file, start, end: start + length };
    const behindFrom = starts.get(file.text.slice(0, span.start).trimEnd().length) === KW.from;
    const help =
      text === "!" && behindFrom ?
        "everyone but a set is `any except SET`"
      : (ADVICE.get(text.slice(0, 1)) ?? "names are letters A to Z, digits, `_` and `-`; a comment begins with `#`");
    const fix = /^;+$/.test(text) ? { span, text: "" } : null;
    const each = [...new Set(text)];
    const names = each.filter((c) => c > "~").map(characterName);
    const what = `${names.length === 0 ? "" : `, ${names.slice(0, 4).join(", ")},`} ${each.length === 1 ? "is not a character" : "are not characters"}`;
    return [{ code: "ING101", data: null, message: `${quote(text)}${what} of the language`, span, label: "", related: [], help, fix }];
  });
}

function fromParser(file: SourceFile, tokens: readonly IToken[], error: IRecognitionException, inserted: ReadonlyMap<IToken, TokenType>): Diagnostic {
  const { code, message, help, instead } = unpack(error.message);
  const atEnd = error.token.tokenType === EOF;
  const token = atEnd ? tokens.at(-1) : error.token;
  const base = at(file, token, code, message, help);
  const label = atEnd ? "the text ends here" : "";
  const open = code === "ING107" ? openBrace(tokens, token, atEnd) : null;
  const related = open === null ? [] : [{ span: spanOf(file, open), label: "opened here" }];
  const missing = code === "ING107" && atEnd ? RBrace : inserted.get(error.token);
  const fix =
    instead !== null && !atEnd ? { span: base.span, text: instead }
    : missing === undefined || missing === LBrace || missing === RBrace ? null
    : insertion(file, atEnd ? null : error.token, token, missing);
  return { ...base, label, related, fix };
}

/** Where a word is missing at the end of a line, the error is shown there and not where the next line begins. */
function shownWhere(file: SourceFile, tokens: readonly IToken[], diagnostics: readonly Diagnostic[], errors: readonly IRecognitionException[]): Diagnostic[] {
  const starts = new Map(
    errors.flatMap(({ token, message }) =>
      token.tokenType !== EOF && startsLine(token) && unpack(message).code === "ING106" ? [[token.startOffset, token]] : [],
    ),
  );
  if (starts.size === 0) return [...diagnostics];
  return diagnostics.map((d) => {
    const token = d.code === "ING106" && d.label === "" ? starts.get(d.span.start) : undefined;
    const previous = token === undefined ? undefined : tokens[tokens.indexOf(token) - 1];
    if (previous === undefined) return d;
    const end = endOf(previous);
    const span = { file, start: end, end };
    const fix = d.fix !== null && d.fix.span.start === d.fix.span.end ? { span, text: ` ${d.fix.text.trim()}` } : d.fix;
    return { ...d, span, label: "missing here", fix };
  });
}

/**
 * The edit that puts a missing word before a token. Where a `}` is missing the intended content of the block is unknown;
 * what has no one spelling, such as a time, can't be put anywhere; and a word that is there was read as a name.
 */
function insertion(file: SourceFile, before: IToken | null, last: IToken | undefined, missing: TokenType): Diagnostic["fix"] {
  const { text } = file;
  const word = (missing.LABEL ?? "").replaceAll("`", "");
  if (
    word === "" ||
    text
      .slice(0, before?.startOffset ?? text.length)
      .trimEnd()
      .endsWith(` ${word}`)
  )
    return null;
  if (before === null) {
    const start = last === undefined ? text.length : endOf(last);
    return { span: { file, start, end: start }, text: ` ${word}` };
  }
  const at = before.startOffset;
  return { span: { file, start: at, end: at }, text: /\S/.test(text.charAt(at - 1)) ? ` ${word}` : `${word} ` };
}

/** Drops the error that a block is not closed where another says that it was not opened. */
function withoutUnopened(errors: readonly IRecognitionException[]): IRecognitionException[] {
  const unopened = new Set<string>();
  return errors.filter(({ message, context }) => {
    const rule = context.ruleStack.at(-1) ?? "";
    if (unpack(message).code === "ING107") return !unopened.delete(rule);
    if (message.includes("\nexpected `{`")) unopened.add(rule);
    return true;
  });
}

/** The innermost `{` that is open before a token. */
function openBrace(tokens: readonly IToken[], before: IToken | undefined, inclusive: boolean): IToken | null {
  const open: IToken[] = [];
  for (const token of tokens) {
    if (token === before && !inclusive) break;
    if (token.tokenType === LBrace) open.push(token);
    else if (token.tokenType === RBrace) open.pop();
  }
  return open.at(-1) ?? null;
}

/** Each of these stands for itself. */
const LEXICAL: ReadonlySet<DiagnosticCode> = new Set<DiagnosticCode>(["ING101", "ING102", "ING103"]);

/**
 * Drops errors that only follow from an earlier one: at the same token, and a few tokens
 * on along the same line; and what an unclosed string has swallowed. Bounded in number.
 */
function independent(file: SourceFile, tokens: readonly IToken[], found: Diagnostic[], unclosed: readonly IToken[], fresh: readonly number[]): Diagnostic[] {
  // Where a brace is inside of an unclosed string, all that comes after it is in the wrong block.
  const swallowed = unclosed.find((t) => /[{}]/.test(t.image))?.startOffset ?? Infinity;
  const open = new Set(unclosed);
  const kept: Diagnostic[] = [];
  let index = 0;
  let lastIndex = -10;
  let lastLineEnd = -1;
  let lastStart = 0;
  let anew = 0;
  for (const d of found.sort((a, b) => a.span.start - b.span.start)) {
    while (index < tokens.length && (tokens[index]?.startOffset ?? 0) < d.span.start) index++;
    while ((fresh[anew] ?? Infinity) < lastStart) anew++;
    const begunAnew = (fresh[anew] ?? Infinity) < d.span.start;
    // It says nothing of the text around it.
    if (d.code === "ING115") {
      kept.push(d);
      continue;
    }
    const near = kept.length > 0 && index - lastIndex < (d.span.start <= lastLineEnd && !begunAnew ? 10 : 1);
    lastIndex = index;
    lastStart = d.span.start;
    const before = tokens[index - 1];
    const follows = near || d.span.start > swallowed || (before !== undefined && open.has(before));
    if (follows && !LEXICAL.has(d.code)) continue;
    kept.push(d);
    const end = file.text.indexOf("\n", d.span.start);
    lastLineEnd = end < 0 ? file.text.length : end;
  }
  return firstErrors(kept);
}

function at(file: SourceFile, token: IToken | undefined, code: UntypedCode, message: string, help: string | null): Diagnostic {
  const span = token === undefined ? { file, start: 0, end: 0 } : spanOf(file, token);
  return { code, data: null, message, span, label: "", related: [], help, fix: null };
}

function spanOf(file: SourceFile, token: IToken): Span {
  return { file, start: token.startOffset, end: endOf(token) };
}

function isToken(x: unknown): x is IToken {
  return typeof x === "object" && x !== null && "startOffset" in x && "image" in x;
}

/** Each once. */
function controlsIn(text: string): string[] {
  // eslint-disable-next-line no-control-regex -- control characters are what it looks for
  return [...new Set(text.match(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g))];
}
