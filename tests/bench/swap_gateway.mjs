// The gateway of swap.mjs, in a process of its own: it serves, swaps when told to, and says how long
// its event loop stood still at most.
import { monitorEventLoopDelay } from "node:perf_hooks";
await import("../../runtime/host/register.mjs");
const { systemClock } = await import("../../gateway/clock.ts");
const { parseConfig } = await import("../../gateway/config.ts");
const { startDaemon } = await import("../../gateway/daemon.ts");
const { interfaceAddresses } = await import("../../gateway/listen/addresses.ts");

const RESOLUTION_MS = 1;
const CLOCK_THREAD_CPUTIME_ID = 3;
/** After the reload is acknowledged: what it left behind is collected in this time. */
const AFTER_MS = 300;

const [policyPath, controlPath, configText] = process.argv.slice(2);
const daemon = await startDaemon({
  policyPath, controlPath, config: parseConfig(configText, "bench.toml"), clock: systemClock(),
  hostAddresses: interfaceAddresses, print: () => undefined, say: (sentence) => console.error(sentence),
});
if ("exitCode" in daemon) throw new Error(daemon.message);

/** CPU time of this thread in ms, which other programs don't lengthen; null where koffi is missing. */
async function threadClock() {
  try {
    const { default: koffi } = await import("koffi");
    const read = koffi.load("libc.so.6").func("int clock_gettime(int, void *)");
    const time = new BigInt64Array(2);
    return () => (read(CLOCK_THREAD_CPUTIME_ID, time) === 0 ? Number(time[0]) * 1e3 + Number(time[1]) / 1e6 : NaN);
  } catch {
    return null;
  }
}

const cpuMs = await threadClock();

/** The longest time between two turns of the event loop while `work` runs, by a busy ticker. */
async function longestStop(work) {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  const cpu = cpuMs ?? (() => NaN);
  let [longest, longestCpu, at, cpuAt, on] = [0, cpuMs === null ? NaN : 0, performance.now(), cpu(), true];
  const from = at;
  const tick = () => {
    const [now, cpuNow] = [performance.now(), cpu()];
    if (now - at > longest) longest = now - at;
    if (cpuNow - cpuAt > longestCpu) longestCpu = cpuNow - cpuAt;
    [at, cpuAt] = [now, cpuNow];
    if (on) setImmediate(tick);
  };
  setImmediate(tick);
  histogram.enable();
  await work();
  on = false;
  histogram.disable();
  return { longest, cpu: longestCpu, timer: Math.max(0, histogram.max / 1e6 - RESOLUTION_MS), took: at - from };
}

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

process.on("message", async ({ what, ms }) => {
  let report = null;
  const figures = await longestStop(async () => {
    if (what === "swap") report = await daemon.reload();
    await wait(what === "swap" ? AFTER_MS : ms);
  });
  process.send({ ...figures, failed: report !== null && "cause" in report ? report.message : null, live: daemon.forwarder.live, rechecked: report?.rechecked ?? 0 });
});
process.on("disconnect", () => process.exit(0));
process.send("ready");
