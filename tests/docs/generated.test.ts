// The tables of docs/abi.md are those of runtime/abi, and they name every constant there.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as layout from "../../runtime/abi/layout.ts";
import { CODES } from "../../runtime/abi/names.ts";
import { regenerate } from "../../scripts/docs.ts";

const abi = readFileSync(new URL("../../docs/abi.md", import.meta.url), "utf8");
const test = suite("docs/abi.md");

test("is what `npm run docs` writes", () => {
  assert.is(abi, regenerate(abi));
});

test("has a row for each constant of the layout and each code", () => {
  for (const [name, value] of Object.entries(layout)) assert.ok(abi.includes(`| \`${name}\` | ${value} |`), name);
  for (const { name } of Object.values(CODES)) assert.ok(abi.includes(`| \`${name}\` |`), name);
});

test("a table that is edited by hand is noticed", () => {
  const edited = abi.replace("| `VALUE_PAGE` | 1 |", "| `VALUE_PAGE` | 7 |");
  assert.is.not(edited, abi);
  assert.is.not(edited, regenerate(edited));
});

test.run();
