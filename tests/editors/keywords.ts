// The lists of words that the grammars of editors are compared with.
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";
import { read } from "../house/sources.ts";

export const sorted = (words: Iterable<string>): readonly string[] => [...new Set(words)].sort();

export const ALL_KEYWORDS: readonly string[] = sorted(Object.keys(KEYWORDS));

/** The nets that exist by themselves, from the table of the language. */
export const NETS: readonly string[] = sorted(
  [...read("docs/language.md").matchAll(/^\| `(\w+)` \| (?:every|both|[\d.]+\/8|169|`any` without)/gm)].map(([, net = ""]) => net),
);

/** The words that a list has twice. */
export const doubled = (words: readonly string[]): readonly string[] => words.filter((word, i) => words.indexOf(word) !== i);
