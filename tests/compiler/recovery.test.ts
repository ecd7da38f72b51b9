// Reading alone, without meaning: several errors at once, none that follows from another, and
// whatever the text an answer with a place.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { build } from "../../compiler/ast/build.ts";
import type { PolicyNode } from "../../compiler/ast/nodes.ts";
import type { Diagnostic } from "../../compiler/diagnostic.ts";
import { render } from "../../compiler/render.ts";
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";
import { parse } from "../../compiler/syntax/parse.ts";

const recovery = suite("recovery");

function read(text: string): { readonly ast: PolicyNode | null; readonly told: readonly Diagnostic[] } {
  const parsed = parse({ path: "policy.ingress", text });
  const built = build(parsed);
  const told = [...parsed.diagnostics, ...built.diagnostics];
  for (const d of told) {
    const { file, start, end } = d.span;
    assert.ok(0 <= start && start <= end && end <= file.text.length, `${d.code} has the place ${start}..${end}`);
    assert.not.match(render(d, { color: false }), /NaN|undefined|\[object/);
    assert.not.match(d.message, /\n|Token|kw_|\.$/);
  }
  assert.is(built.ast === null || built.ast.incomplete, told.length > 0);
  return { ast: built.ast, told };
}

/** `CODE text` of each, in the order of the text. */
const brief = (text: string): string[] =>
  [...read(`edition 1\n${text}`).told]
    .sort((a, b) => a.span.start - b.span.start)
    .map((d) => `${d.code} ${d.span.file.text.slice(d.span.start, d.span.end).split("\n")[0] ?? ""}`);

const example = (name: string): string => readFileSync(new URL(`../${name}.ingress`, import.meta.url), "utf8").replace(/^#.*\n/gm, "");
const WHOLE = ["cases/good/office", "cases/good/soft_words", "compiler/texts/one_screen", "compiler/texts/every_clause"].map((name) => [name, example(name)] as const);

for (const [name, text] of WHOLE) {
  recovery(`${name} is read whole`, () => assert.equal(read(text).told.map((d) => d.message), []));

  recovery(`${name}: every truncation is whole or has at most two errors`, () => {
    const step = Math.max(1, Math.round(text.length / 600));
    for (let i = 0; i <= text.length; i += step) {
      const { told } = read(text.slice(0, i));
      assert.ok(told.length <= 2, `${text.slice(0, i)}\n${told.map((d) => d.message).join("\n")}`);
    }
  });

  recovery(`${name}: without any one word it has at most two errors`, () => {
    const words = text.split(/(\s+)/);
    for (let i = 0; i < words.length; i += 2) {
      const { told } = read(words.filter((_, j) => j !== i).join(""));
      assert.ok(told.length <= 2, `without ${words[i] ?? ""} ${i / 2}: ${told.map((d) => d.message).join("; ")}`);
    }
  });

  recovery(`${name}: with any one word misspelt it has at most two errors`, () => {
    const words = text.split(/(\s+)/);
    for (let i = 0; i < words.length; i += 2) {
      const { told } = read(words.map((w, j) => (j === i ? w.replace(/^([a-z])([a-z])([a-z])/, "$2$1$3") : w)).join(""));
      assert.ok(told.length <= 2, `misspelt ${words[i] ?? ""} ${i / 2}: ${told.map((d) => d.message).join("; ")}`);
    }
  });
}

recovery("words of the language in any order", () => {
  const word = fc.constantFrom(
    ...Object.keys(KEYWORDS), "web", "any", "{", "}", "{", "}", "(", ")", ",", "=", "=>", "@", "@owner", "\"x\"", "\"", "1.2.3.4", "10.0.0.0/8", "443",
    "1-2", "5/s", "/24", "127.0.0.1:80", "#", "\n", "a.b", "$a", "$a.b", "é", "__proto__", "constructor", "edition 1\n",
  );
  fc.assert(fc.property(fc.array(word, { maxLength: 60 }), (words) => {
    read(words.join(" "));
    read(`edition 1\n${words.join(" ")}`);
  }), { numRuns: 600 });
});

recovery("any text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
    read(text);
  }), { numRuns: 300 });
});

recovery.run();
