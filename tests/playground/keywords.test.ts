// The editor of the playground marks every keyword of the language, and no name.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { KEYWORDS } from "../../compiler/syntax/keywords.ts";
import { language } from "../../docs/playground/source/highlight.ts";

const test = suite("keywords of the playground's editor");

/** The kinds of the words of a line. */
function kinds(line: string): readonly (readonly [word: string, kind: string])[] {
  const found: [string, string][] = [];
  language.parser.parse(line).iterate({
    enter: ({ name, from, to }) => {
      if (name !== "Document") found.push([line.slice(from, to), name]);
    },
  });
  return found;
}

test("every keyword is one", () => {
  const keywords = Object.keys(KEYWORDS);
  assert.ok(keywords.length > 50);
  for (const word of keywords) assert.match(kinds(word)[0]?.[1] ?? "", /^(?:definitionK|k)eyword$/, word);
});

test("names, also those that have a keyword in them, are not", () => {
  for (const word of ["office", "allow-from", "exposed", "Allow", "_net"]) assert.equal(kinds(word), [], word);
  assert.equal(kinds('allow "allow" # allow'), [
    ["allow", "keyword"],
    ['"allow"', "string"],
    ["# allow", "comment"],
  ]);
});

test.run();
