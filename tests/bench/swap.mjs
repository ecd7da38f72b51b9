// The longest time that the gateway's event loop stands still while a policy is swapped, with open
// connections and new ones coming, for policies whose tables have 1 MB and 16 MB. Beside it stands the
// longest stop of the same time in which nothing is swapped: what the machine itself does.
//
//   node tests/bench/swap.mjs [--mb 1,16] [--connections 1000] [--rounds 8] [--rules 64] [--cut]
//
// With --cut every second policy refuses the open connections, which are then made anew.
import { fork } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { makePolicy, readerOf } from "./policies.mjs";
await import("../../runtime/host/register.mjs");
const { compile } = await import("../../compiler/compile.ts");

const { values } = parseArgs({ options: {
  mb: { type: "string", default: "1,16" }, connections: { type: "string", default: "1000" },
  rounds: { type: "string", default: "8" }, rules: { type: "string", default: "64" }, cut: { type: "boolean", default: false },
} });
const [connections, rounds, rules] = [values.connections, values.rounds, values.rules].map(Number);
const MB = 1e6;
const IDLE_MS = 1_500;

const listening = (server) => new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server.address().port)));
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];

async function freePort() {
  const server = createServer();
  const port = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A policy of about so many bytes of tables, and the front door of the bench beside it. */
function compiled(prefixes, door) {
  const policy = makePolicy({ rules, prefixes, exposes: 8, seed: 7 });
  // Its prefixes are for the tables alone: they must not refuse the bench's own clients.
  const text = policy.entry.text.split("\n").filter((line) => !line.startsWith("deny ")).join("\n");
  const { module, stats, diagnostics } = compile({ ...policy.entry, text: `${text}\n${door}\n` }, readerOf(policy));
  if (module === null) throw new Error(diagnostics[0].message);
  return { module, bytes: stats.coreBytes, stats };
}

function ofSize(bytes, door) {
  let prefixes = Math.ceil(bytes / 60);
  for (;;) {
    const made = compiled(prefixes, door);
    if (made.bytes >= bytes && made.bytes < bytes * 1.2) return { ...made, prefixes };
    prefixes = Math.ceil(prefixes * (bytes * 1.05) / made.bytes);
  }
}

/** A connection through the gateway that is up when this resolves; null where it was refused. */
function open(port, sockets) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.on("error", () => undefined);
    socket.once("data", () => { sockets.add(socket); resolve(socket); });
    socket.once("close", () => { sockets.delete(socket); resolve(null); });
  });
}

async function measure(mb, folder) {
  const behind = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write("hello");
    socket.on("data", (bytes) => socket.write(bytes));
  });
  const [backend, port] = [await listening(behind), await freePort()];
  const door = (net, more) => `expose bench on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${backend} cap 20000 connections ${more} allow from ${net} }`;
  const limit = "limit 1000000/s burst 1000000 per source";
  const one = ofSize(mb * MB, door("127.0.0.0/8", limit));
  const other = compiled(one.prefixes, door(values.cut ? "127.0.0.2" : "127.0.0.1", limit));
  const path = join(folder, "policy.wasm");
  const place = (module) => { writeFileSync(`${path}.new`, module); renameSync(`${path}.new`, path); };
  place(one.module);
  const config = `[audit]\nfile = "${join(folder, "audit.jsonl")}"\n[policy]\nwatch = false\n[caps]\nconnections = 20000\n`;
  const child = fork(fileURLToPath(new URL("./swap_gateway.mjs", import.meta.url)), [path, join(folder, "run", "control.sock"), config]);
  const failing = [];
  child.once("exit", () => failing.forEach((reject) => reject(new Error("the gateway ended"))));
  const told = () => new Promise((resolve, reject) => { child.once("message", resolve); failing.push(reject); });
  const ask = (question) => { child.send(question); return told(); };
  await told();
  const sockets = new Set();
  const fill = async () => { while (sockets.size < connections) await Promise.all(Array.from({ length: Math.min(50, connections - sockets.size) }, () => open(port, sockets))); };
  await fill();
  // New connections and bytes all the time.
  const strangers = new Set();
  const traffic = setInterval(async () => {
    let left = 10;
    for (const socket of sockets) if (left-- > 0) socket.write("x"); else break;
    (await open(port, strangers))?.destroy();
  }, 10);
  const [swaps, idles] = [[], []];
  await ask({ what: "idle", ms: IDLE_MS });
  for (let round = -1; round < rounds; round++) {
    idles.push(await ask({ what: "idle", ms: IDLE_MS }));
    place((round & 1) === 0 ? one.module : other.module);
    const swap = await ask({ what: "swap" });
    if (swap.failed !== null) throw new Error(swap.failed);
    // The first runs code that is not compiled yet, which a gateway does at its start.
    if (round >= 0) swaps.push(swap);
    if (process.stdout.isTTY) process.stderr.write(`${swap.longest.toFixed(1)} `);
    if (values.cut && (round & 1) === 0) await fill();
  }
  clearInterval(traffic);
  child.disconnect();
  for (const socket of [...sockets, ...strangers]) socket.destroy();
  behind.close();
  const figures = (list, key) => list.map((x) => x[key]);
  const word = (list, key) => `median ${median(figures(list, key)).toFixed(1)}, most ${Math.max(...figures(list, key)).toFixed(1)} ms`;
  const row = (list) => `CPU of the serving thread ${word(list, "cpu")}; by the clock ${word(list, "longest")}; by monitorEventLoopDelay ${word(list, "timer")}`;
  console.log(`${mb} MB of tables (${one.module.length} bytes of module, ${one.prefixes} prefixes, ${one.stats.rules} rules), ${connections} connections${values.cut ? `, ${median(figures(swaps, "rechecked"))} of them cut` : ""}`);
  console.log(`  swap     ${row(swaps)}; the whole reload ${(median(figures(swaps, "took")) - 300).toFixed(0)} ms`);
  console.log(`  no swap  ${row(idles)}`);
}

const folder = mkdtempSync(join(tmpdir(), "ingressd-swap-"));
try {
  console.log(`Node ${process.versions.node}, ${rounds} swaps each`);
  for (const mb of values.mb.split(",").map(Number)) await measure(mb, folder);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
