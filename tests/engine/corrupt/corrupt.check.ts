// Counts the outcomes of thousands of damaged modules, for the figures in docs/abi.md.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { outcomeLine, outcomesOf, refusedIn, type Outcomes } from "./outcomes.ts";
import { SUBJECTS } from "./subjects.ts";

const corrupt = suite("corrupt tables");
const TIMES = 2_000;
const TIMES_LARGE = 400;

for (const seal of ["left", "repaired"] as const) {
  const all: Outcomes[] = [];
  for (const subject of SUBJECTS) {
    corrupt(`${subject.name}, seal ${seal}`, () => {
      const outcomes = outcomesOf(subject, subject.sources.length > 10_000 ? TIMES_LARGE : TIMES, 1_000_000, seal);
      all.push(outcomes);
      console.log(`seal ${seal}: ${outcomeLine(outcomes)}`);
      assert.equal(outcomes.odd, []);
      // With a repaired seal the tables may say anything that is in range, even if it differs from the policy.
      if (seal === "left") assert.equal([outcomes.opened, outcomes.stricter], [[], 0]);
    });
  }

  corrupt(`all of them, seal ${seal}`, () => {
    const sum = (of: (o: Outcomes) => number): number => all.reduce((total, o) => total + of(o), 0);
    const tried = sum((o) => o.tried);
    console.log(
      `corrupt, seal ${seal}: ${tried} damaged modules: ${sum(refusedIn)} refused, ${sum((o) => o.untouched)} not changed at all, ${sum((o) => o.same)} answer the same, ${sum((o) => o.stricter)} otherwise but nothing more is allowed, ${sum((o) => o.opened.length)} allow more, ${sum((o) => o.odd.length)} out of range`,
    );
    assert.ok(tried >= 8_000);
  });
}

corrupt.run();
