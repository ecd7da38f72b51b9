// The table fuzzer under gcc's address and undefined-behaviour sanitizers: no changed policy makes an allow of a deny, or makes the
// engine access memory outside its page. Twenty thousand changes, and a million with --at-length; the seed is fixed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { atLength } from "../at_length.ts";
import { skip } from "../skip.ts";
import { ownFolder, suite } from "../suite.ts";
import { build, missing, SANITIZED, answered, writeEngine } from "./compiled.ts";
import { makeVectors, VECTOR_SEED } from "./vectors.ts";

const check = suite("tables");
const THOUSANDS = atLength(1_000, 20);

const lacks = missing(SANITIZED);
if (lacks !== null) skip("the table fuzzer", lacks);
else {
  const folder = ownFolder("ingressd-tables-");
  const file = join(folder, "vectors.bin");
  writeFileSync(file, makeVectors(VECTOR_SEED).bytes);
  writeEngine(folder);
  const program = build(SANITIZED, folder, ["tables.c"], false);

  check("no changed table makes an allow of a deny, or ends the process", () => {
    const { status, output } = answered(SANITIZED, program, file, THOUSANDS, 1_000_000);
    assert.is(status, 0, output);
    assert.match(output, /^ok$/m);
    console.log(output.split("\n").find((line) => line.startsWith("changed")));
    const [, changed = "", refused = "", loaded = ""] = /^changed (\d+), refused (\d+), let in (\d+)/.exec(output) ?? [];
    assert.ok(Number(changed) > 0.95 * THOUSANDS * 1_000 && Number(refused) + Number(loaded) === Number(changed), output);
    // The sound policies after it.
    const answers = [...output.matchAll(/^answers (\d+) disagreements 0 /gm)].reduce((sum, [, n]) => sum + Number(n), 0);
    assert.is(answers, 10_000, output);
  });
}

check.run();
