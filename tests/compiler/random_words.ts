// Texts of words of the language in any order, and of words that are none.
import fc from "fast-check";
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";

const WORD = fc.constantFrom(
  ...Object.keys(KEYWORDS),
  "web",
  "any",
  "{",
  "}",
  "{",
  "}",
  "(",
  ")",
  ",",
  "=",
  "=>",
  "@",
  "@owner",
  '"x"',
  '"',
  "1.2.3.4",
  "10.0.0.0/8",
  "443",
  "1-2",
  "5/s",
  "/24",
  "127.0.0.1:80",
  "#",
  "\n",
  "a.b",
  "$a",
  "$a.b",
  "é",
  "__proto__",
  "constructor",
  "edition 1\n",
);

/** At most 60 words, between blanks. */
export const RANDOM_WORDS = fc.array(WORD, { maxLength: 60 }).map((words) => words.join(" "));
