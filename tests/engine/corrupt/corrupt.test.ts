// Damaged tables with a correct hash: hundreds here, thousands in corrupt.check.ts. Each module is refused or
// answers like the good one. If the seal of the tables is repaired too, every answer of a loaded module stays in
// range.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { loadPolicy } from "../../../runtime/host/load.ts";
import { compileText, load } from "../../oracle/ask.ts";
import { answersOf } from "./answers.ts";
import { partsOf, rebuilt } from "./mutate.ts";
import { flips, outcomesOf, refusedIn } from "./outcomes.ts";
import { SMALL_TEXT, SUBJECTS } from "./subjects.ts";

const corrupt = suite("corrupt");
const TIMES = 40;
const TIMES_LARGE = 3;
let letIn = 0;

for (const subject of SUBJECTS) {
  const times = subject.sources.length > 10_000 ? TIMES_LARGE : TIMES;
  corrupt(`${subject.name}: only the hash repaired`, () => {
    const outcomes = outcomesOf(subject, times, 1_000, "left");
    assert.equal([outcomes.odd, outcomes.opened, outcomes.stricter], [[], [], 0]);
    assert.ok(refusedIn(outcomes) > outcomes.tried / 2, "most damage is refused, and the rest changes nothing");
  });
  corrupt(`${subject.name}: the seal repaired too`, () => {
    const outcomes = outcomesOf(subject, times, 1_000, "repaired");
    assert.equal(outcomes.odd, []);
    letIn += outcomes.same + outcomes.stricter + outcomes.opened.length;
  });
}

corrupt("some modules with a repaired seal are loaded and were tested", () => assert.ok(letIn > 5));

corrupt("rebuilding an unchanged module gives the same bytes", () => {
  for (const { module } of SUBJECTS) {
    const parts = partsOf(module);
    assert.equal(Buffer.compare(rebuilt(parts, parts.data, [parts.pages, parts.pages]), module), 0);
  }
});

corrupt("the requests detect a policy that allows more", () => {
  const [small] = SUBJECTS;
  if (small === undefined) throw new Error("no subject");
  const good = answersOf(load(small.module), small, small.sources);
  const opens = (from: string, to: string): boolean => {
    assert.ok(SMALL_TEXT.includes(from));
    const other = answersOf(load(compileText(SMALL_TEXT.replace(from, to))), small, small.sources);
    return other.verdicts.length === good.verdicts.length && flips(good, other).opens;
  };
  assert.equal(
    [
      opens("10.9.0.0/16", "10.9.0.0/17"),
      opens("2001:db8::/32", "2001:db8::/31"),
      opens("except 10.0.0.0/8", "except 10.0.0.0/9"),
      opens("192.168.0.0/16", "192.168.0.0/15"),
    ],
    [true, true, true, true],
  );
  assert.equal([opens("10.9.0.0/16", "10.9.0.0/16"), opens("10.9.0.0/16", "10.8.0.0/15")], [false, false]);
});

corrupt("data cut at any length is refused", () => {
  for (const { module, name } of SUBJECTS.slice(0, 4)) {
    const parts = partsOf(module);
    const step = Math.max(1, Math.floor(parts.data.length / 60));
    for (let length = 0; length < parts.data.length - 8; length += step) {
      const loaded = loadPolicy(rebuilt(parts, parts.data.subarray(0, length), [parts.pages, parts.pages]));
      assert.ok(!loaded.ok, `${name} cut to ${length} of ${parts.data.length} bytes`);
    }
  }
});

corrupt.run();
