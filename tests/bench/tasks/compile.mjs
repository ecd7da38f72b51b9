// From source text to a module: the first time in a fresh process, as `ingressc build` has it, then
// some more, as a watcher has it. The peak of memory is read after the first.
import { createHash } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { cpuMs, ofRuns, reference } from "../clock.mjs";
import { readPolicy } from "../worlds.mjs";

const { compile } = await import("../../../compiler/compile.ts");

const MiB = 2 ** 20;

function once({ entry, reader }) {
  const started = performance.now();
  const cpu = cpuMs();
  const { module, stats, diagnostics } = compile(entry, reader);
  const times = { ms: performance.now() - started, cpu: cpuMs() - cpu };
  if (module === null) throw new Error(`does not compile: ${diagnostics[0]?.message}`);
  return { ...times, module, stats };
}

export function run({ folder, warm }) {
  const policy = readPolicy(folder);
  globalThis.gc();
  const before = process.memoryUsage().rss / MiB;
  const { ms, cpu, module, stats } = once(policy);
  const peakMiB = process.resourceUsage().maxRSS / 1024;
  writeFileSync(join(folder, "p.wasm"), module);
  const times = Array.from({ length: warm }, () => once(policy).ms);
  const { coreBytes, maxSteps, stretches, classes, prefixes, rules } = stats;
  return {
    coldMs: ms,
    coldCpuMs: cpu,
    warmMs: times.length === 0 ? null : ofRuns(times).least,
    peakMiB,
    beforeMiB: before,
    moduleBytes: module.length,
    coreBytes,
    maxSteps,
    stretches,
    classes,
    prefixes,
    rules,
    sha256: createHash("sha256").update(module).digest("hex"),
    reference: reference(),
  };
}
