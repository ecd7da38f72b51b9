// Takeovers under load: clients connect all the time while one gateway takes over from the other. None is refused, the
// connect time stays bounded, no cap is passed, and no limit is refilled.
import { readFileSync } from "node:fs";
import { connect } from "node:net";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { backend, freePort, moduleOf, probe, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { launch, place, type Running } from "../gateway/ingressd_process.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { either, figure } from "./measured.ts";

const test = suite("takeovers");
const TAKEOVERS = either(10, 3);
const PER_SECOND = either(2_000, 300);
const P99_MS = 300;
const TICK_MS = 10;

/** Milliseconds until the backend's greeting came, or why it did not. */
function arrival(port: number): Promise<number | string> {
  return new Promise((resolve) => {
    const from = performance.now();
    const socket = connect({ host: "127.0.0.1", port });
    let connectedMs = -1;
    socket.once("connect", () => {
      connectedMs = performance.now() - from;
    });
    socket.once("data", () => {
      resolve(connectedMs);
      socket.destroy();
    });
    socket.once("error", (error) => resolve(error.message));
    socket.once("close", () => resolve("closed"));
  });
}

/** Peers that found a full queue of a listening socket, in this network namespace. */
function queueOverflows(): number {
  const [names = [], values = []] = readFileSync("/proc/net/netstat", "utf8")
    .split("\n")
    .filter((line) => line.startsWith("TcpExt:"))
    .map((line) => line.split(" "));
  return Number(values[names.indexOf("ListenOverflows")]);
}

if (openLibc() === null) skip("takeovers", "koffi is not installed");
else {
  test(`${TAKEOVERS} takeovers under ${PER_SECOND} connections a second`, async () => {
    const behind = await backend("hello");
    const [port, capped, limited] = [await freePort(), await freePort(), await freePort()];
    const folder = temporaryFolder();
    const to = `backend 127.0.0.1:${behind.port} allow from any`;
    place(
      folder,
      moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.1 { ${to} }
expose narrow on tcp ${capped} bind 127.0.0.1 { ${to} cap 2 connections }
expose rare on tcp ${limited} bind 127.0.0.1 { ${to} limit 2/h per source }`),
    );
    let gateway: Running = launch(folder, "");
    await gateway.line("ingressd: ready");
    const kept = [visit(capped), visit(capped)];
    for (const one of kept) assert.is(await one.first, "hello");
    for (let i = 0; i < 2; i++) assert.is(await probe(limited), "allow");
    const arrivals: Promise<number | string>[] = [];
    const [fromMs, overflowsBefore] = [performance.now(), queueOverflows()];
    const load = setInterval(() => {
      for (let i = 0; i < (PER_SECOND * TICK_MS) / 1000; i++) arrivals.push(arrival(port));
    }, TICK_MS);
    for (let i = 0; i < TAKEOVERS; i++) {
      const next = launch(folder, "", { words: ["--takeover"] });
      await next.line("ingressd: ready");
      gateway = next;
      assert.is(await probe(capped), "deny", `no cap is passed after takeover ${i + 1}`);
      assert.is(await probe(limited), "deny", `no limit is refilled after takeover ${i + 1}`);
    }
    clearInterval(load);
    // A tick that comes late is not made up for, so a busy machine has fewer than PER_SECOND.
    const perSecond = arrivals.length / ((performance.now() - fromMs) / 1000);
    const outcomes = await Promise.all(arrivals);
    const refused = outcomes.filter((one) => typeof one === "string");
    const times = outcomes.filter((one) => typeof one === "number").sort((a, b) => a - b);
    const p99 = times[Math.floor(times.length * 0.99)] ?? Infinity;
    figure(
      "connections; a second; refused; p50, p99 and longest connect time",
      `${outcomes.length}; ${perSecond.toFixed(0)}; ${refused.length}; ${(times[times.length >> 1] ?? 0).toFixed(1)}, ${p99.toFixed(1)} and ${(times.at(-1) ?? 0).toFixed(1)} ms`,
    );
    assert.equal([...new Set(refused)], []);
    assert.ok(p99 <= P99_MS, `p99 ${p99.toFixed(1)} ms; ${queueOverflows() - overflowsBefore} peers found the kernel's queue full, and tried again after 1 s`);
    for (const { socket } of kept) socket.destroy();
    gateway.child.kill("SIGTERM");
    assert.is(await gateway.exit, 0);
    behind.close();
  });
  test.run();
}
