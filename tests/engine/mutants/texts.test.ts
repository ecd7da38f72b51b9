// The text that a mutant of the engine replaces is in its source, once: without it the mutant would change nothing.
import { readFileSync } from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MUTANTS } from "./list.ts";
import { GROUPS } from "./groups.ts";
import { PHASES } from "./phases.ts";

const test = suite("engine mutants' texts");

test("each text of a mutant occurs exactly once", () => {
  const places = [...MUTANTS, ...PHASES, ...GROUPS].map(({ file, text }) => ({
    file,
    text,
    count: readFileSync(new URL(`../../../runtime/engine/${file}.ts`, import.meta.url), "utf8").split(text).length - 1,
  }));
  assert.equal(
    places.filter(({ count }) => count !== 1),
    [],
  );
  assert.ok(places.length >= 173, `${places.length}`);
});

test.run();
