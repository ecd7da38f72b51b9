// npm run bench:threads: the CPU time of ingressd's threads for each connection, with `threads = N`. The main thread accepts,
// decides and records all of them, so its own time is the bound of what more cores can bring.
//
//   --threads N   3 unless given
//   --rounds N    3 unless given; the median is printed
//   --seconds N   of each round, 4 unless given
//   --clients N   clients at once, 16 unless given: with few the main thread sleeps between any two steps, and waking up costs more than they
//   --row NAME    tls, mtls, plain or passthrough (again for several); all unless given
//   --profile DIR Node's profile of each thread goes there
//   --most US     exit code 1 where the main thread's time of `tls` is more microseconds
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { buildLoad, runLoad, startBackend } from "./gateway/load.mjs";
import { accepts, descriptors, start } from "./gateway/processes.mjs";
import { ingressd } from "./gateway/subjects/ingressd.mjs";
import { freePorts, makeCertificates, makeClients } from "./gateway/world.mjs";

const { values: given } = parseArgs({
  options: {
    threads: { type: "string", default: "3" },
    rounds: { type: "string", default: "3" },
    seconds: { type: "string", default: "4" },
    row: { type: "string", multiple: true, default: ["tls", "mtls", "plain", "passthrough"] },
    most: { type: "string" },
    profile: { type: "string" },
    clients: { type: "string", default: "16" },
  },
});
const [threads, rounds, seconds] = [given.threads, given.rounds, given.seconds].map(Number);
const folder = mkdtempSync(join(tmpdir(), "ingressd-threads-"));
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));

const load = buildLoad(folder);
if (load.missing !== undefined) {
  console.log(`SKIP bench:threads: ${load.missing}`);
  process.exit(4);
}
const names = ["plain", "bulk", "tls", "mtls", "passthrough", "udp"];
const [ports, backends] = [await freePorts(names), await freePorts(["echo", "bulk", "udp"])];
const certs = makeCertificates(folder);
await startBackend(load.path, backends);
const world = { folder, log: true, certs, ports, backends, clients: makeClients(folder), most: Math.min(10_000, Math.floor(descriptors() / 2) - 1_000) };
const command = ingressd({ path: process.execPath, version: process.versions.node }, "kernel").command(world);
const config = join(folder, "bench.toml");
writeFileSync(config, `threads = ${threads}\n${readFileSync(config, "utf8")}`);
// Not on one core alone: the threads share what there is.
const profile = given.profile === undefined ? [] : ["--cpu-prof", `--cpu-prof-dir=${given.profile}`];
const running = start(0, { ...command, command: "taskset", args: ["-c", "0-63", command.command, ...profile, ...command.args] });
await accepts(ports.tls, running, 20_000);

/** Nanoseconds of CPU so far, by number of the thread. */
function threadNs() {
  const found = new Map();
  for (const task of readdirSync(`/proc/${running.pid}/task`)) {
    try {
      found.set(Number(task), Number(readFileSync(`/proc/${running.pid}/task/${task}/schedstat`, "utf8").split(" ", 1)[0]));
    } catch (error) {
      // A thread can end between the two calls.
      if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
    }
  }
  return found;
}

/** Of the main thread, of those that serve connections (the busiest of the others), and of Node's own. */
function spent(before, after) {
  const others = [...after].filter(([task]) => task !== running.pid).map(([task, ns]) => ns - (before.get(task) ?? 0));
  others.sort((a, b) => b - a);
  return { main: after.get(running.pid) - before.get(running.pid), serving: sum(others.slice(0, threads - 1)), others: sum(others.slice(threads - 1)) };
}

const sum = (numbers) => numbers.reduce((all, one) => all + one, 0);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];
const optionsOf = (row) => ({
  mode: "ping",
  payload: 16,
  concurrency: Number(given.clients),
  seconds,
  from: "127.0.1.1",
  ...(row === "plain" ? {}
  : row === "passthrough" ? { hello: 1 }
  : { tls: 1 }),
  ...(row === "mtls" ? { cert: certs.client, key: certs.clientKey } : {}),
});

let missed = false;
for (const row of given.row) {
  const options = optionsOf(row);
  // Compiled code, pools and buffers are there after it.
  await runLoad(load.path, { ...options, seconds: 2 }, ports[row], 60_000);
  const figures = [];
  for (let round = 0; round < rounds; round++) {
    const before = threadNs();
    const { done, failed, wrong } = await runLoad(load.path, options, ports[row], 60_000);
    const { main, serving, others } = spent(before, threadNs());
    figures.push({ done, failed: failed + wrong, main: main / done / 1000, serving: serving / done / 1000, others: others / done / 1000 });
  }
  const of = (name) => median(figures.map((figure) => figure[name])).toFixed(1);
  console.log(
    `${row.padEnd(12)} threads ${threads}: main ${of("main")} us, serving ${of("serving")} us, Node's own ${of("others")} us a connection; ` +
      `${sum(figures.map(({ done }) => done))} connections, ${sum(figures.map(({ failed }) => failed))} failed`,
  );
  if (row === "tls" && given.most !== undefined && Number(of("main")) > Number(given.most)) missed = true;
}
running.child.kill("SIGTERM");
await running.ended;
process.exit(missed ? 1 : 0);
