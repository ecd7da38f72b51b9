// A trap, an impossible answer or a call within a call ends the engine of each native host for good, and
// data that was changed in any bit is not taken. V8's side of it is tests/host and tests/engine/corrupt.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { answered, build, HOSTED, missing, RISCV, SANITIZED, writeEngine } from "./compiled.ts";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";

const check = suite("faults");
const folder = mkdtempSync(join(tmpdir(), "ingressd-faults-"));
process.on("exit", () => { rmSync(folder, { recursive: true, force: true }); });
const file = join(folder, "vectors.bin");
writeFileSync(file, makeVectors(VECTOR_SEED).bytes);
writeEngine(folder);

/** Cases of native/faults.c. The machine that QEMU plays tries every 61st bit. */
const CASES: readonly (readonly [name: string, number: number, tools: readonly (typeof HOSTED)[]])[] = [
  ["every bit of the data and of the manifest, turned alone", 0, [HOSTED]],
  ["every 61st bit", 1, [RISCV]],
  ["a trap", 2, [HOSTED, SANITIZED, RISCV]],
  ["an allow with the code of a refusal", 3, [HOSTED, RISCV]],
  ["a code that is none", 4, [HOSTED, RISCV]],
  ["a rule that is none", 5, [HOSTED, RISCV]],
  ["words changed and sealed again", 8, [SANITIZED]],
  ["words changed and sealed again, fewer", 9, [RISCV]],
  ["a code of another reason", 7, [HOSTED, RISCV]],
  ["a call within a call", 6, [HOSTED, RISCV]],
];

for (const tools of [HOSTED, SANITIZED, RISCV]) {
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
