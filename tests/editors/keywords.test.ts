// TextMate's grammar has every keyword of the language, and no other one.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { WORDS } from "../../compiler/syntax/keywords.ts";
import { read } from "../house/sources.ts";
import { ALL_KEYWORDS, doubled, NETS, sorted } from "./keywords.ts";
import { isAddress } from "./policies.ts";

const test = suite("keywords of TextMate's grammar");

interface Pattern {
  readonly name?: string;
  readonly match: string;
}

const { repository } = JSON.parse(read("docs/editors/vscode/syntaxes/ingress.tmLanguage.json")) as {
  readonly repository: Readonly<Record<"names" | "keywords" | "words", { readonly patterns: readonly Pattern[] }>>;
};

/** The words of each `(?:a|b)` of patterns. */
const alternatives = (patterns: readonly Pattern[]): readonly string[] =>
  patterns.flatMap(({ match }) => [...match.matchAll(/\(\?:([A-Za-z0-9|]+)\)/g)].flatMap(([, words = ""]) => words.split("|")));

/** The words of the group behind a keyword. */
const behind = (keyword: string): readonly string[] =>
  repository.names.patterns.flatMap(({ match }) =>
    (new RegExp(`\\(${keyword}\\)\\\\s\\+\\(([a-z|]+)\\)`).exec(match)?.[1] ?? "").split("|").filter((word) => word !== ""),
  );

test("it has every keyword once", () => {
  const keywords = alternatives(repository.keywords.patterns);
  assert.equal(sorted(keywords), ALL_KEYWORDS);
  assert.equal(doubled(keywords), []);
});

test("its modes, reasons and nets are those of the language", () => {
  assert.is(NETS.length, 7);
  assert.equal(sorted(behind("as")), sorted(WORDS.mode));
  assert.equal(sorted(behind("deny")), sorted(WORDS.reason));
  assert.equal(sorted(alternatives(repository.words.patterns.filter((p) => p.name?.startsWith("support.constant.net") === true))), NETS);
});

test("what the checks take for an address", () => {
  for (const word of ["10.0.0.1", "10.0.0.0/8", "127.0.0.1:80", "::", "2001:db8::/32", "[::1]:80", "[::]", "fe80::1"]) assert.ok(isAddress(word), word);
  for (const word of ["10.0.0", "10.0.0.0/08x", "::1:80:x", "[10.0.0.1]:80", "10s", "2027-03-01T00:00Z", "www.example.com", "/24", "443"])
    assert.not(isAddress(word), word);
});

test.run();
