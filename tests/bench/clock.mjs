// How long one call takes: grown until a run is long enough to time, warm before the first counted
// run, several runs, the least and the median. CPU time of the process is measured, so that a busy
// machine disturbs less. Each figure comes with a reference: calls into an empty WebAssembly
// function of two i32 arguments, timed in the same process.

/** (module (func (export "f") (param i32 i32) (result i32) local.get 1)) */
const EMPTY = Uint8Array.from([0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 5, 1, 1, 102, 0, 0, 10, 6, 1, 4, 0, 32, 1, 11]);

/** All loops add to it, so that an optimizer can't remove one. */
export const sink = { sum: 0 };

/** Milliseconds of CPU that the process has had, that of V8's helper threads included. */
export function cpuMs() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** A loop that gives its CPU time. */
export const clocked = (loop) => (from, count) => {
  const before = cpuMs();
  loop(from, count);
  return cpuMs() - before;
};

/**
 * @param {(from: number, count: number) => number} loop does `count` calls from the `from`-th on; returns the milliseconds that count
 * @returns {{ least: number, median: number, runs: number, calls: number }} nanoseconds a call
 */
export function time(loop, { runs = 9, runMs = 40, warmMs = 150, mostMs = 4_000 } = {}) {
  const started = cpuMs();
  const spent = () => cpuMs() - started;
  let at = 0;
  let count = 1;
  let last = 0;
  const run = () => {
    last = loop(at, count);
    at += count;
    return (last * 1e6) / count;
  };
  const slow = run();
  if (spent() > mostMs / 3) return { least: slow, median: slow, runs: 1, calls: 1 };
  while (last < runMs && spent() < mostMs) {
    count = last < runMs / 16 ? count * 4 : Math.ceil((count * runMs * 1.1) / last);
    run();
  }
  while (spent() < warmMs) run();
  const figures = [];
  const from = spent();
  do figures.push(run());
  while (figures.length < runs && spent() - from < mostMs);
  return { ...ofRuns(figures), calls: at };
}

export function ofRuns(figures) {
  const sorted = [...figures].sort((a, b) => a - b);
  return { least: sorted[0], median: sorted[sorted.length >> 1], runs: sorted.length };
}

/** Nanoseconds of one call of the reference loop. */
export function reference() {
  const { f } = new WebAssembly.Instance(new WebAssembly.Module(EMPTY)).exports;
  return time(
    clocked((from, count) => {
      let sum = 0;
      for (let i = 0; i < count; i++) sum = (sum + f(from, i)) | 0;
      sink.sum += sum;
    }),
    { runs: 5, runMs: 20, warmMs: 60 },
  );
}
