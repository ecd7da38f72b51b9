// A flow of datagrams ends by its timers, and fresh flows make room for new ones where a cap is full.
import * as assert from "uvu/assert";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, probe, running, visit } from "./gateway_under_test.ts";
import { accepts, clients, current, LOOPBACK, onEach, prove, query, served, statusOf } from "./served_datagrams.ts";

const test = suite("flow caps");
const both = onEach(test);

both("a fresh flow ends after its time, a proven one after the silence of its own", async () => {
  const { gateway, port } = await served("amplify 1 allow from any");
  const [once, twice, mute] = await clients();
  if (once === undefined || twice === undefined || mute === undefined) return;
  await query(once, port);
  await prove(twice, port);
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 1, dropped: {} });
  gateway.clock.advance(2_750);
  assert.is((await statusOf(gateway)).flows.live, 2);
  gateway.clock.advance(250);
  assert.equal((await statusOf(gateway)).flows, { live: 1, fresh: 0, dropped: {} });
  // Its silence began when the others' time was over.
  await query(twice, port);
  gateway.clock.advance(29_750);
  assert.is((await statusOf(gateway)).flows.live, 1);
  gateway.clock.advance(250);
  const { flows, ends } = await statusOf(gateway);
  assert.is(flows.live, 0);
  assert.equal(ends, { done: 1, idle: 1 });
  await query(once, port);
  assert.is(accepts(gateway).length, 3, "the next datagram of a flow that has ended is decided again");
});

both("a flow that nobody answers ends as unanswered, however often its client sends", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any", { answers: () => [] });
  const [client] = await clients(1);
  if (client === undefined) return;
  for (let i = 1; i <= 3; i++) {
    await client.send("q", port);
    await behind.until(i);
  }
  assert.equal((await statusOf(gateway)).flows, { live: 1, fresh: 1, dropped: {} });
  gateway.clock.advance(3_000);
  assert.equal((await statusOf(gateway)).ends, { unanswered: 1 });
});

both("where the cap of the expose is full the oldest fresh flow makes room, and proven ones never do", async () => {
  const { gateway, port } = await served("amplify 1 cap 2 connections allow from any");
  const [first, second, third, fourth] = await clients(4);
  if (first === undefined || second === undefined || third === undefined || fourth === undefined) return;
  await query(first, port);
  await query(second, port);
  await query(third, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  // The second is there still, and the first is not: its next datagram is decided again.
  await query(second, port);
  assert.is(accepts(gateway).length, 3);
  await query(third, port);
  assert.equal((await statusOf(gateway)).flows, { live: 2, fresh: 0, dropped: {} });
  await fourth.send("q", port);
  await eventually(() => accepts(gateway).length === 4, "the fourth record");
  assert.equal(
    accepts(gateway)
      .slice(3)
      .map(({ decision, code }) => [decision, code]),
    [["deny", "cap_listener"]],
  );
  await query(second, port);
  await query(third, port);
  assert.is(accepts(gateway).length, 4);
  assert.is(fourth.got.length, 0);
});

both("where the cap of a source is full its own oldest fresh flow makes room, and no other one", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 1 per source allow from any");
  const other = await udpSocket("127.0.0.2");
  await other.send("q", port, "127.0.0.1");
  await other.until(1);
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  await query(first, port);
  await query(second, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await other.send("q", port, "127.0.0.1");
  await other.until(2);
  assert.is(accepts(gateway).length, 3, "the other source kept its flow");
  await query(second, port);
  await third.send("q", port);
  await eventually(() => accepts(gateway).length === 4, "the fourth record");
  assert.equal(
    accepts(gateway)
      .slice(3)
      .map(({ code }) => code),
    ["cap_source"],
  );
});

both("caps.connections counts flows and connections together, and fresh flows make room for both", async () => {
  const behind = await udpBackend();
  const web = await backend("hello");
  const [port, other] = [await freeUdpPort(), await freeUdpPort()];
  const gateway = await running({
    config: "[caps]\nconnections = 2",
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
    policy: `edition 1
expose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 allow from any }
expose web on tcp ${other} { backend 127.0.0.1:${web.port} allow from any }`,
  });
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  await prove(first, port);
  await query(second, port);
  await query(third, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  const stays = visit(other);
  assert.is(await stays.first, "hello");
  assert.equal((await statusOf(gateway)).ends, { made_room: 2 });
  assert.is(await probe(other), "deny");
  await second.send("q", port);
  await eventually(() => accepts(gateway).some(({ code, listener }) => code === "cap_overall" && listener === "dns"), "the flow is refused");
  await query(first, port);
  stays.socket.destroy();
});

both("a limit is charged for a flow and not for its datagrams", async () => {
  const { gateway, port } = await served("amplify 1 limit 1/h burst 2 per source allow from any");
  const [first, second, third] = await clients();
  if (first === undefined || second === undefined || third === undefined) return;
  for (let i = 0; i < 5; i++) await query(first, port);
  await query(second, port);
  await third.send("q", port);
  await eventually(() => accepts(gateway).length === 3, "three records");
  assert.equal(
    accepts(gateway).map(({ code }) => code),
    ["allowed", "allowed", "limit_source"],
  );
});

test.run();
