#!/usr/bin/env node
// Measures the commands that judge policies, as ratios of CPU time in one run, medians of three:
//
//   npm run bench:analysis [-- NAME]      every row, or those whose names contain NAME
//   npm run bench:analysis -- --quick     small inputs, to see that it works; of these a bound says nothing
//
// Each file of rows/ exports `rows(quick)`: rows have `name`, `bound` (the most that the ratio may be), perhaps `boundMs` (a time
// that is short enough whatever the ratio is), and `measure()`, which returns the ratios of its rounds, the most memory that a
// measured process had, and perhaps their times and whether everything was judged. A row that misses its bound is marked MISS,
// and the exit code is 0 all the same: it depends on the machine.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROWS = fileURLToPath(new URL("rows/", import.meta.url));
const MOST_MEMORY = 1024 ** 3;
const words = process.argv.slice(2);
const quick = words.includes("--quick");
const wanted = words.find((word) => !word.startsWith("--")) ?? "";

const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

let [shown, missed] = [0, 0];
for (const file of readdirSync(ROWS).sort()) {
  if (!file.endsWith(".mjs")) continue;
  const { rows } = await import(new URL(`rows/${file}`, import.meta.url).href);
  for (const { name, bound, boundMs = 0, measure } of rows(quick)) {
    if (!name.includes(wanted)) continue;
    const { ratios, memory, says, ms = [Infinity], isWhole = true } = await measure();
    const good = isWhole && memory <= MOST_MEMORY && (median(ratios) <= bound || median(ms) <= boundMs);
    const most = boundMs === 0 ? `${bound} x` : `${bound} x or ${boundMs} ms`;
    shown++;
    if (!good && !quick) missed++;
    const mark =
      quick ? "ran "
      : good ? "ok  "
      : "MISS";
    console.log(`${mark} ${name}: ${median(ratios).toFixed(2)} x, at most ${most}; ${Math.round(memory / 1024 ** 2)} MiB of at most 1024; ${says}`);
  }
}
console.log(quick ? `${shown} rows` : `${shown} rows, ${missed} missed`);
// A name that no row has measures nothing.
process.exitCode = shown === 0 ? 1 : 0;
