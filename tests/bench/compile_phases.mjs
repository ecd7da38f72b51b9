// Measures each phase of a compilation: CPU time, time, and the most memory so far. The policy
// is on a disk, as for `ingressc`, and is made by another process, so that its making has no part in
// the figures. Each process compiles once, with cold code, as a person meets it; of several, the
// least CPU time and the least time of each phase count.
//
//   node tests/bench/compile_phases.mjs                      the sizes of the table of figures
//   node tests/bench/compile_phases.mjs RULES PREFIXES [files|text] [RUNS]
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makePolicy, writePolicy } from "./policies.mjs";

const SIZES = [
  [1_000, 100_000, "files"],
  [1_000, 100_000, "text"],
  [1_000, 1_000_000, "files"],
  [10_000, 10_000, "files"],
  [10_000, 10_000, "text"],
  [100_000, 1_000_000, "files"],
];
const self = fileURLToPath(import.meta.url);
const [word, ...rest] = process.argv.slice(2);

if (word === "--make") writePolicy(rest[0], makePolicy({ rules: Number(rest[1]), prefixes: Number(rest[2]), form: rest[3] }));
else if (word === "--measure") console.log(JSON.stringify(await measure(rest[0])));
else {
  for (const size of word === undefined ? SIZES : [[word, rest[0] ?? "1000", rest[1] ?? "files", rest[2] ?? "3"]]) run(...size.map(String));
}

function run(rules, prefixes, form, runs = "3") {
  const folder = mkdtempSync(join(tmpdir(), "phases-"));
  try {
    execFileSync(process.execPath, [self, "--make", folder, rules, prefixes, form], { stdio: "inherit" });
    const all = Array.from({ length: Number(runs) }, () =>
      JSON.parse(execFileSync(process.execPath, [self, "--measure", join(folder, "p.ingress")], { encoding: "utf8" })),
    );
    console.log(`\n${rules} rules, ${prefixes} prefixes, in ${form}`);
    const least = (values) => Math.round(Math.min(...values));
    console.table(
      all[0].rows.map(({ phase }, i) => ({
        phase,
        "CPU ms": least(all.map((r) => r.rows[i].cpu)),
        ms: least(all.map((r) => r.rows[i].ms)),
        "peak MiB": least(all.map((r) => r.rows[i].mib)),
      })),
    );
    console.log(all[0].summary);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measure(path) {
  await import("../../runtime/host/register.mjs");
  const { compile } = await import("../../compiler/compile.ts");
  const { openPolicy } = await import("../../compiler/cli/disk.ts");
  const { sha256 } = await import("../../compiler/cli/sha256.ts");
  const mib = () => process.resourceUsage().maxRSS / 1024;
  const before = mib();
  const rows = [];
  let open = null;
  const begin = (phase) => {
    const now = performance.now();
    const { user, system } = process.cpuUsage();
    const cpu = (user + system) / 1000;
    if (open !== null) rows.push({ phase: open.phase, cpu: cpu - open.cpu, ms: now - open.now, mib: mib() });
    open = { phase, now, cpu };
  };
  begin("open");
  const disk = openPolicy(path);
  const { module, stats, diagnostics } = compile(disk.entry, disk.reader, "host", { sha256, begin });
  begin("end");
  const sum = (key) => rows.reduce((n, row) => n + row[key], 0);
  rows.push({ phase: "all", cpu: sum("cpu"), ms: sum("ms"), mib: mib() });
  if (module === null) return { rows, summary: diagnostics[0]?.message };
  const core = stats.coreBytes / 2 ** 20;
  const hash = createHash("sha256").update(module).digest("hex").slice(0, 16);
  return {
    rows,
    summary:
      `module ${(module.length / 2 ** 20).toFixed(1)} MiB, ${core.toFixed(1)} without its texts; ${stats.classes} classes, ${stats.stretches} stretches; sha256 ${hash}\n` +
      `memory: ${before.toFixed(0)} MiB before, ${mib().toFixed(0)} at most, ${((mib() - before) / core).toFixed(1)} times the module`,
  };
}
