// The most steps of a decision, as the compiler computes it, compared with an engine that counts
// every iteration of every loop.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { buildEngine, engineTests } from "../other_engine.ts";
import { counted, instrumentedEngine } from "./instrument.ts";

const steps = suite("steps");

steps("the counter finds every kind of loop", () => {
  assert.equal(counted("while (a) { b(); }").text, 'import { tick } from "./steps";\nwhile (a) { tick(); b(); }');
  assert.equal(counted("for (;;) b();").text, 'import { tick } from "./steps";\nfor (;;) { tick(); b(); }');
  assert.equal(counted("for (;;) for (;;) b();").text, 'import { tick } from "./steps";\nfor (;;) { tick(); for (;;) { tick(); b(); } }');
  assert.equal(counted("const a = 1;"), { text: "const a = 1;", loops: 0 });
});

steps("no decision takes more steps than its module promises, and some take nearly as many", async () => {
  const { files, loops } = instrumentedEngine();
  assert.ok(loops > 20, `only ${loops} loops`);
  const engine = await buildEngine(files);
  if (engine === null) throw new Error("the counting engine does not build");
  const program = "tests/engine/steps/ask.ts";
  const tests = await engineTests([program]);
  try {
    tests.use(engine);
    const { code, output } = await tests.run(program, 300_000);
    assert.is(code, 0);
    const rows = output
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { readonly name: string; readonly most: number; readonly promised: number; readonly tight: boolean });
    assert.ok(rows.length >= 20);
    for (const { name, most, promised } of rows) assert.ok(most <= promised, `${name}: ${most} steps of ${promised}`);
    for (const { name, most, promised, tight } of rows.slice(25)) {
      console.log(`steps: ${name}: at most ${most} of ${promised}`);
      if (tight) assert.ok(most >= promised / 2, `${name}: a promise of ${promised} for ${most} says little`);
    }
    assert.is(rows.filter(({ tight }) => tight).length, 5);
  } finally {
    tests.remove();
  }
});

steps.run();
