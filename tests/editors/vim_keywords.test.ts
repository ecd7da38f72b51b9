// Vim's syntax file has every keyword of the language, and no other one.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WORDS } from "../../compiler/syntax/keywords.ts";
import { read } from "../house/sources.ts";
import { ALL_KEYWORDS, doubled, NETS, sorted } from "./keywords.ts";

const test = suite("keywords of Vim's syntax file");
const vim = read("docs/editors/vim/syntax/ingress.vim");

/** The words of the `syntax keyword` lines of a group. */
const wordsOf = (group: string, before = "(?!contained)"): readonly string[] =>
  [...vim.matchAll(new RegExp(`^syntax keyword ${group} ${before}(.*?)(?: nextgroup=.*)?$`, "gm"))].flatMap(([, words = ""]) => words.split(" "));

test("it has every keyword once", () => {
  const keywords = ["ingressStatement", "ingressClause", "ingressKeyword"].flatMap((group) => wordsOf(group));
  assert.equal(sorted(keywords), ALL_KEYWORDS);
  assert.equal(doubled(keywords), []);
});

test("its modes, reasons and nets are those of the language", () => {
  assert.equal(sorted(wordsOf("ingressMode", "contained ")), sorted(WORDS.mode));
  assert.equal(sorted(wordsOf("ingressReason", "contained ")), sorted(WORDS.reason));
  assert.equal(sorted(wordsOf("ingressNet")), NETS);
});

test.run();
