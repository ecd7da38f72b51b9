// Whatever the text, the front answers: no throw, no hang, no NaN place, never a policy beside
// an error, never a refusal without a word.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Diagnostic } from "../../compiler/diagnostics/diagnostic.ts";
import { render } from "../../compiler/diagnostics/render.ts";
import { atLength } from "../at_length.ts";
import { codes, front } from "./front.ts";
import { RANDOM_WORDS } from "./random_words.ts";

const robust = suite("robust");

function judge(text: string): readonly Diagnostic[] {
  const { policy, diagnostics } = front(text);
  assert.is(policy === null, diagnostics.length > 0);
  for (const d of diagnostics) {
    const { file, start, end } = d.span;
    assert.ok(0 <= start && start <= end && end <= file.text.length, `${d.code} has the place ${start}..${end}`);
    assert.not.match(render(d, { color: false }), /NaN|undefined|\[object/);
    assert.not.match(d.message, /\n|Token|kw_|\.$/);
  }
  return diagnostics;
}

const folder = fileURLToPath(new URL("../cases/", import.meta.url));
const GOOD = readFileSync(`${folder}good/office.ingress`, "utf8").replace('file "scanners.txt" max 100', "192.0.2.1");
const SCREEN = readFileSync(new URL("texts/one_screen.ingress", import.meta.url), "utf8");

robust("truncations of a good policy are good or have at most two errors", () => {
  for (let i = 0; i <= GOOD.length; i += atLength(1, 9)) assert.ok(judge(GOOD.slice(0, i)).length <= 2, GOOD.slice(0, i));
});

robust("truncations of edition 1 in one screen", () => {
  for (let i = 0; i <= SCREEN.length; i += atLength(1, 29)) judge(SCREEN.slice(0, i));
});

robust("a good policy without any one word has at most two errors", () => {
  const words = GOOD.split(/(\s+)/);
  for (let i = 0; i < words.length; i += atLength(2, 6)) {
    const text = words.filter((_, j) => j !== i).join("");
    assert.ok(judge(text).length <= 2, `without ${words[i] ?? ""}`);
  }
});

robust("words of the language in any order", () => {
  fc.assert(
    fc.property(RANDOM_WORDS, (text) => {
      judge(text);
      judge(`edition 1\n${text}`);
    }),
    { numRuns: atLength(3_000, 300) },
  );
});

robust("any text", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      judge(text);
    }),
    { numRuns: atLength(3_000, 150) },
  );
});

/** Of what takes long, more than enough to show what is not linear. */
const MANY = atLength(200_000, 40_000);

const HOSTILE: readonly (readonly [what: string, text: string, first: string])[] = [
  ["200,000 open braces", `edition 1\n${"{".repeat(200_000)}`, "ING602"],
  ["200,000 closed braces", `edition 1\n${"}".repeat(200_000)}`, "ING108"],
  ["200,000 parentheses", `edition 1\nuse t${"(".repeat(200_000)}`, "ING602"],
  ["200,000 brackets", `edition 1\nnet a = ${"[".repeat(200_000)}`, "ING307"],
  ["200,000 commas", `edition 1\nnet a = ${",".repeat(200_000)}`, "ING106"],
  ["200,000 commas in a cap", `edition 1\nexpose a on tcp 1 { cap 1 connections${",".repeat(200_000)} }`, "ING106"],
  ["200,000 zones", `edition 1\nnet a = ${"%/".repeat(200_000)}`, "ING307"],
  ["many quotes", '"\n'.repeat(MANY), "ING102"],
  ["many misspelt clauses", `edition 1\nexpose a on tcp 1 {\n${"alow from any\n".repeat(MANY)}}`, "ING105"],
  ["a name of 1,000,000 letters", `edition 1\nnet a = ${"b".repeat(1_000_000)}`, "ING201"],
  ["one line of 1,000,000 blanks", `edition 1\nnet a =${" ".repeat(1_000_000)}x`, "ING201"],
  ["30,000 sets that need each other", `edition 1\n${Array.from({ length: 30_000 }, (_, i) => `net a${i} = a${(i + 1) % 30_000}\n`).join("")}`, "ING206"],
  ["a NUL", "edition 1\nnet a = any\0", "ING101"],
  ["an ELF file", "\u007fELF\u0002\u0001\u0001\0\0\0", "ING101"],
];

for (const [what, text, first] of HOSTILE) {
  robust(what, () => assert.is(judge(text)[0]?.code, first));
}

robust("CRLF, a byte order mark and a lone CR change nothing", () => {
  assert.equal(codes(GOOD), []);
  assert.equal(codes(GOOD.replaceAll("\n", "\r\n")), []);
  assert.equal(codes(`\ufeff${GOOD}`), []);
  assert.equal(codes("\ufeffedition 1\r\rnet a = any\r"), []);
  assert.equal(codes("edition 1\nnet a = any\ufeff"), ["ING101"]);
});

robust.run();
