// Completion has a snippet for each word that begins something.
import * as assert from "uvu/assert";
import { SNIPPETS } from "../../compiler/lsp/snippets.ts";
import { wordsAt, type Place } from "../../compiler/syntax/keywords.ts";
import { suite } from "../suite.ts";

const test = suite("snippets");

const BLOCKS: readonly [place: Place, block: keyof typeof SNIPPETS][] = [
  ["statement", "top"],
  ["clause", "expose"],
  ["line", "test"],
  ["claim", "invariant"],
  ["bound", "budget"],
];
for (const [place, block] of BLOCKS)
  test(`${block}: a snippet for each keyword of the place \`${place}\`, and no other`, () => {
    assert.equal(Object.keys(SNIPPETS[block]).sort(), wordsAt(place).sort());
  });

test.run();
