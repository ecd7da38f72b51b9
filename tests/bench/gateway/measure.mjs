// One figure of one subject: the load works, and the proxy pays meanwhile.
import { cpuNs, memoryKiB } from "./processes.mjs";
import { openIdle, runLoad } from "./load.mjs";

const LOAD_MS = 120_000;

/** `load` of a row as the generator's options. */
function optionsOf(row, { seconds, certs, sources }) {
  const { client, ...load } = row.load;
  return {
    ...load,
    seconds: row.kind === "latency" ? seconds.latency : seconds.cpu,
    ...(client === true ? { cert: certs.client, key: certs.clientKey } : {}),
    ...(sources !== null && sources !== undefined && load.from === undefined ? { list: sources } : {}),
  };
}

/** The cost of one exchange in microseconds of CPU, in bulk of a gigabyte in seconds. */
const costOf = (row, ns, done) => (row.unit === "s/GB" ? ns / done : ns / done / 1_000);

async function cpuFigure(row, setup, { pid, port }) {
  const before = cpuNs(pid);
  const outcome = await runLoad(setup.load, optionsOf(row, setup), port, LOAD_MS);
  const ns = cpuNs(pid) - before;
  return { value: costOf(row, ns, outcome.done), busy: ns / 1e9 / outcome.seconds, ...counts(outcome) };
}

const counts = ({ done, failed, wrong }) => ({ done, failed, wrong });

async function latencyFigure(row, setup, { pid, port }) {
  const before = cpuNs(pid);
  const outcome = await runLoad(setup.load, optionsOf(row, setup), port, LOAD_MS);
  const { p50, p99, p999, most } = outcome[row.of ?? "latency"] ?? {};
  if (p50 === undefined) throw new Error("no client was served");
  return { p50, p99, p999, most, busy: (cpuNs(pid) - before) / 1e9 / outcome.seconds, ...counts(outcome) };
}

const settled = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

/** KiB that each of many idle connections adds to the process. */
async function memoryFigure(row, setup, { pid, port }) {
  const options = { concurrency: 64, ...row.load };
  // The first connections of a process bring pools and compiled code, which are not counted.
  const first = await openIdle(setup.load, options, port, 200, LOAD_MS);
  await first.end();
  await settled(1_000 * setup.seconds.settle);
  const before = memoryKiB(pid);
  const idle = await openIdle(setup.load, options, port, row.others, LOAD_MS);
  await settled(1_000 * setup.seconds.settle);
  const grown = memoryKiB(pid) - before;
  const outcome = await idle.end();
  return { value: grown / idle.resting, others: idle.resting, ...counts(outcome), failed: outcome.failed + idle.failed };
}

/** The cost of a new connection with few others open, and then beside many. */
async function crowdFigure(row, setup, running) {
  const alone = await cpuFigure(row, setup, running);
  const idle = await openIdle(setup.load, { concurrency: 64 }, running.port, row.others, LOAD_MS);
  const among = await cpuFigure(row, setup, running);
  const outcome = await idle.end();
  return {
    value: among.value,
    alone: alone.value,
    others: idle.resting,
    done: alone.done + among.done,
    failed: alone.failed + among.failed + outcome.failed + idle.failed,
    wrong: alone.wrong + among.wrong + outcome.wrong,
  };
}

const FIGURES = { cpu: cpuFigure, latency: latencyFigure, memory: memoryFigure, crowd: crowdFigure };

export function figureOf(row, setup, running) {
  return FIGURES[row.kind](row, setup, running);
}

/**
 * The direct reference: the same load straight to the backend; CPU of the backend for each thing, or the median
 * latency. How much it moves is how much the machine did.
 */
export async function referenceOf(row, setup) {
  const direct =
    row.load.mode === "bulk" ? row.load
    : row.kind === "latency" ? { mode: "ping", rate: row.load.rate }
    : row.port === "udp" ? row.load
    : { mode: "ping" };
  const port =
    setup.backends[
      row.load.mode === "bulk" ? "bulk"
      : row.port === "udp" ? "udp"
      : "echo"
    ];
  const before = setup.backend.cpuNs();
  const options = optionsOf({ ...row, load: direct }, { ...setup, sources: null, seconds: { cpu: setup.seconds.reference, latency: setup.seconds.reference } });
  const outcome = await runLoad(setup.load, options, port, LOAD_MS);
  if (row.kind === "latency") return outcome.latency.p50;
  return costOf(row, setup.backend.cpuNs() - before, outcome.done);
}
