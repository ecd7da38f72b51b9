// docs/editors/tree-sitter/src is what was generated from grammar.js: generated.sha256 has the hashes of both, written after the
// generator ran. tree_sitter.check.ts also runs the generator, where it is installed.
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";

const test = suite("generated files of the tree-sitter grammar");
const GRAMMAR = fileURLToPath(new URL("../../docs/editors/tree-sitter/", import.meta.url));

test("neither the grammar nor a generated file has changed since the generator ran", () => {
  const generated = readdirSync(join(GRAMMAR, "src"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(GRAMMAR.length));
  const here = ["grammar.js", ...generated].sort().map((path) => {
    return `${createHash("sha256")
      .update(readFileSync(join(GRAMMAR, path)))
      .digest("hex")}  ${path}`;
  });
  const listed = readFileSync(join(GRAMMAR, "generated.sha256"), "utf8").trimEnd().split("\n");
  assert.equal(
    [...listed].sort((a, b) => (a.slice(66) < b.slice(66) ? -1 : 1)),
    here,
    'docs/editors.md, "Changing a grammar", has the commands',
  );
});

test.run();
