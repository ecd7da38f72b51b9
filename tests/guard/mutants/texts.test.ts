// What the mutants of the guard take away stands in its sources, once: else a mutant would be none.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MUTANTS } from "./list.ts";

const test = suite("guard mutants' texts");

test("each stands exactly once", () => {
  const places = MUTANTS.flatMap(({ without, edits }) => edits.map(({ file, text }) => ({ without, count: readFileSync(new URL(`../../../runtime/guard/${file}`, import.meta.url), "utf8").split(text).length - 1 })));
  assert.equal(places.filter(({ count }) => count !== 1), []);
  assert.ok(MUTANTS.length >= 40, `${MUTANTS.length}`);
});

test.run();
