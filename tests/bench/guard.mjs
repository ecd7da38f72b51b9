// Compares a program under ingress-guard with the same program without it, in one run: a bind, the start, the guard's
// memory, and traffic over established connections. Linux and koffi; `node tests/bench/guard.mjs`.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const GUARD = here("../../runtime/guard/ingress-guard.mjs");
const BINDS = 2_000;
const STARTS = 7;
const ROUNDS = 9;
const BYTES = 256 * 1024 * 1024;
const PORT = 18_499;

const folder = mkdtempSync(join(tmpdir(), "guard-bench-"));
const runtime = join(folder, "run");
mkdirSync(runtime, { mode: 0o700 });
const source = join(folder, "p.ingress");
writeFileSync(source, "edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:8080 allow from any }\n");
const policy = join(folder, "p.wasm");
const built = spawnSync(process.execPath, [here("../../compiler/cli/ingressc.mjs"), "build", source, "-o", policy], { encoding: "utf8" });
if (built.status !== 0) throw new Error(built.stderr);

const env = { ...process.env, XDG_RUNTIME_DIR: runtime };
const guarded = (words) => [GUARD, "--policy", policy, "--service", "web", ...words, "--", process.execPath];
const WAYS = { native: [], guarded: guarded([]), isolated: guarded(["--isolate"]) };
const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];
/** Other work on the machine only adds. */
const least = (values) => Math.min(...values);
const ratio = (a, b) => (a / b).toFixed(2);
const run = (way, args) => spawnSync(process.execPath, [...WAYS[way], ...args], { encoding: "utf8", env });

const TICKS_MS = 10;
/** CPU time that a process has used, in ms. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1").split(") ")[1].split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICKS_MS;
}
const resident = (pid) => Number(/^VmRSS:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, "latin1"))?.[1] ?? 0) / 1024;
const children = (pid) =>
  readdirSync(`/proc/${pid}/task`)
    .flatMap((thread) => readFileSync(`/proc/${pid}/task/${thread}/children`, "latin1").trim().split(" "))
    .filter((word) => word !== "")
    .map(Number);
const argumentsOf = (pid) => readFileSync(`/proc/${pid}/cmdline`, "latin1");

/** Of a guard and what it has put in the namespace. */
const guardsCpu = (pid) => [pid, ...children(pid).filter((child) => argumentsOf(child).includes("doorman.mjs"))].reduce((sum, one) => sum + cpu(one), 0);
/** CPU time of children that this process has waited for, in ms. */
function childrensCpu() {
  const fields = readFileSync("/proc/self/stat", "latin1").split(") ")[1].split(" ");
  return (Number(fields[13]) + Number(fields[14])) * TICKS_MS;
}

function binds() {
  const program = join(folder, "binds.mjs");
  writeFileSync(
    program,
    `import { bind, close, socket } from ${JSON.stringify(here("../guard/programs/raw.mjs"))};
const address = Buffer.from("020000007f0000010000000000000000", "hex");
const times = [];
for (let i = 0; i < ${BINDS}; i++) {
  const fd = socket(2, 1);
  const from = process.hrtime.bigint();
  if (bind(fd, address) !== 0) throw new Error("not bound");
  times.push(Number(process.hrtime.bigint() - from) / 1000);
  close(fd);
}
console.log(times.sort((a, b) => a - b)[times.length >> 1]);`,
  );
  const microseconds = (way) => {
    const { stdout, stderr } = run(way, [program]);
    if (stdout === "") throw new Error(stderr);
    return Number(stdout);
  };
  const [native, guard] = [[], []];
  for (let i = 0; i < 3; i++) {
    native.push(microseconds("native"));
    guard.push(microseconds("guarded"));
  }
  console.log(
    `a bind: ${median(native).toFixed(1)} us native, ${median(guard).toFixed(1)} us guarded: ${ratio(median(guard), median(native))} times (medians of ${BINDS} binds, 3 runs each)`,
  );
}

function starts(ways) {
  const times = Object.fromEntries(ways.map((way) => [way, []]));
  const used = Object.fromEntries(ways.map((way) => [way, []]));
  for (let i = 0; i < STARTS; i++) {
    for (const way of ways) {
      const [from, before] = [performance.now(), childrensCpu()];
      const { status, stderr } = run(way, ["-e", "0"]);
      if (status !== 0) throw new Error(stderr);
      times[way].push(performance.now() - from);
      used[way].push(childrensCpu() - before);
    }
  }
  for (const way of ways)
    console.log(
      `start and end of \`node -e 0\`, ${way}: ${least(times[way]).toFixed(0)} ms, ${ratio(least(times[way]), least(times.native))} times native; ${least(used[way])} ms of CPU`,
    );
}

const SERVER = `const { createServer } = require("node:net");
createServer((socket) => { const from = process.cpuUsage(); socket.on("error", () => undefined).resume().on("end", () => socket.end(JSON.stringify(process.cpuUsage(from)))); }).listen(${PORT}, "127.0.0.1", () => console.log(process.pid));
process.on("SIGTERM", () => process.exit(0));`;

async function served(way) {
  const child = spawn(process.execPath, [...WAYS[way], "-e", SERVER], { stdio: ["ignore", "pipe", "pipe"], env });
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("exit", () => reject(new Error(errors)));
  });
  const socketPath = join(runtime, "ingress-guard", "web", `${PORT}.sock`);
  while (way === "isolated" && !existsSync(socketPath))
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
  const end = async () => {
    const gone = new Promise((resolve) => {
      child.once("exit", resolve);
    });
    child.kill("SIGTERM");
    await gone;
  };
  return { pid: child.pid, at: way === "isolated" ? { path: socketPath } : { port: PORT, host: "127.0.0.1" }, end };
}

/** Sends all bytes over one connection: ms that went by, and the server's own CPU in ms since it was there. */
function send(at) {
  const block = Buffer.alloc(256 * 1024);
  return new Promise((resolve, reject) => {
    const from = performance.now();
    let text = "";
    let left = BYTES;
    const socket = connect(at);
    const more = () => {
      while (left > 0) {
        left -= block.length;
        if (!socket.write(block)) return void socket.once("drain", more);
      }
      socket.end();
    };
    socket
      .setEncoding("utf8")
      .on("connect", more)
      .on("data", (chunk) => {
        text += chunk;
      })
      .on("error", reject)
      .on("close", () => {
        const { user, system } = JSON.parse(text);
        resolve({ ms: performance.now() - from, cpuMs: (user + system) / 1000 });
      });
  });
}

async function traffic(ways) {
  const measured = Object.fromEntries(ways.map((way) => [way, { ms: [], cpu: [], own: [] }]));
  for (let i = 0; i < ROUNDS; i++) {
    for (const way of ways) {
      const server = await served(way);
      const before = guardsCpu(server.pid);
      const { ms, cpuMs } = await send(server.at);
      measured[way].ms.push(ms);
      measured[way].cpu.push(cpuMs);
      measured[way].own.push(guardsCpu(server.pid) - before);
      await server.end();
    }
  }
  const { native } = measured;
  for (const way of ways) {
    const { ms, cpu: used, own } = measured[way];
    const guards = way === "native" ? "" : `, the guard ${least(own)} ms of CPU`;
    console.log(
      `${BYTES / 1024 / 1024} MiB over one connection, ${way}: ${least(ms).toFixed(0)} ms, ${ratio(least(ms), least(native.ms))} times native; the server's CPU ${ratio(least(used), least(native.cpu))} times${guards}`,
    );
  }
}

async function memory(ways) {
  for (const way of ways.filter((name) => name !== "native")) {
    const server = await served(way);
    const own = children(server.pid).map((pid) => ({ pid, text: argumentsOf(pid) }));
    const doorman = own.find(({ text }) => text.includes("doorman.mjs"));
    const others = own.filter(({ text }) => text.includes("esbuild"));
    const parts = [
      `the guard ${resident(server.pid).toFixed(0)} MiB`,
      ...(doorman === undefined ? [] : [`its process in the namespace ${resident(doorman.pid).toFixed(0)} MiB`]),
      ...(others.length === 0 ? [] : [`what translates its sources ${others.reduce((sum, { pid }) => sum + resident(pid), 0).toFixed(0)} MiB`]),
    ];
    console.log(`resident memory, ${way}: ${parts.join(", ")}`);
    await server.end();
  }
}

try {
  const isolates = run("isolated", ["-e", "0"]);
  const ways = isolates.status === 0 ? ["native", "guarded", "isolated"] : ["native", "guarded"];
  if (isolates.status !== 0) console.log(isolates.stderr.trim());
  binds();
  starts(ways);
  await memory(ways);
  await traffic(ways);
} finally {
  rmSync(folder, { recursive: true });
}
