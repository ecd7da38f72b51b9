// The memory that docs/language.md states, at a tenth of the words in a tenth of the memory; all
// of both is in tests/real/memory.check.ts.
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MAX_WORDS } from "../../compiler/source/bounds.ts";
import { program } from "../ready.ts";

const memory = suite("memory");
const HUNGRY = program("tests/compiler/hungry.ts");
/** The memory of Node and the compiler themselves, in MiB. */
const ITSELF = 40;

function answerOf(shape: string, words: number, mib: number): string {
  const { stdout, stderr, status } = spawnSync(process.execPath, [`--max-old-space-size=${mib}`, ...HUNGRY, shape, String(words)], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : `status ${String(status)}: ${stderr.slice(-300)}`;
}

memory("rules that lack a word, which need the most", () => {
  assert.is(answerOf("rules_without_from", MAX_WORDS / 10, ITSELF + 200), "ING106 ING106 ING106");
});

memory("more words than there may be cost nothing", () => {
  assert.is(answerOf("braces", 4_000_000, ITSELF + 20), "ING601");
});

memory.run();
