// SourceFile -> concrete syntax tree and everything that is wrong with the text as text.
// The tree is there whenever reading continued at all, with holes where the text was broken;
// `brokenAfter` marks the holes, so that later phases don't complain about what is missing.
import { EOF, type IRecognitionException, type IToken, type TokenType } from "chevrotain";
import { MAX_ERRORS, MAX_NESTING, MAX_SOURCE_BYTES, MAX_WORDS } from "../source/bounds.ts";
import type { DiagnosticCode } from "../diagnostics/codes.ts";
import { diagnostic, firstErrors, hasCode, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { Expected } from "../diagnostics/expected_words.ts";
import type { DataOf } from "../diagnostics/words.ts";
import type { SourceFile, Span } from "../source/source.ts";
import { endOf, type Parsed } from "./cst.ts";
import { spelling, unpack } from "./errors.ts";
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
    ...foreignForms.map(({ start, end, data, fix }) =>
      diagnostic(
        "ING106",
        { of: "form", ...data },
        { file, start, end },
        { fix: fix === null ? null : { span: { file, start: fix.start, end: fix.end }, text: fix.text } },
      ),
    ),
  ];
  const found: Diagnostic[] = [
    ...few(unclosed).map((t) => diagnostic("ING102", null, spanOf(file, t))),
    ...few(tokens.filter((t) => t.tokenType === Text && controlsIn(t.image).length > 0)).map((t) =>
      diagnostic("ING103", { characters: controlsIn(t.image) }, spanOf(file, t)),
    ),
    ...characters(file, lexed, tokens),
    ...withoutUnopened(errors).map((e) => fromParser(file, tokens, e, inserted)),
    ...stray.map((s) => {
      const { code, data, instead } = unexpectedToken(s);
      const span = spanOf(file, s.token);
      return diagnostic(code, data, span, { fix: instead === null ? null : { span, text: instead } });
    }),
    ...misplaced
      .filter(({ why, token }) => why !== "again" && (why !== "outside" || token.startOffset < firstTorn))
      .map(({ token, data, related }) => diagnostic("ING115", data, spanOf(file, token), { related: related === null ? [] : [spanOf(file, related)] })),
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
    misplacedParams: misplaced.map(({ token }) => token.startOffset),
    doubtful,
  };
}

function unread(file: SourceFile, diagnostic: Diagnostic): Parsed {
  return { file, cst: null, diagnostics: [diagnostic], whole: false, brokenAfter: new Set(), misplacedParams: [], doubtful: new Set() };
}

/** Why a text can't be read at all, whatever it says; null where it can. */
export function refuseText(file: SourceFile): Diagnostic | null {
  const { text } = file;
  if (text.length > MAX_SOURCE_BYTES / 4 && new TextEncoder().encode(text).length > MAX_SOURCE_BYTES) {
    return diagnostic("ING601", { bound: "bytes" }, { file, start: 0, end: 0 });
  }
  if (text.length > MAX_WORDS && countWords(text) > MAX_WORDS) {
    return diagnostic("ING601", { bound: "words" }, { file, start: 0, end: 0 });
  }
  const nul = text.indexOf("\0");
  if (nul < 0) return null;
  return diagnostic("ING101", { fault: "nul" }, { file, start: nul, end: nul + 1 });
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

/** Comments and quotes of other languages, and characters outside of ASCII. */
function foreign(file: SourceFile, { slashed, quoted, nonAscii }: Lexed): Diagnostic[] {
  return [
    ...few(slashed).map((comment) => {
      const { start, end } = comment;
      const fix = isClosed(file.text, comment) ? { span: { file, start, end }, text: withHashes(file.text, comment) } : null;
      return diagnostic("ING101", { fault: "comment", mark: file.text.slice(start, start + 2) }, { file, start, end: start + 2 }, { fix });
    }),
    ...few(quoted).map((token) => {
      const span = spanOf(file, token);
      return diagnostic("ING101", { fault: "quotes", mark: file.text.slice(span.start, span.start + 1) }, span, { fix: { span, text: token.image } });
    }),
    ...few(nonAscii).map(({ start, end, data, instead }) => {
      const span = { file, start, end };
      return diagnostic("ING101", data, span, { fix: instead === null ? null : { span, text: instead } });
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
  return few(unlexed).map(({ start, length }) => {
    const text = file.text.slice(start, start + length);
    const span = { file, start, end: start + length };
    const isBehindFrom = starts.get(file.text.slice(0, span.start).trimEnd().length) === KW.from;
    return diagnostic("ING101", { fault: "signs", text, isBehindFrom }, span, { fix: /^;+$/.test(text) ? { span, text: "" } : null });
  });
}

function fromParser(file: SourceFile, tokens: readonly IToken[], error: IRecognitionException, inserted: ReadonlyMap<IToken, TokenType>): Diagnostic {
  const complaint = unpack(error.message);
  const { instead } = complaint;
  const atEnd = error.token.tokenType === EOF;
  const token = atEnd ? tokens.at(-1) : error.token;
  const span = token === undefined ? { file, start: 0, end: 0 } : spanOf(file, token);
  const missing = complaint.code === "ING107" && atEnd ? RBrace : inserted.get(error.token);
  const fix =
    instead !== null && !atEnd ? { span, text: instead }
    : missing === undefined || missing === LBrace || missing === RBrace ? null
    : insertion(file, atEnd ? null : error.token, token, missing);
  if (complaint.code === "ING106") return diagnostic("ING106", { ...complaint.data, at: atEnd ? "file_end" : "found" }, span, { fix });
  const open = openBrace(tokens, token, atEnd);
  return diagnostic("ING107", complaint.data, span, { related: open === null ? [] : [spanOf(file, open)], fix });
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
    if (!hasCode(d, "ING106") || !isExpected(d.data) || d.data.at !== "found") return d;
    const token = starts.get(d.span.start);
    const previous = token === undefined ? undefined : tokens[tokens.indexOf(token) - 1];
    if (previous === undefined) return d;
    const end = endOf(previous);
    const span = { file, start: end, end };
    const fix = d.fix !== null && d.fix.span.start === d.fix.span.end ? { span, text: ` ${d.fix.text.trim()}` } : d.fix;
    return diagnostic("ING106", { ...d.data, at: "line_end" }, span, { fix });
  });
}

function isExpected(data: DataOf<"ING106">): data is Expected {
  return data.of === "part" || data.of === "word" || data.of === "kind" || data.of === "block";
}

/**
 * The edit that puts a missing word before a token. Where a `}` is missing the intended content of the block is unknown;
 * what has no one spelling, such as a time, can't be put anywhere; and a word that is there was read as a name.
 */
function insertion(file: SourceFile, before: IToken | null, last: IToken | undefined, missing: TokenType): Diagnostic["fix"] {
  const { text } = file;
  const word = missing.LABEL === undefined ? "" : spelling(missing);
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
    const { code, data } = unpack(message);
    if (code === "ING107") return !unopened.delete(rule);
    if (data.of === "word" && data.word === "{") unopened.add(rule);
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

/** Each of these is written as it is. */
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
