// A reload every second under 1,000 streams and new connections: no stream that both policies allow
// is reset, every byte comes back as it went, memory doesn't climb, and every descriptor comes back.
import { createHash, randomBytes } from "node:crypto";
import type { Socket } from "node:net";
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { backend, freePort, moduleOf, probe, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, percent, quantile, residentKiB, slope, ticking, within } from "./measured.ts";

const test = suite("reload_storm");
const STREAMS = either(1_000, 200);
const SECONDS = either(90, 10);
/** Seconds in which the heap finds its size. */
const WARM_UP = either(30, 4);
const NEW_EACH_SECOND = 20;
const CHUNK_BYTES = 4096;

interface Stream {
  readonly socket: Socket;
  readonly sent: ReturnType<typeof createHash>;
  readonly back: ReturnType<typeof createHash>;
  sentBytes: number;
  backBytes: number;
  broken: string | null;
  ended: boolean;
}

function stream(port: number): Stream {
  const { socket } = visit(port);
  const it: Stream = { socket, sent: createHash("sha256"), back: createHash("sha256"), sentBytes: 0, backBytes: 0, broken: null, ended: false };
  socket.on("error", (error) => (it.broken = error.message));
  socket.on("data", (chunk: Buffer) => {
    it.back.update(chunk);
    it.backBytes += chunk.length;
  });
  socket.on("close", () => (it.ended = true));
  return it;
}

test(`${STREAMS} streams, a reload a second for ${SECONDS} s`, async () => {
  const behind = await backend("");
  const greets = await backend("hello");
  const [kept, fresh, extra] = [await freePort(), await freePort(), await freePort()];
  const policy = (more: string): Uint8Array =>
    moduleOf(`edition 1
expose streams on tcp ${kept} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} limit 5000/s per listener allow from any }
expose fresh on tcp ${fresh} bind 127.0.0.1 { backend 127.0.0.1:${greets.port} allow from 127.0.0.1 ${more === "" ? "" : "allow from 127.0.0.3"} }
${more}`);
  const modules = [policy(""), policy(`expose extra on tcp ${extra} bind 127.0.0.1 { backend 127.0.0.1:${greets.port} allow from any }`)];
  const folder = temporaryFolder();
  place(folder, modules[0] ?? new Uint8Array());
  const it = launch(folder, "[policy]\nwatch = false\n[timers]\nidle_ms = 0");
  await it.line("ingressd: ready");
  assertForwarder(it);
  const pid = it.child.pid ?? -1;
  assert.is(await probe(fresh), "allow");
  const control = await openConnection(`${folder}/run/control.sock`);
  const atStart = descriptors(pid);

  const streams: Stream[] = [];
  await ticking(STREAMS / 50, 50, () => {
    for (let i = 0; i < 50; i++) streams.push(stream(kept));
  });
  assert.ok(await within(10_000, () => streams.every(({ socket }) => !socket.connecting)));

  const memory: number[] = [];
  const reloadMs: number[] = [];
  const answers = { allow: 0, deny: 0 };
  const pending: Promise<unknown>[] = [];
  let refused = 0;
  let reloads = 0;
  let reloading = false;
  await ticking(SECONDS * 10, 100, (tick) => {
    // Each stream sends once a second.
    for (let i = tick % 10; i < streams.length; i += 10) {
      const one = streams[i];
      if (one === undefined || one.ended) continue;
      const chunk = randomBytes(CHUNK_BYTES);
      one.sent.update(chunk);
      one.sentBytes += chunk.length;
      one.socket.write(chunk);
    }
    for (let i = 0; i < NEW_EACH_SECOND / 10; i++) pending.push(probe(fresh).then((answer) => answers[answer]++));
    if (tick % 10 !== 0) return;
    memory.push(residentKiB(pid));
    // On a machine that is busy a reload may take more than its second; they don't queue.
    if (reloading) return;
    place(folder, modules[++reloads % 2] ?? new Uint8Array());
    reloading = true;
    const from = performance.now();
    pending.push(
      control.call("reload").then((answer) => {
        reloading = false;
        if ("error" in answer) refused++;
        reloadMs.push(performance.now() - from);
      }),
    );
  });
  await Promise.all(pending);
  for (const { socket } of streams) socket.end();
  assert.ok(await within(20_000, () => streams.every(({ ended }) => ended)), "all streams end");
  const broken = streams.filter(({ broken: why, sentBytes, backBytes }) => why !== null || sentBytes !== backBytes);
  const unequal = streams.filter(({ sent, back }) => sent.digest("hex") !== back.digest("hex"));
  control.close();
  const settled = memory.slice(WARM_UP);
  const climb = slope(settled);
  assert.ok(await within(5_000, () => descriptors(pid) <= atStart - 1), `descriptors: ${atStart} at the start, ${descriptors(pid)} at the end`);

  figure(
    `reloads in ${SECONDS} s, refused, median and worst answer`,
    `${reloadMs.length}, ${refused}, ${quantile(reloadMs, 0.5).toFixed(0)} ms, ${quantile(reloadMs, 1).toFixed(0)} ms`,
  );
  figure("streams, reset or cut short, with unequal hashes", `${streams.length}, ${broken.length}, ${unequal.length}`);
  figure("bytes that went and came back", `${(streams.reduce((sum, { backBytes }) => sum + backBytes, 0) / 2 ** 20).toFixed(0)} MiB`);
  figure("new connections allowed, refused", `${answers.allow}, ${answers.deny}`);
  figure(
    `memory after ${WARM_UP} s, least and most; its slope over ${settled.length} s`,
    `${(Math.min(...settled) / 1024).toFixed(0)} MiB, ${(Math.max(...settled) / 1024).toFixed(0)} MiB; ${percent(climb)}`,
  );
  figure("descriptors at the start (with our own), at the end", `${atStart}, ${descriptors(pid)}`);
  assert.ok(reloadMs.length >= SECONDS / 4, `${reloadMs.length} reloads`);
  assert.equal([broken.length, unequal.length, refused, answers.deny], [0, 0, 0, 0], broken[0]?.broken ?? "");
  assert.ok(streams.every(({ backBytes }) => backBytes > 0));
  // A short run ends while the heap still finds its size.
  assert.ok(climb <= either(0.05, 0.5), `memory climbs by ${percent(climb)}`);
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
  greets.close();
});

test.run();
