// The text that a mutant of the guard takes away is in its sources, once: without it the mutant would change nothing.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MUTANTS } from "./list.ts";

const test = suite("guard mutants' texts");

test("each text of a mutant occurs exactly once", () => {
  const places = MUTANTS.flatMap(({ without, edits }) =>
    edits.map(({ file, text }) => ({
      without,
      count: readFileSync(new URL(`../../../runtime/guard/${file}`, import.meta.url), "utf8").split(text).length - 1,
    })),
  );
  assert.equal(
    places.filter(({ count }) => count !== 1),
    [],
  );
  assert.ok(MUTANTS.length >= 40, `${MUTANTS.length}`);
});

test.run();
