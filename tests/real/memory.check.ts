// Every hostile shape at the most words that a policy may have, in the memory that docs/language.md
// states: node tests/run.mjs --suffix .check.ts --output real/memory
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_WORDS } from "../../compiler/source/bounds.ts";
import { program } from "../ready.ts";
import { SHAPES } from "../compiler/hungry.ts";

const memory = suite("memory");
const HUNGRY = program("tests/compiler/hungry.ts");
const STATED_MIB = 2_048;

for (const shape of Object.keys(SHAPES)) {
  memory(shape, () => {
    const { stdout, status } = spawnSync(process.execPath, [`--max-old-space-size=${STATED_MIB}`, ...HUNGRY, shape, String(MAX_WORDS)], { encoding: "utf8" });
    assert.is(status, 0);
    console.log(`${shape}: ${stdout.trim() === "" ? "accepted" : stdout.trim()}`);
  });
}

memory.run();
