// The generated parts of documents agree with the code: the tables of docs/abi.md name every
// constant of runtime/abi, and the grammar in docs/language.md every rule and keyword.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as layout from "../../runtime/abi/layout.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { serializedGrammar } from "../../compiler/syntax/grammar.ts";
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";
import { WRITTEN, codeNumbers, regenerate } from "../../scripts/docs.ts";

const read = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), "utf8");
const abi = read("docs/abi.md");
const test = suite("generated");

for (const [path, write] of Object.entries(WRITTEN)) {
  test(`${path} is what \`npm run docs\` writes`, () => {
    assert.is(read(path), write(read(path)));
  });
}

test("the grammar in docs/language.md has every rule and every keyword", () => {
  const text = read("docs/language.md");
  const grammar = /<!-- generated: grammar -->([^]*?)<!-- end -->/.exec(text)?.[1] ?? "";
  for (const rule of serializedGrammar()) assert.ok("name" in rule && grammar.includes(`\n${String(rule.name)} = `), JSON.stringify(rule).slice(0, 60));
  for (const word of Object.keys(KEYWORDS)) assert.ok(grammar.includes(`"${word}"`), word);
  assert.is.not(text, regenerate(text.replace(grammar, "\nedited by hand\n")).replace(grammar, "\nedited by hand\n"));
});

test("has a row for each constant of the layout and each code", () => {
  for (const [name, value] of Object.entries(layout)) assert.ok(abi.includes(`| \`${name}\` | ${value} |`), name);
  for (const { name } of Object.values(CODES)) assert.ok(abi.includes(`| \`${name}\` |`), name);
});

test("a number keeps its word, and a word its number", () => {
  const before = read("tests/house/code_numbers.txt");
  assert.throws(() => codeNumbers(before.replace("code 7 deny_rule", "code 7 other_rule")), /pins `code 7 other_rule`, and the code has `deny_rule`/);
  assert.throws(() => codeNumbers(`${before}code 99 withdrawn\n`), /pins `code 99 withdrawn`, which is no longer in the code/);
  assert.match(codeNumbers(`${before}diagnostic 199 used\n`), /^diagnostic 199 gone$/m);
  assert.throws(() => codeNumbers(before.replace("diagnostic 101 used", "diagnostic 101 gone")), /use a new number/);
  assert.match(codeNumbers(before.replace("code 7 deny_rule\n", "")), /^code 7 deny_rule$/m);
});

test("a table that is edited by hand is noticed", () => {
  const edited = abi.replace("| `VALUE_PAGE` | 1 |", "| `VALUE_PAGE` | 7 |");
  assert.is.not(edited, abi);
  assert.is.not(edited, regenerate(edited));
});

test.run();
