// The control socket under full bulk load, at each forwarder: eight downloads take all the processor time that the gateway
// can get, and every answer of `status` comes within 100 ms. The clients and the backend are the C program of the bench.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openConnection } from "../../gateway/client/connection.mjs";
import { buildLoad } from "../bench/gateway/load.mjs";
import { FORWARDERS, freePort, moduleOf, temporaryFolder } from "../gateway/gateway_under_test.ts";
import { launch, place } from "../gateway/ingressd_process.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { assertForwarder, either, figure, quantile, ticking } from "./measured.ts";

const test = suite("control_under_bulk");
const MOST_MS = 100;
const STREAMS = 8;
const CALLS = either(600, 100);
const APART_MS = 50;
/** More than can be downloaded meanwhile. */
const BYTES = 1e13;
/** A thread of the gateway that gets less than this part of a core is not under full load. */
const LEAST_BUSY = 0.5;
/** Of three rounds the middle one counts, because the machine may be busy with something else in one. */
const ROUNDS = 3;

/** Processor time of a process so far, in clock ticks of 10 ms. */
function ticksOf(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8")
    .replace(/^.*\) /, "")
    .split(" ");
  return Number(fields[11]) + Number(fields[12]);
}

const program = buildLoad(temporaryFolder());
if (program.path === undefined) skip("control_under_bulk", program.missing ?? "");
else {
  const { path } = program;
  for (const forwarder of FORWARDERS)
    test(`${forwarder}: ${CALLS} calls under ${STREAMS} downloads, each answered within ${MOST_MS} ms`, async () => {
      const [port, echo, bulk, udp] = [await freePort(), await freePort(), await freePort(), await freePort()];
      const folder = temporaryFolder();
      place(folder, moduleOf(`edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${bulk} allow from any }`));
      const started = (words: readonly (string | number)[]) => {
        const child = spawn(path, words.map(String), { stdio: ["pipe", "pipe", "inherit"] });
        atEnd(() => child.kill("SIGKILL"));
        return child;
      };
      const behind = started(["backend", echo, bulk, udp]);
      await new Promise((resolve) => behind.stdout.once("data", resolve));
      const gateway = launch(folder, `forwarder = "${forwarder}"`);
      await gateway.line("ingressd: ready");
      assertForwarder(gateway, forwarder);
      const control = await openConnection(join(folder, "run", "control.sock"));
      const load = started(["bulk", "127.0.0.1", port, `concurrency=${STREAMS}`, `bytes=${BYTES}`]);
      await ticking(1, 1_000, () => undefined);
      const longest: number[] = [];
      for (let round = 0; round < ROUNDS; round++) {
        const [waits, calls]: [number[], Promise<unknown>[]] = [[], []];
        const pid = gateway.child.pid ?? 0;
        const [from, ticks] = [performance.now(), ticksOf(pid)];
        await ticking(CALLS, APART_MS, () => {
          const sent = performance.now();
          calls.push(control.call("status").then(() => waits.push(performance.now() - sent)));
        });
        await Promise.all(calls);
        const busy = ((ticksOf(pid) - ticks) * 10) / (performance.now() - from);
        const [p50, p99, most] = [quantile(waits, 0.5), quantile(waits, 0.99), Math.max(...waits)];
        longest.push(most);
        figure(
          `${forwarder}: answer of status, p50, p99 and longest; processor`,
          `${p50.toFixed(1)}, ${p99.toFixed(1)} and ${most.toFixed(1)} ms; ${busy.toFixed(2)} cores`,
        );
        assert.is(waits.length, CALLS);
        assert.ok(busy >= LEAST_BUSY, `the gateway had ${busy.toFixed(2)} cores: this is no full load`);
        assert.is(load.exitCode, null, "the downloads are under way");
      }
      assert.ok(quantile(longest, 0.5) <= MOST_MS, `the longest answers took ${longest.map((ms) => ms.toFixed(1)).join(", ")} ms`);
      load.kill("SIGKILL");
      control.close();
      gateway.child.kill("SIGTERM");
      assert.is(await gateway.exit, 0);
    });
  test.run();
}
