// A takeover between gateways of one thread and of three, in each direction: what workers serve is counted and drained exactly.
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { eventually, probe, visit } from "./gateway_under_test.ts";
import { gatewayToTake, says } from "./takeover_under_test.ts";

const test = suite("takeover with threads");

const config = (threads: number): string => `threads = ${threads}\nforwarder = "kernel"\ntls.engine = "openssl"\n[policy]\nwatch = false`;

if (openLibc() === null) {
  skip("takeover with threads", "koffi is not installed");
} else {
  for (const [before, after] of [
    [3, 1],
    [1, 3],
    [3, 3],
  ] as const) {
    test(`${before} to ${after}: caps count what the one before relays, bytes continue, a reload cuts, and it drains to exit 0`, async () => {
      const it = await gatewayToTake({ clauses: "allow from any cap 4 connections, 3 per source", config: config(before) });
      const early = [visit(it.port), visit(it.port), visit(it.port), visit(it.port, { from: "127.0.0.2" })];
      for (const one of early) assert.is(await one.first, "hello");
      const second = await it.taken(config(after));
      const live = (): string => /"connections":\{"live":(\d+),/.exec(second.order("status", "--json").out)?.[1] ?? "";
      assert.is(live(), "4", "all of them, whichever thread has them");
      assert.is(await probe(it.port, "127.0.0.3"), "deny", "N + 1");
      for (const [i, { socket }] of early.entries()) assert.is(await says(socket, `still ${i}`), `still ${i}`);

      early[0]?.socket.destroy();
      let next = visit(it.port, { from: "127.0.0.3" });
      for (let i = 0; i < 200 && (await next.first) !== "hello"; i++) next = visit(it.port, { from: "127.0.0.3" });
      assert.is(await next.first, "hello", "its end frees one place");
      assert.is(await probe(it.port, "127.0.0.4"), "deny", "and not one more");

      it.policy("allow from 127.0.0.1, 127.0.0.3 cap 4 connections, 3 per source");
      assert.is(second.order("reload").code, 0);
      await early[3]?.closed;
      assert.equal(
        it.records("recheck").map(({ code, source }) => [code, source?.split(":")[0]]),
        [["rechecked", "127.0.0.2"]],
      );
      for (const { socket } of early) socket.destroy();
      assert.is(await it.first.exit, 0);
      await eventually(() => live() === "1", "only the new one is left");
      assert.is(await says(next.socket, "on"), "on");
    });
  }

  test("a limit is not refilled from three threads to one and back", async () => {
    const it = await gatewayToTake({ clauses: "allow from any limit 3/h per source", config: config(3) });
    assert.is(await probe(it.port), "allow");
    const second = await it.taken(config(1));
    assert.is(await it.first.exit, 0);
    assert.is(await probe(it.port), "allow");
    await it.taken(config(3));
    assert.is(await second.exit, 0);
    assert.is(await probe(it.port), "allow");
    assert.is(await probe(it.port), "deny");
  });

  test("the next gateway is killed: what the one before has in its threads ends within drain_ms", async () => {
    const it = await gatewayToTake({ config: `${config(3)}\n[timers]\ndrain_ms = 200` });
    const early = [visit(it.port), visit(it.port)];
    for (const one of early) assert.is(await one.first, "hello");
    const second = await it.taken();
    second.child.kill("SIGKILL");
    for (const one of early) await one.closed;
    assert.is(await it.first.exit, 0);
  });
}

test.run();
