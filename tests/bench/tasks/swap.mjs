// The longest stop of a serving ingressd's event loop while one policy replaces another: the real
// gateway, reloaded over its control socket, with connections that stay open, all of which are
// rechecked, and clients that connect all the time. Beside it the longest stop of a span of the
// same length without a reload.
import { spawn } from "node:child_process";
import { mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ofRuns } from "../clock.mjs";
import { makePolicy, readerOf } from "../policies.mjs";

const { compile } = await import("../../../compiler/compile.ts");

const root = fileURLToPath(new URL("../../../", import.meta.url));
const MB = 1e6;

/** A policy whose module has about `bytes` bytes without its custom sections, and another such one. */
function policiesOf(bytes, port, backend) {
  const made = (prefixes, seed) => {
    const policy = makePolicy({ rules: 64, prefixes, seed });
    policy.entry.text += `expose bench on tcp ${port} bind 127.0.0.1 {\n  backend 127.0.0.1:${backend}\n  allow from 127.0.0.0/8\n}\n`;
    // Only the measured listener is opened: the others wait for a service.
    policy.entry.text = policy.entry.text.replace(/^ {2}backend 127\.0\.0\.1:20\d\d\d\n/gm, "");
    const { module, stats, diagnostics } = compile(policy.entry, readerOf(policy));
    if (module === null) throw new Error(diagnostics[0]?.message);
    return { module, bytes: stats.coreBytes };
  };
  let prefixes = Math.ceil(bytes / 40);
  let first = made(prefixes, 1);
  for (let round = 0; round < 6 && Math.abs(first.bytes / bytes - 1) > 0.1; round++) {
    prefixes = Math.max(100, Math.ceil((prefixes * bytes) / first.bytes));
    first = made(prefixes, 1);
  }
  return [first, made(prefixes, 2)];
}

function freePort() {
  return new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** One request and its answer on the control socket. */
function call(path, method) {
  return new Promise((resolve, reject) => {
    let text = "";
    const socket = connect(path, () => socket.write(`${JSON.stringify({ jsonrpc: "2.0", id: 1, method })}\n`));
    socket
      .setEncoding("utf8")
      .on("data", (chunk) => {
        text += chunk;
        if (!text.includes("\n")) return;
        socket.destroy();
        const answer = JSON.parse(text);
        if (answer.error === undefined) resolve(answer.result);
        else reject(new Error(answer.error.message));
      })
      .on("error", reject);
  });
}

/** One client's visit: connects, sends a byte, waits for it to come back. */
function visit(port) {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write("x"));
    socket.setTimeout(10_000, () => socket.destroy());
    socket
      .on("data", () => {
        socket.end();
        resolve(true);
      })
      .on("error", () => resolve(false))
      .on("close", () => resolve(false));
  });
}

/** Connections that got their byte back and stay open; `onClose` is called when one closes. */
async function openConnections(port, count, onClose) {
  const sockets = [];
  while (sockets.length < count) {
    sockets.push(
      ...(await Promise.all(
        Array.from(
          { length: Math.min(50, count - sockets.length) },
          () =>
            new Promise((resolve, reject) => {
              const socket = connect(port, "127.0.0.1", () => socket.write("x"));
              socket
                .on("error", reject)
                .on("close", onClose)
                .once("data", () => resolve(socket));
            }),
        ),
      )),
    );
  }
  return sockets;
}

const message = (child) =>
  new Promise((resolve) => {
    child.once("message", resolve);
    child.send({});
  });
const pause = (ms) =>
  new Promise((resolve) => {
    setTimeout(resolve, ms);
  });

export async function run({ megabytes, swaps, held }, report) {
  const folder = mkdtempSync(join(tmpdir(), "ingressd-bench-"));
  const backend = createServer((socket) => socket.on("error", () => socket.destroy()).pipe(socket));
  await new Promise((resolve) => {
    backend.listen(0, "127.0.0.1", resolve);
  });
  const port = await freePort();
  const policies = policiesOf(megabytes * MB, port, backend.address().port);
  const policyPath = join(folder, "p.wasm");
  const control = join(folder, "run", "control.sock");
  writeFileSync(policyPath, policies[0].module, { mode: 0o600 });
  writeFileSync(join(folder, "c.toml"), `[audit]\nfile = "${join(folder, "audit.jsonl")}"\n[policy]\nwatch = false\n`, { mode: 0o600 });
  const daemon = spawn(
    process.execPath,
    [
      "--import",
      new URL("../stop_probe.mjs", import.meta.url).href,
      join(root, "gateway/ingressd.mjs"),
      "--policy",
      policyPath,
      "--config",
      join(folder, "c.toml"),
      "--control",
      control,
    ],
    { cwd: root, stdio: ["ignore", "pipe", "inherit", "ipc"] },
  );
  let serving = true;
  try {
    await new Promise((resolve, reject) => {
      daemon.once("exit", (code) => reject(new Error(`ingressd ended with ${code}`)));
      daemon.stdout.setEncoding("utf8").on("data", (text) => {
        if (text.includes("ingressd: ready")) resolve();
      });
    });
    const visits = { served: 0, failed: 0 };
    let lost = 0;
    const sockets = await openConnections(port, held, () => {
      if (serving) lost++;
    });
    const clients = Array.from({ length: 4 }, async () => {
      while (serving) {
        if (await visit(port)) visits.served++;
        else visits.failed++;
        await pause(10);
      }
    });
    const quiet = [];
    const stops = [];
    const cpu = [];
    const wholeMs = [];
    for (let i = 0; i <= swaps; i++) {
      writeFileSync(`${policyPath}.new`, policies[(i + 1) % 2].module, { mode: 0o600 });
      renameSync(`${policyPath}.new`, policyPath);
      await pause(50);
      await message(daemon);
      const started = performance.now();
      await call(control, "reload");
      const took = performance.now() - started;
      await pause(20);
      const { longestMs, longestCpuMs } = await message(daemon);
      await pause(took + 20);
      const { longestMs: without } = await message(daemon);
      // The first warms the gateway up, as its own start does in service.
      if (i === 0) continue;
      stops.push(longestMs);
      cpu.push(longestCpuMs);
      wholeMs.push(took);
      quiet.push(without);
      report({ swap: i, longestMs, longestCpuMs });
    }
    serving = false;
    await Promise.all(clients);
    for (const socket of sockets) socket.destroy();
    const { generation } = await call(control, "status");
    return {
      bytes: policies[0].bytes,
      fileBytes: policies[0].module.length,
      swaps,
      generation,
      held,
      lost,
      visits,
      stopMs: { ...ofRuns(stops), most: Math.max(...stops) },
      stopCpuMs: { ...ofRuns(cpu), most: Math.max(...cpu) },
      quietMs: { ...ofRuns(quiet), most: Math.max(...quiet) },
      wholeMs: ofRuns(wholeMs),
    };
  } finally {
    serving = false;
    daemon.kill("SIGKILL");
    backend.close();
    rmSync(folder, { recursive: true, force: true });
  }
}
