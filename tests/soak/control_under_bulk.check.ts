// The control socket under full bulk load, at each forwarder: eight downloads take all that the gateway can move on one core,
// clients and backend having another one, and every answer of `status` comes within 100 ms. Clients and backend are the C
// program of the bench.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { buildLoad } from "../bench/gateway/load.mjs";
import { FORWARDERS, freePort, moduleOf, temporaryFolder, type ForwarderName } from "../gateway/gateway_under_test.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { assertForwarder, either, figure, percent, quantile, ticking } from "./measured.ts";

const test = suite("control_under_bulk");
const MOST_MS = 100;
const STREAMS = 8;
/** In each round, one after the other. */
const CALLS = either(300, 60);
const APART_MS = 20;
const ROUNDS = 3;
/** More than can be downloaded meanwhile. */
const BYTES = 1e13;
/** Through the gateway, in each round: fewer are no load. */
const LEAST_MIB_PER_SECOND = 50;
/** A gateway that waits so long for its core, as a part of the time, shares it with other programs. */
const MOST_WAITED = 0.1;

/** Of a process: nanoseconds in which it was ready to run, and had no core. */
const waitedNs = (pid: number): number => Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[1]);

const onCore = (core: number): readonly string[] => (cpus().length < 2 ? ["env"] : ["taskset", "-c", String(core)]);

/** Of an answer of `status`: what the backends have sent, in MiB. */
const moved = (answer: unknown): number => Number(/"from_backends":(\d+)/.exec(JSON.stringify(answer))?.[1]) / 1024 / 1024;

async function answersIn(path: string, forwarder: ForwarderName): Promise<void> {
  const [port, echo, bulk, udp] = [await freePort(), await freePort(), await freePort(), await freePort()];
  const folder = temporaryFolder();
  place(folder, moduleOf(`edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${bulk} allow from any }`));
  const started = (words: readonly (string | number)[]) => {
    const [command = "", ...argv] = [...onCore(1), path, ...words.map(String)];
    const child = spawn(command, argv, { stdio: ["pipe", "pipe", "inherit"] });
    atEnd(() => child.kill("SIGKILL"));
    return child;
  };
  const behind = started(["backend", echo, bulk, udp]);
  await new Promise((resolve) => behind.stdout.once("data", resolve));
  const gateway = launch(folder, `forwarder = "${forwarder}"`, { through: onCore(0) });
  await gateway.line("ingressd: ready");
  assertForwarder(gateway, forwarder);
  const control = await openConnection(join(folder, "run", "control.sock"));
  const load = started(["bulk", "127.0.0.1", port, `concurrency=${STREAMS}`, `bytes=${BYTES}`]);
  await ticking(1, 1_000, () => undefined);
  const pid = gateway.child.pid ?? 0;
  for (let round = 0; round < ROUNDS; round++) {
    const waits: number[] = [];
    const [from, waited, before] = [performance.now(), waitedNs(pid), moved(await control.call("status"))];
    for (let i = 0; i < CALLS; i++) {
      const sent = performance.now();
      await control.call("status");
      waits.push(performance.now() - sent);
      await ticking(1, APART_MS, () => undefined);
    }
    const [after, ms] = [moved(await control.call("status")), performance.now() - from];
    const [rate, part] = [((after - before) * 1000) / ms, (waitedNs(pid) - waited) / 1e6 / ms];
    const [p50, p99, most] = [quantile(waits, 0.5), quantile(waits, 0.99), Math.max(...waits)];
    figure(`${forwarder}: status: p50, p99 and longest`, `${p50.toFixed(1)}, ${p99.toFixed(1)} and ${most.toFixed(1)} ms`);
    figure("  MiB a second; without its core", `${rate.toFixed(0)}; ${percent(part)} of the time`);
    assert.ok(rate >= LEAST_MIB_PER_SECOND, `${rate.toFixed(0)} MiB a second are no full load`);
    assert.is(load.exitCode, null, "the downloads are under way");
    if (part > MOST_WAITED) figure("the bar for the answers", "not applied, because other programs have the gateway's core for a part of the time");
    else assert.ok(most <= MOST_MS, `an answer took ${most.toFixed(1)} ms`);
  }
  load.kill("SIGKILL");
  control.close();
  gateway.child.kill("SIGTERM");
  assert.is(await gateway.exit, 0);
}

const program = buildLoad(temporaryFolder());
if (program.path === undefined) skip("control_under_bulk", program.missing ?? "");
else {
  const { path } = program;
  for (const forwarder of FORWARDERS)
    test(`${forwarder}: ${ROUNDS * CALLS} calls under ${STREAMS} downloads, each answered within ${MOST_MS} ms`, () => answersIn(path, forwarder));
  test.run();
}
