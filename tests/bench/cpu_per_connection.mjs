// CPU time that one short connection costs the gateway, beside HAProxy in TCP mode on the same
// machine, backend and client, in alternating rounds of one run. Both have one thread; the
// time is utime + stime of the process from /proc/PID/stat.
//
//   node tests/bench/cpu_per_connection.mjs [--rounds N] [--seconds N]
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "3" }, seconds: { type: "string", default: "4" } } });
const rounds = Number(values.rounds);
const seconds = Number(values.seconds);
const CONNECTIONS = 32;

const missing = ["haproxy", "nginx", "wrk"].filter((name) => spawnSync("sh", ["-c", `command -v ${name}`]).status !== 0);
if (missing.length > 0) {
  console.log(`SKIP cpu_per_connection: not installed: ${missing.join(", ")} (apt-get install ${missing.join(" ")})`);
  process.exit(0);
}

const root = fileURLToPath(new URL("../..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "ingressd-bench-"));
const children = [];

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function start(command, args) {
  const child = spawn(command, args, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  children.push(child);
  return child;
}

/** Resolves when something accepts at the port. */
async function accepts(port) {
  for (;;) {
    const up = await new Promise((resolve) => {
      const probe = connect(port, "127.0.0.1");
      probe.once("connect", () => {
        probe.destroy();
        resolve(true);
      });
      probe.once("error", () => resolve(false));
    });
    if (up) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

const ticksPerSecond = Number(spawnSync("getconf", ["CLK_TCK"], { encoding: "utf8" }).stdout);

/** Microseconds of CPU that the process has used. */
function cpuMicros(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return ((Number(fields[11]) + Number(fields[12])) / ticksPerSecond) * 1e6;
}

/** One round through `port`; microseconds a connection of the process. */
function round(port, pid) {
  const before = cpuMicros(pid);
  const done = spawnSync("wrk", ["-t1", `-c${CONNECTIONS}`, `-d${seconds}s`, "-H", "Connection: close", `http://127.0.0.1:${port}/`], { encoding: "utf8" });
  const requests = Number(/([0-9]+) requests in/.exec(done.stdout)?.[1] ?? 0);
  if (requests === 0) throw new Error(`no request came through: ${done.stdout}${done.stderr}`);
  return { micros: (cpuMicros(pid) - before) / requests, requests };
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[sorted.length >> 1];
}

try {
  const [backend, proxied, guarded] = [await freePort(), await freePort(), await freePort()];
  // nginx gives its folders to its own user, and ingressd refuses a folder of another user.
  mkdirSync(join(folder, "nginx"));
  writeFileSync(
    join(folder, "nginx.conf"),
    `daemon off; worker_processes 1; pid ${folder}/nginx.pid; error_log /dev/null;
events { worker_connections 4096; }
http { access_log off; client_body_temp_path ${folder}/nginx; proxy_temp_path ${folder}/nginx; fastcgi_temp_path ${folder}/nginx; uwsgi_temp_path ${folder}/nginx; scgi_temp_path ${folder}/nginx;
server { listen 127.0.0.1:${backend} backlog=4096; location / { return 200 "hello"; } } }`,
  );
  writeFileSync(
    join(folder, "haproxy.cfg"),
    `global
  nbthread 1
  maxconn 4000
defaults
  mode tcp
  timeout connect 5s
  timeout client 300s
  timeout server 300s
listen web
  bind 127.0.0.1:${proxied}
  server one 127.0.0.1:${backend}
`,
  );
  writeFileSync(
    join(folder, "bench.ingress"),
    `edition 1
expose web on tcp ${guarded} bind 127.0.0.1 {
  backend 127.0.0.1:${backend}
  allow from 127.0.0.0/8
}
`,
  );
  writeFileSync(join(folder, "bench.toml"), `[audit]\nfile = "${join(folder, "audit.jsonl")}"\n`);
  const built = spawnSync(process.execPath, ["compiler/cli/ingressc.mjs", "build", join(folder, "bench.ingress"), "-o", join(folder, "bench.wasm")], {
    cwd: root,
    encoding: "utf8",
  });
  if (built.status !== 0) throw new Error(built.stdout + built.stderr);
  start("nginx", ["-p", folder, "-c", join(folder, "nginx.conf")]);
  const haproxy = start("haproxy", ["-f", join(folder, "haproxy.cfg")]);
  const ingressd = start(process.execPath, [
    "gateway/ingressd.mjs",
    "--policy",
    join(folder, "bench.wasm"),
    "--config",
    join(folder, "bench.toml"),
    "--control",
    join(folder, "run", "control.sock"),
  ]);
  await Promise.all([accepts(backend), accepts(proxied), accepts(guarded)]);
  const results = { haproxy: [], ingressd: [] };
  round(guarded, ingressd.pid);
  for (let i = 0; i < rounds; i++) {
    for (const [name, port, pid] of [
      ["haproxy", proxied, haproxy.pid],
      ["ingressd", guarded, ingressd.pid],
    ]) {
      const { micros, requests } = round(port, pid);
      results[name].push(micros);
      console.log(`round ${i + 1}  ${name.padEnd(8)}  ${micros.toFixed(1).padStart(7)} us of CPU a connection  (${requests} connections)`);
    }
  }
  const [theirs, ours] = [median(results.haproxy), median(results.ingressd)];
  console.log(`median   haproxy ${theirs.toFixed(1)} us, ingressd ${ours.toFixed(1)} us on Node ${process.versions.node}: ratio ${(ours / theirs).toFixed(2)}`);
} finally {
  for (const child of children) child.kill();
  rmSync(folder, { recursive: true, force: true });
}
