// Backends that refuse, reset and stall, each with its own crowd of clients. Clients of a good backend of the same
// gateway are served, the resources of the bad ones are bounded, and each kind of end is counted.
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { backend, freePort, moduleOf, probe, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { HIGH_WATER_BYTES, READ_BYTES } from "../../gateway/forward/relay.ts";
import { PIPE_BYTES } from "../../gateway/kernel/pipes.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, quantile, residentKiB, ticking, within } from "./measured.ts";

const test = suite("bad_backends");
const CROWD = either(100, 50);
const FLOODERS = 8;
const SECONDS = either(15, 4);
const IDLE_MS = 2_000;

test(`${CROWD} clients a second of each bad backend for ${SECONDS} s`, async () => {
  const good = await backend("hello");
  const resets = await backend("", (socket) => socket.once("data", () => socket.resetAndDestroy()));
  const stalls = await backend("", (socket) => socket.pause());
  const closed = await backend("");
  closed.close();
  const ports = { good: await freePort(), refuse: await freePort(), reset: await freePort(), stall: await freePort() };
  const behind = { good: good.port, refuse: closed.port, reset: resets.port, stall: stalls.port };
  const folder = temporaryFolder();
  place(
    folder,
    moduleOf(
      `edition 1\n${Object.entries(ports)
        .map(
          ([name, port]) =>
            `expose ${name} on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind[name === "good" || name === "refuse" || name === "reset" ? name : "stall"]} allow from any }`,
        )
        .join("\n")}`,
    ),
  );
  const it = launch(folder, `[policy]\nwatch = false\n[timers]\nidle_ms = ${IDLE_MS}`);
  await it.line("ingressd: ready");
  assertForwarder(it);
  const pid = it.child.pid ?? -1;
  const atStart = descriptors(pid);

  const flood = Buffer.alloc(64 * 1024, 7);
  const ended = { refuse: 0, reset: 0, stall: 0 };
  let begun = 0;
  const bad = (kind: keyof typeof ended, floods: number): void => {
    begun++;
    const { socket, closed: gone } = visit(ports[kind]);
    for (let i = 0; i < floods; i++) socket.write(flood);
    socket.resume();
    void gone.then(() => ended[kind]++);
  };
  const answers = { allow: 0, deny: 0 };
  const waits: number[] = [];
  const memory: number[] = [];
  const bufferedBytes: number[] = [];
  const control = await openConnection(`${folder}/run/control.sock`);
  const pending: Promise<unknown>[] = [];
  // `CROWD` new clients a second of each kind.
  await ticking(SECONDS * 10, 100, (tick) => {
    for (const kind of ["refuse", "reset", "stall"] as const) for (let i = 0; i < CROWD / 10; i++) bad(kind, kind === "refuse" ? 0 : 1);
    // More than the kernel's buffers on the way take.
    if (tick === 0) for (let i = 0; i < FLOODERS; i++) bad("stall", 256);
    const from = performance.now();
    for (let i = 0; i < 2; i++)
      pending.push(
        probe(ports.good).then((answer) => {
          answers[answer]++;
          waits.push(performance.now() - from);
        }),
      );
    if (tick % 10 !== 0) return;
    memory.push(residentKiB(pid));
    pending.push(control.call("status").then((answer) => bufferedBytes.push(Number(/"buffered_bytes":(\d+)/.exec(JSON.stringify(answer))?.[1]))));
  });
  await Promise.all(pending);
  control.close();
  const buffered = Math.max(...bufferedBytes);
  assert.ok(await within(IDLE_MS + 30_000, () => ended.refuse + ended.reset + ended.stall === begun), JSON.stringify({ begun, ended }));
  assert.ok(await within(5_000, () => descriptors(pid) <= atStart));
  const text = it.order("status", "--json").out;
  const counted = (end: string): number => Number(new RegExp(`"${end}":(\\d+)`).exec(text)?.[1] ?? 0);

  figure(
    "good clients served, refused; their median and 99 %",
    `${answers.allow}, ${answers.deny}; ${quantile(waits, 0.5).toFixed(0)} ms, ${quantile(waits, 0.99).toFixed(0)} ms`,
  );
  figure("ends: refused, reset, idle (stalled)", `${counted("backend_refused")}, ${counted("backend_reset")}, ${counted("idle")}`);
  figure("most bytes buffered under load; most memory", `${(buffered / 2 ** 20).toFixed(1)} MiB; ${(Math.max(...memory) / 1024).toFixed(0)} MiB`);
  figure("descriptors at the start, at the end", `${atStart}, ${descriptors(pid)}`);
  assert.is(answers.deny, 0);
  assert.equal([counted("backend_refused"), counted("backend_reset") + counted("client_reset"), counted("idle")], [ended.refuse, ended.reset, ended.stall]);
  const perDirection =
    /"forwarder":\{"name":"kernel"/.test(text.replace(/\s/g, "")) ? Math.max(HIGH_WATER_BYTES + READ_BYTES, PIPE_BYTES) : HIGH_WATER_BYTES + READ_BYTES;
  assert.ok(buffered > 0 && buffered <= 2 * FLOODERS * perDirection, `${buffered} bytes`);
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  for (const one of [good, resets, stalls]) one.close();
});

test.run();
