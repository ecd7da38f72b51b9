// A trap, an inconsistent answer or a nested call poisons the engine of each native host for good, and data with
// any changed bit is not loaded. tests/host and tests/engine/corrupt have the same tests for V8.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { answered, build, CLANG, HOSTED, missing, RISCV, RISCV_CLANG, SANITIZED, writeEngine } from "./compiled.ts";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";
import { ownFolder, suite } from "../suite.ts";

const check = suite("faults");
const folder = ownFolder("ingressd-faults-");
const file = join(folder, "vectors.bin");
writeFileSync(file, makeVectors(VECTOR_SEED).bytes);
writeEngine(folder);

/** The number of a policy of the vectors, in which listener 0 decides about the source of these cases by a residual. */
const OF_RESIDUALS = 2 << 4;

/** Cases of native/faults.c. Under QEMU only every 61st bit is flipped. */
const CASES: readonly (readonly [name: string, number: number, tools: readonly (typeof HOSTED)[]])[] = [
  ["data or a manifest with any one bit flipped is refused", 0, [HOSTED]],
  ["data or a manifest with every 61st bit flipped is refused", 1, [RISCV]],
  ["a trap poisons the engine", OF_RESIDUALS + 2, [HOSTED, SANITIZED, RISCV, CLANG, RISCV_CLANG]],
  ["an allow with the code of a refusal poisons the engine", OF_RESIDUALS + 3, [HOSTED, RISCV, RISCV_CLANG]],
  ["an unknown code poisons the engine", OF_RESIDUALS + 4, [HOSTED, RISCV]],
  ["an unknown rule poisons the engine", OF_RESIDUALS + 5, [HOSTED, RISCV]],
  ["changed words with a new seal never cause access outside the page", 8, [SANITIZED]],
  ["a few changed words with a new seal never cause access outside the page", 9, [RISCV, RISCV_CLANG]],
  ["a code with the wrong reason poisons the engine", OF_RESIDUALS + 7, [HOSTED, RISCV]],
  ["a nested call poisons the engine", 6, [HOSTED, RISCV, CLANG, RISCV_CLANG]],
];

for (const tools of [HOSTED, SANITIZED, RISCV, CLANG, RISCV_CLANG]) {
  const lacks = missing(tools);
  if (lacks !== null) {
    skip(tools.name, lacks);
    continue;
  }
  const program = build(tools, folder, ["faults.c"], false);
  for (const [name, number] of CASES.filter(([, , where]) => where.includes(tools))) {
    check(`${tools.name}: ${name}`, () => {
      const { status, output } = answered(tools, program, file, number);
      assert.is(status, 0, output);
      assert.match(output, /^ok$/m);
      if (/^(refused|changed)/.test(output)) console.log(`${tools.name}: ${output.split("\n")[0] ?? ""}`);
    });
  }
}

check.run();
