// The time of one wait for memory on this machine: random reads, each of which needs the one before, over as many bytes
// as the tables of a policy have. A decision by itself can't be faster than its call and its waits.
// The last line is what a caller pays only to read its sources, which are objects.
//
//   node tests/bench/memory_waits.mjs
import { cpuMs, sink } from "./clock.mjs";

/** Bytes of the tables: ten rules; 1,000 rules x 100,000 prefixes; 1,000 rules x 1,000,000 prefixes. */
const SIZES = [16_384, 8_083_743, 41_702_615];
const READS = 2 ** 20;
const RUNS = 9;
/** Bytes of a line of the cache. */
const LINE = 64;

/** One cycle through all lines in random order (Sattolo): `next[line * 16]` is the index to read after it. */
function cycle(bytes) {
  const lines = Math.floor(bytes / LINE);
  const order = Uint32Array.from({ length: lines }, (_, i) => i);
  let seed = 1;
  for (let i = lines - 1; i > 0; i--) {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    const j = seed % i;
    [order[i], order[j]] = [order[j], order[i]];
  }
  const next = new Uint32Array(lines * (LINE / 4));
  for (let i = 0; i < lines; i++) next[order[i] * (LINE / 4)] = order[(i + 1) % lines] * (LINE / 4);
  return next;
}

function follow(next, reads) {
  let at = 0;
  for (let i = 0; i < reads; i++) at = next[at];
  return at;
}

for (const bytes of SIZES) {
  const next = cycle(bytes);
  follow(next, READS);
  const runs = Array.from({ length: RUNS }, () => {
    const from = cpuMs();
    sink.sum += follow(next, READS);
    return ((cpuMs() - from) * 1e6) / READS;
  }).sort((a, b) => a - b);
  console.log(
    `${bytes.toLocaleString("en-US").padStart(11)} bytes: ${runs[0].toFixed(1)} to ${runs[RUNS >> 1].toFixed(1)} ns for a read (least and median of ${RUNS} runs)`,
  );
}
/** Sources as a caller has them: as many objects as `npm run bench` takes of them, in the order in which they were made. */
const sources = Array.from({ length: 250_000 }, (_, i) => [0, 0, 0xffff, Math.imul(i + 1, 2_654_435_761) >>> 0]);
function readAll() {
  let sum = 0;
  for (const [a, b, c, d] of sources) sum += a + b + c + d;
  return sum;
}
const passes = Array.from({ length: RUNS }, () => {
  const from = cpuMs();
  sink.sum += readAll();
  return ((cpuMs() - from) * 1e6) / sources.length;
}).sort((a, b) => a - b);
console.log(`reading the words of a source, without any decision: ${passes[0].toFixed(1)} to ${passes[RUNS >> 1].toFixed(1)} ns`);
console.log(`Node ${process.versions.node}`);
