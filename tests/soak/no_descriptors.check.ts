// The gateway runs out of descriptors (the limit of the running process is lowered while many clients connect). It
// survives, counts, still answers on its control socket, and serves within a second once descriptors are free.
import { spawnSync } from "node:child_process";
import * as assert from "uvu/assert";
import { backend, freePort, probe, temporaryFolder, visit } from "../gateway/gateway_under_test.ts";
import { launch, place, web } from "../gateway/ingressd_process.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { assertForwarder, descriptors, either, figure, ticking, within } from "./measured.ts";

const test = suite("no_descriptors");
const CROWD = either(1_000, 200);
const RECOVERS_MS = 1_000;

if (spawnSync("prlimit", ["--version"]).status !== 0) skip("no_descriptors", "prlimit is not installed");
else {
  test(`${CROWD} clients for 20 free descriptors`, async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, web(port, behind.port));
    const it = launch(folder, "[policy]\nwatch = false");
    await it.line("ingressd: ready");
    assertForwarder(it);
    const pid = it.child.pid ?? -1;
    const limit = (n: number): void => {
      const done = spawnSync("prlimit", ["--pid", String(pid), `--nofile=${n}:20000`], { encoding: "utf8" });
      assert.is(done.status, 0, done.stderr);
    };
    const atStart = descriptors(pid);
    limit(atStart + 20);
    const crowd: ReturnType<typeof visit>[] = [];
    await ticking(CROWD / 50, 20, () => {
      for (let i = 0; i < 50; i++) crowd.push(visit(port));
    });
    await it.says("no file descriptor is left");
    const status = it.order("status", "--json");
    assert.is(it.child.exitCode, null, "it lives");
    for (const { socket } of crowd) socket.destroy();
    limit(20_000);
    const from = performance.now();
    let served = false;
    const again = visit(port);
    void again.first.then((answer) => (served = answer === "hello"));
    assert.ok(await within(10_000, () => served));
    const recoveredMs = performance.now() - from;
    again.socket.destroy();
    assert.ok(await within(5_000, () => descriptors(pid) <= atStart), `${atStart} at the start, ${descriptors(pid)} now`);
    const atEnd = descriptors(pid);
    const counted = Number(/"descriptors_exhausted":(\d+)/.exec(it.order("status", "--json").out)?.[1] ?? -1);
    assert.ok(counted >= 1);
    assert.is(await probe(port), "allow");
    figure("clients; counted; the control socket answered meanwhile", `${CROWD}; ${counted}; ${status.code === 0 ? "yes" : "no"}`);
    figure("served again after; descriptors at the start, at the end", `${recoveredMs.toFixed(0)} ms; ${atStart}, ${atEnd}`);
    assert.ok(recoveredMs <= RECOVERS_MS, `it took ${recoveredMs.toFixed(0)} ms`);
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
    behind.close();
  });
  test.run();
}
