// Every shipped example compiles, its tests pass in its module, and they are worth the name.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileAndTest, isTested } from "../../compiler/cli/tested.ts";
import { PROJECT } from "./programs.ts";

const examples = suite("policies");
const folder = join(PROJECT, "policies");
const files = readdirSync(folder).filter((name) => name.endsWith(".ingress"));

examples("there are examples", () => {
  assert.ok(files.includes("demo.ingress") && files.length >= 3);
});

for (const file of files) {
  examples(file, () => {
    const tested = compileAndTest(join(folder, file));
    assert.ok(isTested(tested), isTested(tested) ? "" : tested.outcome.message);
    assert.equal(tested.results.filter((r) => !r.passed).map((r) => `${r.question} => ${r.actual}`), []);
    // A test that only expects "allow" would pass under a policy that allows everything.
    const denies = tested.results.filter((r) => r.expected !== "allow").length;
    assert.ok(denies >= 2 && denies * 3 >= tested.results.length, `${denies} of ${tested.results.length} lines expect a deny`);
    for (const { name } of tested.policy.exposes) {
      assert.ok(tested.results.some((r) => r.question.includes(` to ${name}`)), `no line asks ${name}`);
    }
  });
}

examples.run();
