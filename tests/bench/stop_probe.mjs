// Preloaded into a serving ingressd (`node --import`): measures how long its event loop stands still.
// Each turn of the loop asks for the next one at once; the longest time between two is what any
// connection may have waited. Beside it the most CPU time that the thread itself used in one turn,
// where the kernel tells: what other processes take from it is not in that. The parent asks over the
// IPC channel, which starts the next span.
import { openSync, readSync } from "node:fs";

const text = Buffer.alloc(64);
const cpuMs = cpuClock();
let last = performance.now();
let lastCpu = cpuMs();
let longest = 0;
let longestCpu = 0;

/** Milliseconds that the main thread has run. */
function cpuClock() {
  try {
    const fd = openSync("/proc/self/schedstat", "r");
    return () => Number(text.toString("latin1", 0, readSync(fd, text, 0, text.length, 0)).split(" ", 1)[0]) / 1e6;
  } catch {
    return () => 0;
  }
}

function turn() {
  const now = performance.now();
  const cpu = cpuMs();
  if (now - last > longest) longest = now - last;
  if (cpu - lastCpu > longestCpu) longestCpu = cpu - lastCpu;
  last = now;
  lastCpu = cpu;
  setImmediate(turn);
}
turn();

process.on("message", () => {
  process.send({ longestMs: longest, longestCpuMs: longestCpu });
  longest = 0;
  longestCpu = 0;
  last = performance.now();
  lastCpu = cpuMs();
});
