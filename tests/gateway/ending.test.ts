// An end while other work is under way: a reload is abandoned and not waited for, and a start that
// is abandoned cleans up.
import { existsSync, mkdirSync, watch } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { startDaemon } from "../../gateway/daemon.ts";
import { defaultConfig } from "../../gateway/config/read.ts";
import { loadPolicyInWorker } from "../../runtime/host/load_in_worker.ts";
import { systemDisk, type Disk } from "../../runtime/shell/disk.ts";
import { newState } from "./state_under_test.ts";
import { backend, freePort, manualClock, moduleOf, probe, running, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, web } from "./ingressd_process.ts";

const test = suite("ending");

test("a check that is given up answers at once, before and while it runs", async () => {
  const module = moduleOf("edition 1");
  const never = await loadPolicyInWorker(module, null, 60_000, AbortSignal.abort());
  assert.is(!never.ok && never.error.message, "the module's checks were abandoned");
  const ending = new AbortController();
  const checking = loadPolicyInWorker(Uint8Array.from(module), null, 60_000, ending.signal);
  ending.abort();
  const late = await checking;
  assert.is(!late.ok && late.error.message, "the module's checks were abandoned");
  assert.ok((await loadPolicyInWorker(module, null, 60_000, new AbortController().signal)).ok);
});

test("a stop abandons the reload under way, and none begins after it", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const gateway = await running({ module: web(a, behind.port), config: "[policy]\nwatch = false" });
  const visitor = visit(a);
  await visitor.first;
  gateway.place(web(b, behind.port));
  const reload = gateway.daemon.reload();
  const queued = gateway.daemon.reload();
  const stopped = gateway.daemon.stop();
  for (const answer of [await reload, await queued, await gateway.daemon.reload()]) {
    assert.is(answer.ok || answer.error.message, "the gateway is stopping: nothing was loaded");
  }
  assert.not(visitor.socket.destroyed, "the drain continues");
  assert.is(gateway.daemon.counters.reloads, 1);
  assert.equal([await probe(a), await probe(b)], ["deny", "deny"]);
  assert.equal(
    gateway.markers.filter((line) => line.includes(`port=${b}`)),
    [],
  );
  gateway.daemon.cut();
  await stopped;
  await visitor.closed;
  behind.close();
});

test("a reload between check and commit is taken back by a stop", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const stops: Promise<void>[] = [];
  let stop: (() => Promise<void>) | null = null;
  // The last step before the commit writes to the state directory.
  const disk: Disk = {
    ...systemDisk,
    async write(path, bytes) {
      await systemDisk.write(path, bytes);
      if (stop !== null) stops.push(stop());
    },
  };
  const gateway = await running({ module: web(a, behind.port), config: `${newState().kept}\n[policy]\nwatch = false`, disk });
  gateway.place(web(b, behind.port));
  stop = () => gateway.daemon.stop();
  const answer = await gateway.daemon.reload();
  assert.is(answer.ok || answer.error.message, "the gateway is stopping: nothing was loaded");
  assert.is(stops.length, 1);
  await Promise.all(stops);
  assert.is(gateway.daemon.counters.reloads, 1);
  assert.equal([await probe(a), await probe(b)], ["deny", "deny"]);
  behind.close();
});

test("a start that is given up before it begins opens nothing and says why", async () => {
  const folder = temporaryFolder();
  const port = await freePort();
  place(folder, web(port, 9));
  const markers: string[] = [];
  const control = join(folder, "run", "control.sock");
  const started = await startDaemon({
    policyPath: join(folder, "policy.wasm"),
    controlPath: control,
    stateDirectory: null,
    config: defaultConfig(),
    clock: manualClock(),
    hostAddresses: () => [],
    print: (line) => markers.push(line),
    say: () => undefined,
    givenUp: AbortSignal.abort(),
  });
  assert.equal(!started.ok && started.error, { exitCode: 0, message: "ended by a signal before it was ready" });
  assert.equal([markers, existsSync(control), await probe(port)], [[], false, "deny"]);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  test(`${signal} during the start: exit 0, not ready, and no socket stays`, async () => {
    const folder = temporaryFolder();
    const run = join(folder, "run");
    mkdirSync(run, { mode: 0o700 });
    place(folder, web(await freePort(), 9));
    const appeared = new Promise<void>((resolve) => {
      const watcher = watch(run, (_event, file) => {
        if (file !== "control.sock") return;
        watcher.close();
        resolve();
      });
    });
    const it = launch(folder, "");
    await appeared;
    it.child.kill(signal);
    assert.is(await it.exit, 0);
    assert.is(it.out(), "");
    assert.match(it.err(), /ended by a signal before it was ready\n$/);
    assert.not(existsSync(join(run, "control.sock")));
  });
}

test("SIGTERM during a reload ends the process at once", async () => {
  const behind = await backend("hello");
  const [a, b] = [await freePort(), await freePort()];
  const folder = temporaryFolder();
  place(folder, web(a, behind.port));
  const it = launch(folder, "[policy]\nwatch = false\n[timers]\ndrain_ms = 600000");
  await it.line("ingressd: ready");
  place(folder, web(b, behind.port));
  it.child.kill("SIGHUP");
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  assert.not.match(it.err(), "generation 2");
  assert.not.match(it.out(), `port=${b}`);
  behind.close();
});

test.run();
