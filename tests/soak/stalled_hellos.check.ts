// 2,000 TLS clients that never finish their hello: good clients are served as if they were not there,
// and the stalled are gone as soon as the time for a hello is over.
import type { Socket } from "node:net";
import * as assert from "uvu/assert";
import { SWEEP_MS } from "../../gateway/daemon.ts";
import { backend, freePort, moduleOf, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { recorded } from "../gateway/hello_bytes.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, quantile, residentKiB, ticking, within } from "./measured.ts";

const test = suite("stalled_hellos");
const STALLED = either(2_000, 400);
const HELLO_MS = either(10_000, 3_000);
/** For the turn of the sweep, and a machine that is busy. */
const SLACK_MS = SWEEP_MS + 2_000;

test(`${STALLED} hellos that never end`, async () => {
  const hello = recorded()[0]?.stream ?? Buffer.alloc(0);
  const behind = await backend("", (socket) => socket.once("data", () => socket.end("served")));
  const port = await freePort();
  const folder = temporaryFolder();
  place(
    folder,
    moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.1 as passthrough { backend 127.0.0.1:${behind.port} allow from any sni "www.example.com" }`),
  );
  const it = launch(folder, `[policy]\nwatch = false\n[timers]\nhello_ms = ${HELLO_MS}`);
  await it.line("ingressd: ready");
  assertForwarder(it);
  const pid = it.child.pid ?? -1;
  const good = async (): Promise<number> => {
    const from = performance.now();
    const { socket, first } = visit(port);
    socket.write(hello);
    const answer = await first;
    socket.destroy();
    if (answer !== "served") throw new Error("a good client was not served");
    return performance.now() - from;
  };
  const many = async (): Promise<number[]> => {
    const waits: number[] = [];
    for (let i = 0; i < 100; i++) waits.push(await good());
    return waits;
  };
  await many();
  const alone = await many();
  const [atStart, before] = [descriptors(pid), residentKiB(pid)];

  const lives: number[] = [];
  const sockets: Socket[] = [];
  let opened = 0;
  const stall = (n: number): void => {
    let from = performance.now();
    const { socket, closed } = visit(port);
    sockets.push(socket);
    socket.once("connect", () => {
      from = performance.now();
      opened++;
    });
    // Silence, one byte, or all but the last one.
    socket.write(
      hello.subarray(
        0,
        n % 3 === 0 ? 0
        : n % 3 === 1 ? 1
        : hello.length - 1,
      ),
    );
    socket.resume();
    void closed.then(() => lives.push(performance.now() - from));
  };
  await ticking(STALLED / 100, 20, (tick) => {
    for (let i = 0; i < 100; i++) stall(100 * tick + i);
  });
  assert.ok(await within(5_000, () => opened === STALLED));
  const live = Number(/"live":(\d+)/.exec(it.order("status", "--json").out)?.[1] ?? -1);
  const beside = await many();
  const during = residentKiB(pid);
  assert.ok(await within(HELLO_MS + SLACK_MS, () => lives.length === STALLED), `${lives.length} are gone`);
  assert.ok(await within(5_000, () => descriptors(pid) <= atStart));
  const status = it.order("status", "--json").out;
  const late = Number(/"hello_late":(\d+)/.exec(status)?.[1] ?? -1);

  figure("a good client: median, 99 % alone", `${quantile(alone, 0.5).toFixed(1)} ms, ${quantile(alone, 0.99).toFixed(1)} ms`);
  figure(`a good client: median, 99 % beside ${live} stalled`, `${quantile(beside, 0.5).toFixed(1)} ms, ${quantile(beside, 0.99).toFixed(1)} ms`);
  figure(
    `stalled gone after (hello_ms = ${HELLO_MS}): first, last`,
    `${(Math.min(...lives) / 1000).toFixed(1)} s, ${(Math.max(...lives) / 1000).toFixed(1)} s; ${late} counted as hello_late`,
  );
  figure("memory before, beside them", `${(before / 1024).toFixed(0)} MiB, ${(during / 1024).toFixed(0)} MiB`);
  assert.ok(live >= STALLED * 0.95, `${live} were stalled while good clients came`);
  assert.is(late, STALLED);
  assert.ok(Math.min(...lives) >= HELLO_MS - 100, "nobody is cut before the time");
  assert.ok(Math.max(...lives) <= HELLO_MS + SLACK_MS);
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

test.run();
