// The wall clock is moved by days, forth and back: an `until` that has passed stays passed within the
// run, limits go by the monotonic clock alone, and no audit record is earlier than the one before.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { monotonicWall } from "../../runtime/host/wall_clock.ts";
import { SWEEP_MS } from "../../gateway/daemon.ts";
import { backend, eventually, freePort, probe, running, visit } from "./gateway_under_test.ts";

const test = suite("wall_clock");
const DAY_MS = 86_400_000;

test("forth and back by days", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  let wall = Date.UTC(2030, 0, 1);
  const gateway = await running({
    wall: monotonicWall(() => wall),
    config: "[timers]\nidle_ms = 0",
    policy: `edition 1
expose web on tcp ${port} bind 127.0.0.1 {
  backend 127.0.0.1:${behind.port}
  limit 1/h burst 3 per source
  allow from 127.0.0.1 until 2030-01-03T00:00Z
  allow from 127.0.0.2
}`,
  });
  const [ends, stays] = [visit(port), visit(port, { from: "127.0.0.2" })];
  assert.equal([await ends.first, await stays.first], ["hello", "hello"]);

  wall += 3 * DAY_MS;
  assert.is(await probe(port), "deny", "the allow is over");
  gateway.clock.advance(SWEEP_MS);
  await ends.closed;
  assert.is(stays.socket.destroyed, false);
  await eventually(() => gateway.daemon.counters.ends.get("rechecked") === 1, "the end is counted");

  wall -= 13 * DAY_MS;
  assert.is(await probe(port), "deny", "a clock that is set back gives no allow back");
  assert.ok((await gateway.daemon.reload()).ok);
  assert.is(await probe(port), "deny", "nor does a reload");

  // Two of three tokens are left to 127.0.0.2; days of wall time give none back, an hour of the other clock does.
  const from2 = async (): Promise<string> => probe(port, "127.0.0.2");
  assert.equal([await from2(), await from2(), await from2()], ["allow", "allow", "deny"]);
  for (const days of [30, -60, 400]) {
    wall += days * DAY_MS;
    assert.is(await from2(), "deny", `${days} days`);
  }
  gateway.clock.advance(3_600_000);
  assert.equal([await from2(), await from2()], ["allow", "deny"]);

  const times = readFileSync(join(gateway.folder, "audit.jsonl"), "utf8")
    .split("\n")
    .slice(0, -1)
    .map((line) => /"time":"([^"]+)"/.exec(line)?.[1] ?? "");
  assert.ok(times.length > 10);
  assert.equal(times, times.toSorted());
  stays.socket.destroy();
  await gateway.stop();
  behind.close();
});

test.run();
