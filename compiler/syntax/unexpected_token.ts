// The data of a diagnostic about a token that can't begin a statement, a clause or a line of a test.
import type { IToken } from "chevrotain";
import type { MemberHint } from "../diagnostics/expected_words.ts";
import type { Stray as StrayData, SyntaxData } from "../diagnostics/syntax_words.ts";
import { nearest, nearestAlone } from "../../runtime/text/nearest.ts";
import type { Context, Stray } from "./recovery.ts";
import { foreignKeyword, sameWord } from "./foreign_keywords.ts";
import { isKeyword, placesOf, wordsAt, type Keyword } from "./keywords.ts";
import { Comma, LBrace, RBrace, startsLine } from "./tokens.ts";

type Complaint<C extends "ING104" | "ING105" | "ING106" | "ING108"> =
  C extends unknown ?
    {
      readonly code: C;
      readonly data: SyntaxData[C];
      /** The text that should replace the token; empty where it should be removed, null where it may be one thing or another. */
      readonly instead: string | null;
    }
  : never;

const WORDS: Readonly<Record<Context, readonly Keyword[]>> = {
  statement: wordsAt("statement"),
  clause: wordsAt("clause", "rule"),
  body: wordsAt("statement", "clause", "rule"),
  line: wordsAt("line"),
  claim: wordsAt("claim"),
  bound: wordsAt("bound"),
};

export function unexpectedToken({ context, token, previous }: Stray): Complaint<"ING104" | "ING105" | "ING106" | "ING108"> {
  const word = token.image;
  if (context === "head") return { code: "ING106", data: { of: "block", found: word, at: "found", hint: memberHint(previous, word) }, instead: null };
  if (token.tokenType === RBrace) return { code: "ING108", data: null, instead: null };
  if (token.tokenType === LBrace) return stray(context, { found: "brace", isFirst: token.startOffset === 0 }, null);
  if (token.tokenType === Comma) return stray(context, { found: "comma" }, "");
  if (isKeyword(word)) return stray(context, { found: "keyword", word, belongs: placesOf(word)[0] ?? null }, null);
  if (/^[A-Za-z_]/.test(word)) {
    const means = foreignKeyword(word);
    if (means !== null) return stray(context, { found: "foreign", word, means }, sameWord(means));
    const near = nearest(word, WORDS[context]);
    // Behind the members of a set it may be a word that belongs to them, such as `except`.
    const isFirst = startsLine(token) || previous.tokenType === LBrace || previous.tokenType === RBrace;
    return stray(context, { found: "word", word, near }, near !== null && isFirst ? nearestAlone(word, WORDS[context]) : null);
  }
  const inRule = /^(?:allow|deny)$/.test(previous.image) && /^[0-9-]+$/.test(word);
  return stray(context, { found: "other", text: word, hint: memberHint(previous, word) ?? (inRule ? "rule" : null) }, null);
}

function stray(place: Context, data: StrayData, instead: string | null): Complaint<"ING104" | "ING105"> {
  return place === "statement" ? { code: "ING104", data: { place, ...data }, instead } : { code: "ING105", data: { place, ...data }, instead };
}

/** Where a member follows a member, a mask, the end of a range, an exception or a clause may be meant as well. */
function memberHint(previous: IToken, word: string): MemberHint | null {
  const isMember = /^[0-9"[]/.test(word) && /[0-9A-Za-z/\]"]$/.test(previous.image) && !isKeyword(previous.image);
  return (
    isMember ? "member"
    : word === "-" ? "range"
    : null
  );
}
