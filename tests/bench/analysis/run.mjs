#!/usr/bin/env node
// Measures the commands that judge policies, as ratios of CPU time in one run, medians of three:
//
//   npm run bench:analysis                every row, about half an hour on a machine with two cores that does nothing else; writes
//                                         results.json and the tables of docs/performance.md
//   npm run bench:analysis -- NAME        those whose names contain NAME; writes nothing
//   npm run bench:analysis -- --quick     small inputs, to see that it works; no bar is about them, because starting has a large
//                                         part in what they cost; writes nothing
//
// Each file of rows/ exports `rows(quick)`: rows have `task`, `of` (what it is done with), `most` (the bar: a ratio, and perhaps
// milliseconds that are short enough whatever the ratio is), and `measure()`, which returns `rounds` (CPU milliseconds of its own
// and of what it is compared with), the most memory that a measured process had, the nodes of its diagrams, if it counts any, what it
// found, and whether everything was judged. A row that misses its bar is marked MISS, and the exit code is 0 all the same: it depends
// on the machine.
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

await import("../../../runtime/host/register.mjs");
const { MOST_MEMORY, analysisPage, isMet, ratioOf, readAnalysisResults } = await import("./report.ts");

const ROWS = fileURLToPath(new URL("rows/", import.meta.url));
const RESULTS = fileURLToPath(new URL("results.json", import.meta.url));
const words = process.argv.slice(2);
const quick = words.includes("--quick");
const wanted = words.find((word) => !word.startsWith("--")) ?? "";
const isWhole = !quick && wanted === "";
const started = performance.now();

const rows = [];
for (const file of readdirSync(ROWS).sort()) {
  if (!file.endsWith(".mjs")) continue;
  const { rows: own } = await import(new URL(`rows/${file}`, import.meta.url).href);
  rows.push(...own(quick).filter(({ task, of }) => `${task}, ${of}`.includes(wanted)));
}
const minutes = existsSync(RESULTS) ? Math.ceil(readAnalysisResults(RESULTS).seconds / 60) : 30;
if (isWhole) console.log(`${rows.length} rows: about ${minutes} minutes on a machine that does nothing else`);

const measured = [];
for (const { measure, ...row } of rows) {
  const made = { ...row, ...(await measure()) };
  measured.push(made);
  const times = made.rounds.map(({ own, base }) => `${own.toFixed(0)} of ${base.toFixed(0)} ms`).join(", ");
  const said = [...(made.nodes === null ? [] : [`${made.nodes} nodes`]), ...(made.says === "" ? [] : [made.says]), times].join("; ");
  const most = made.most.ms === null ? `${made.most.ratio} x` : `${made.most.ratio} x or ${made.most.ms} ms`;
  const [bar, memory] = quick ? ["", ""] : [`, at most ${most}`, ` of at most ${MOST_MEMORY / 1024 ** 2}`];
  const mark =
    quick ? "ran "
    : isMet(made) ? "ok  "
    : "MISS";
  console.log(`${mark} ${made.task}, ${made.of}: ${ratioOf(made).toFixed(2)} x${bar}; ${Math.round(made.memory / 1024 ** 2)} MiB${memory}; ${said}`);
}
const missed = measured.filter((row) => !isMet(row)).length;
const seconds = Math.round((performance.now() - started) / 1000);
console.log(quick ? `${measured.length} rows` : `${measured.length} rows, ${missed} missed, in ${seconds} s`);

// Also in the short run, so that what writes the tables is tried on what was measured.
if (measured.length > 0) {
  const folder = mkdtempSync(join(tmpdir(), "ingressd-analysis-results-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
  const name = isWhole ? RESULTS : join(folder, "results.json");
  const machine = {
    cpu: cpus()[0]?.model.trim() ?? "unknown",
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: release().split("-")[0],
  };
  const results = { made: new Date().toISOString().slice(0, 10), seconds, node: process.versions.node, machine, rows: measured };
  const short = (_, value) => (typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value);
  writeFileSync(name, `${JSON.stringify(results, short, 1)}\n`);
  analysisPage(readAnalysisResults(name));
  if (isWhole) {
    const docs = fileURLToPath(new URL("../../../scripts/docs.ts", import.meta.url));
    spawnSync(process.execPath, ["--import", import.meta.resolve("tsx"), docs], { stdio: "inherit" });
    console.log("docs/performance.md has these figures now");
  }
}
// A name that no row has measures nothing.
process.exitCode = measured.length === 0 ? 1 : 0;
