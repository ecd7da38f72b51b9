#!/usr/bin/env node
// Measures the commands that judge policies, as ratios of CPU time in one run: `npm run bench:analysis [NAME]`. Each row is
// a file of rows/ that exports `name`, `bound` (the most that the ratio may be) and `measure()`, which returns the
// ratios of its rounds and the most memory that a measured process had.
import { readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

const ROWS = fileURLToPath(new URL("rows/", import.meta.url));
const MOST_MEMORY = 1024 ** 3;
const wanted = process.argv[2] ?? "";

let isWithin = true;
for (const file of readdirSync(ROWS).sort()) {
  if (!file.endsWith(".mjs") || !file.includes(wanted)) continue;
  const { rows } = await import(new URL(`rows/${file}`, import.meta.url).href);
  for (const { name, bound, measure } of rows) {
    const { ratios, memory, says } = await measure();
    const median = [...ratios].sort((a, b) => a - b)[Math.floor(ratios.length / 2)];
    const good = median <= bound && memory <= MOST_MEMORY;
    isWithin &&= good;
    console.log(`${good ? "ok  " : "OVER"} ${name}: ${median.toFixed(2)} x, at most ${bound} x; ${Math.round(memory / 1024 ** 2)} MiB; ${says}`);
  }
}
process.exitCode = isWithin ? 0 : 1;
