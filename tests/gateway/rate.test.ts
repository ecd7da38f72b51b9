// Limits and caps: a burst is throttled exactly, by the injected clock, and counters move.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { backend, eventually, freePort, probe, running, visit } from "./gateway_under_test.ts";

const test = suite("rate");

async function count(port: number, times: number, from: string): Promise<number> {
  let allowed = 0;
  for (let i = 0; i < times; i++) if ((await probe(port, from)) === "allow") allowed++;
  return allowed;
}

test("a burst is throttled a source, and time gives tokens back", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} {
  backend 127.0.0.1:${behind.port}
  limit 2/s burst 5 per source
  allow from any
}`,
  });
  assert.is(await count(port, 9, "127.0.0.1"), 5);
  assert.is(gateway.daemon.counters.byCode.get("limit_source"), 4);
  assert.is(gateway.daemon.counters.byReason.get("rate"), 4);
  assert.is(await count(port, 6, "127.0.0.2"), 5, "another source has its own budget");
  gateway.clock.advance(499);
  assert.is(await count(port, 1, "127.0.0.1"), 0);
  gateway.clock.advance(1);
  assert.is(await count(port, 2, "127.0.0.1"), 1);
  gateway.clock.advance(1000);
  assert.is(await count(port, 4, "127.0.0.1"), 2);
  assert.ok(gateway.markers.includes("ingressd: deny (reason=rate)"));
  assert.is(gateway.records().filter(({ code }) => code === "limit_source").length, gateway.daemon.counters.byCode.get("limit_source"));
  await gateway.stop();
  behind.close();
});

test("a limit outlives a reload", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} limit 1/m burst 3 per source allow from any }`,
  });
  assert.is(await count(port, 4, "127.0.0.1"), 3);
  await gateway.daemon.reload();
  assert.is(await count(port, 2, "127.0.0.1"), 0);
  await gateway.stop();
  behind.close();
});

test("a cap admits N and refuses N + 1, and a close gives its place back", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} cap 3 connections, 2 per source allow from any }`,
  });
  const open = [visit(port, { from: "127.0.0.1" }), visit(port, { from: "127.0.0.1" })];
  for (const { first } of open) assert.is(await first, "hello");
  assert.is(await probe(port, "127.0.0.1"), "deny");
  assert.is(gateway.records().at(-1)?.code, "cap_source");
  const third = visit(port, { from: "127.0.0.2" });
  assert.is(await third.first, "hello");
  assert.is(await probe(port, "127.0.0.3"), "deny");
  assert.is(gateway.records().at(-1)?.code, "cap_listener");
  open[0]?.socket.destroy();
  await eventually(() => gateway.daemon.forwarder.live === 2, "the place is free");
  assert.is(await probe(port, "127.0.0.3"), "allow");
  third.socket.destroy();
  open[1]?.socket.destroy();
  await gateway.stop();
  behind.close();
});

test("the overall cap admits N and refuses N + 1, and does not hide a CIDR refusal", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    config: "[caps]\nconnections = 2",
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.0/24 }`,
  });
  const open = [visit(port), visit(port)];
  for (const { first } of open) assert.is(await first, "hello");
  assert.is(await probe(port), "deny");
  assert.is(gateway.records().at(-1)?.code, "cap_overall");
  assert.is(gateway.records().at(-1)?.reason, "rate");
  assert.is(await probe(port, "127.0.1.1"), "deny");
  assert.is(gateway.records().at(-1)?.code, "no_match");
  for (const { socket } of open) socket.destroy();
  await eventually(() => gateway.daemon.forwarder.live === 0, "both are gone");
  assert.is(await probe(port), "allow");
  await gateway.stop();
  behind.close();
});

test("many at once never pass a cap", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    config: "[caps]\nconnections = 7",
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`,
  });
  const visits = Array.from({ length: 40 }, () => visit(port));
  const firsts = await Promise.all(visits.map(({ first }) => first));
  assert.is(firsts.filter((text) => text === "hello").length, 7);
  assert.is(gateway.daemon.counters.byCode.get("cap_overall"), 33);
  for (const { socket } of visits) socket.destroy();
  await gateway.stop();
  behind.close();
});

test.run();
