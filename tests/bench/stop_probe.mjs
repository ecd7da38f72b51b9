// Preloaded into a serving ingressd (`node --import`): measures how long its event loop is blocked.
// Each turn of the loop schedules the next one at once; the longest time between two is the most that any
// connection may have waited. It also measures the most CPU time that the thread itself used in one turn, which other
// processes don't lengthen; the kernel reports it through koffi, where that is installed. The parent requests the result
// over the IPC channel, which starts the next span.

const CLOCK_THREAD_CPUTIME_ID = 3;

const cpuMs = await cpuClock();
let last = performance.now();
let lastCpu = cpuMs();
let longest = 0;
let longestCpu = 0;

/** Milliseconds that this thread has run. (/proc's account moves in steps of the kernel's tick.) */
async function cpuClock() {
  try {
    const { default: koffi } = await import("koffi");
    const read = koffi.load("libc.so.6").func("int clock_gettime(int, void *)");
    const time = new BigInt64Array(2);
    return () => (read(CLOCK_THREAD_CPUTIME_ID, time) === 0 ? Number(time[0]) * 1e3 + Number(time[1]) / 1e6 : 0);
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
