// Measures policies whose sets overlap in every way: work of the lowering, CPU time and tables, at
// one size and at twice that size.
//
//   node tests/bench/hostile.mjs [NAME] [--sets N]
import { parseArgs } from "node:util";
await import("../../runtime/host/register.mjs");
const { compile } = await import("../../compiler/compile.ts");
const { OVERLAPS, overlapping } = await import("./overlaps.mjs");

const { values, positionals } = parseArgs({ allowPositionals: true, options: { sets: { type: "string", default: "100" } } });
const sets = Number(values.sets);
for (const name of positionals.length > 0 ? positionals : Object.keys(OVERLAPS)) {
  for (const n of [sets, 2 * sets]) {
    const text = overlapping(name, n);
    const from = process.cpuUsage();
    let cpu = 0;
    let lowered = 0;
    const { diagnostics, stats } = compile({ path: "p.ingress", text }, { read: () => "missing" }, "host", {
      begin(phase) {
        const { user, system } = process.cpuUsage(from);
        if (phase === "tables") lowered = (user + system - cpu) / 1000;
        cpu = user + system;
      },
    });
    const kib = (bytes) => `${(bytes / 1024).toFixed(0)} KiB`;
    console.log(
      `${name}, ${n} sets: ${stats === null ? `${diagnostics[0]?.code} ${diagnostics[0]?.message}` : `${stats.classes} classes, ${stats.stretches} stretches, ${kib(stats.coreBytes)}, at most ${stats.maxSteps} steps`}; text ${kib(text.length)}, lowered in ${lowered.toFixed(0)} ms of CPU`,
    );
  }
}
