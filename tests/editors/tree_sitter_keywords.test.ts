// The tree-sitter grammar has every keyword of the language, and no other one, and so have the words that it highlights.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { read } from "../house/sources.ts";
import { ALL_KEYWORDS, doubled, NETS, sorted } from "./keywords.ts";

const test = suite("keywords of the tree-sitter grammar");
const grammar = read("docs/editors/tree-sitter/grammar.js");
const highlights = read("docs/editors/tree-sitter/queries/highlights.scm");
const quoted = (text: string): readonly string[] => [...text.matchAll(/"([A-Za-z][A-Za-z0-9]*)"/g)].map(([, word = ""]) => word);

test("the grammar has every keyword", () => {
  // Behind these are the patterns of words.
  const rules = grammar.slice(grammar.indexOf("policy:"), grammar.indexOf("// ---- words"));
  // An annotation's name is no keyword.
  const words = quoted(rules.replace(/field\("\w+"/g, "")).filter((word) => word !== "lint");
  assert.equal(sorted(words), ALL_KEYWORDS);
});

test("every keyword is highlighted, once", () => {
  const list = quoted(/\[\n((?: {2}"[A-Za-z0-9]+"\n)+)\] @keyword/.exec(highlights)?.[1] ?? "");
  assert.equal(sorted(list), ALL_KEYWORDS);
  assert.equal(doubled(list), []);
});

test("the nets that are highlighted are those of the language", () => {
  const lists = [...highlights.matchAll(/match\? @[\w.]+ "\^\(([^)]*)\)\$"/g)].map(([, list = ""]) => sorted(list.split("|")));
  assert.equal(lists, [NETS, NETS]);
});

test.run();
