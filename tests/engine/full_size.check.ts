// The largest policy that the language permits (100,000 rules, here over 1,000,000 prefixes) is compiled within the
// memory that docs/performance.md states, loaded and evaluated, in separate processes.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { ownFolder, suite } from "../suite.ts";

const size = suite("full size");
const CHILD = fileURLToPath(new URL("../bench/child.mjs", import.meta.url));
const WORLD = { kind: "rules", name: "rules-100000-1000000", family: 4, rules: 100_000, size: 1_000_000 };
const MOST_MIB = 1_024;
const LEAST_QUESTIONS = 500;

/** The result of one task of the bench. */
function task(job: object): unknown {
  const { stdout, stderr } = spawnSync(process.execPath, ["--expose-gc", CHILD, JSON.stringify(job)], { encoding: "utf8" });
  const last: unknown = JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
  if (typeof last !== "object" || last === null || !("result" in last)) throw new Error(stderr);
  return last.result;
}

size("100,000 rules x 1,000,000 prefixes", () => {
  const folder = ownFolder("ingressd-size-");
  task({ task: "world", world: WORLD, folder });
  const compiled = task({ task: "compile", folder, warm: 0 }) as {
    readonly peakMiB: number;
    readonly coreBytes: number;
    readonly rules: number;
    readonly coldCpuMs: number;
  };
  console.log(
    `full size: ${compiled.rules} rules after joining, module of ${compiled.coreBytes} bytes without its texts, ${Math.round(compiled.peakMiB)} MiB at most, ${Math.round(compiled.coldCpuMs)} ms of CPU`,
  );
  assert.ok(compiled.peakMiB <= MOST_MIB, `${compiled.peakMiB} MiB`);
  const times = { runs: 1, runMs: 5, warmMs: 5, mostMs: 500, checkMs: 20_000 };
  const { answers } = task({ task: "decide", subject: "call", folder, world: WORLD, times }) as {
    readonly answers: { readonly "asked": number; readonly wrong: number };
  };
  console.log(`full size: ${answers.asked} questions, ${answers.wrong} answered wrongly`);
  assert.ok(answers.asked >= LEAST_QUESTIONS, `only ${answers.asked} questions`);
  assert.is(answers.wrong, 0);
});

size.run();
