// Several caps per source of one expose: which of them is full, who makes room for a flow, and whose end a connection waits for.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { capKeysOf, fullKeysOf } from "../../gateway/admit/cap_key.ts";
import { Places } from "../../gateway/connection/places.ts";
import { parseAddress, type Address } from "../../runtime/net/address.ts";
import { freshEngine } from "../../compiler/cli/policy_tests.ts";
import { loaded } from "../host/compiled.ts";
import { chance } from "../oracle/random.ts";
import { freeUdpPort, udpSocket, type UdpSocket } from "./datagrams_under_test.ts";
import { backend, eventually, manualClock, moduleOf, probe, running, visit } from "./gateway_under_test.ts";
import { accepts, current, LOOPBACK, onEach, prove, query, served, statusOf } from "./served_datagrams.ts";

const test = suite("source caps");
const both = onEach(test);

function at(text: string): Address {
  const address = parseAddress(text);
  if (address === null) throw new Error(text);
  return address;
}

const SOURCES: readonly (readonly [string, zone: number])[] = [
  ...["10.0.0.1", "10.0.0.2", "10.0.0.129", "10.0.1.1", "192.0.2.1", "2001:db8::1", "2001:db8:0:1::1", "2001:db8:1::1"].map((text) => [text, 0] as const),
  ["fe80::1", 1],
  ["fe80::1", 2],
  ["fe80::2", 1],
];

const CAPS: readonly string[] = [
  "cap 90 connections, 2 per source",
  "cap 90 connections, 2 per source, 5 per source /24 /48",
  "cap 90 connections, 2 per source from any except 10.0.0.2, 3 per source /24 /56, 9 per source /8 /32",
  "cap 90 connections, 1 per source from 10.0.0.0/25, 1 per source /24 /64 from 10.0.0.128/25, fe80::/64, 4 per source /16 /48 from 2001:db8::/32, 10.0.0.0/8",
];
for (const caps of CAPS)
  test(`the engine refuses for a cap per source if and only if a key is full: ${caps}`, () => {
    const engine = freshEngine(loaded(moduleOf(`edition 1\nexpose e on udp 53 { backend 127.0.0.1:1 amplify 1 ${caps} allow from any }`)), null);
    const [info] = engine.info.listeners;
    if (info === undefined) throw new Error("no listener");
    const random = chance(caps.length);
    const places = new Places(manualClock());
    const open: { readonly row: number; readonly source: Address; readonly zone: number }[] = [];
    const seen = new Map<string, number>();
    engine.setClock({ monoMs: 1, wallSeconds: 1 });
    for (let row = 0; row < 3_000; row++) {
      if (open.length > 0 && random.below(3) === 0) {
        const [one] = open.splice(random.below(open.length), 1);
        if (one === undefined) continue;
        engine.release(0, one.source, one.zone);
        places.give(one.row);
      }
      const [text = "", zone = 0] = SOURCES[random.below(SOURCES.length)] ?? [];
      const source = at(text);
      const full = fullKeysOf(info, source, zone, (key) => places.count(key));
      const [answer] = engine.admit([{ listener: 0, source, zone }]);
      const code = answer === undefined || answer.allowed || answer.later ? "allowed" : answer.code;
      assert.is(code, full.some((key) => key !== "") ? "cap_source" : "allowed", `${row}: ${text}`);
      seen.set(code, (seen.get(code) ?? 0) + 1);
      if (code !== "allowed") continue;
      open.push({ row, source, zone });
      places.take(row, capKeysOf(info, source, zone));
    }
    assert.ok((seen.get("allowed") ?? 0) > 100 && (seen.get("cap_source") ?? 0) > 100, JSON.stringify([...seen]));
  });

async function from(host: string): Promise<UdpSocket> {
  return udpSocket(host);
}

async function exchange(client: UdpSocket, port: number): Promise<void> {
  const before = client.got.length;
  await client.send("q", port, "127.0.0.1");
  await client.until(before + 1);
}

/** Sends once, and waits for the record. */
async function refused(gateway: Parameters<typeof accepts>[0], client: UdpSocket, port: number): Promise<string> {
  const before = accepts(gateway).length;
  await client.send("q", port, "127.0.0.1");
  await eventually(() => accepts(gateway).length === before + 1, "the record");
  return accepts(gateway)[before]?.code ?? "";
}

both("the flows of a source make room for its next one, and those of a wider key's other sources don't", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 2 per source, 5 per source /24 /48 allow from any");
  const [other, first, second, third] = [await from("127.0.0.9"), await from("127.0.0.1"), await from("127.0.0.1"), await from("127.0.0.1")];
  for (const client of [other, first, second, third]) await exchange(client, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await exchange(other, port);
  await exchange(second, port);
  assert.is(accepts(gateway).length, 4, "the other source and the second have their flows");
});

both("where a wider key is full its oldest flow makes room, of whichever source", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 2 per source, 3 per source /24 /48 allow from any");
  const all = [await from("127.0.0.7"), await from("127.0.0.8"), await from("127.0.0.9"), await from("127.0.0.1")];
  for (const client of all) await exchange(client, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  for (const client of all.slice(1)) await exchange(client, port);
  assert.is(accepts(gateway).length, 4, "only the first has made room");
});

both("one flow that is under both keys makes room in both caps", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 1 per source, 2 per source /24 /48 allow from any");
  const all = [await from("127.0.0.7"), await from("127.0.0.1"), await from("127.0.0.1")];
  for (const client of all) await exchange(client, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await exchange(all[0] ?? (await from("127.0.0.7")), port);
  assert.is(accepts(gateway).length, 3);
});

both("flows that a full cap does not count don't make room in it", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 1 per source /24 /48 from any except 127.0.0.7, 8 per source allow from any");
  const [exempt, one, two] = [await from("127.0.0.7"), await from("127.0.0.8"), await from("127.0.0.9")];
  for (const client of [exempt, one, two]) await exchange(client, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await exchange(exempt, port);
  assert.is(accepts(gateway).length, 3, "its flow is older, and stays");
});

both("nobody's flow ends where one of the full caps has only proven ones, and the refusal names the cap", async () => {
  const { gateway, port } = await served("amplify 1 cap 9 connections, 1 per source, 2 per source /24 /48 allow from any");
  const [fresh, proven, next] = [await from("127.0.0.7"), await from("127.0.0.1"), await from("127.0.0.1")];
  await exchange(fresh, port);
  await prove(proven, port);
  assert.is(await refused(gateway, next, port), "cap_source");
  await exchange(fresh, port);
  assert.is(accepts(gateway).length, 3);
  assert.equal((await statusOf(gateway)).ends, {});
});

both("room is made in every cap that is full, and never in vain", async () => {
  const behind = await served(
    "amplify 1 cap 3 connections, 1 per source, 2 per source /24 /48, 3 per source /16 /32 limit 5/h per source /8 /32 allow from any",
  );
  const { gateway, port } = behind;
  const all = [await from("127.0.0.7"), await from("127.0.0.1"), await from("127.0.1.1"), await from("127.0.0.1")];
  for (const client of all) await exchange(client, port);
  assert.equal(
    accepts(gateway).map(({ code }) => code),
    all.map(() => "allowed"),
  );
});

both("after a reload the new policy's caps say whose flow makes room", async () => {
  const { gateway, port, behind } = await served("amplify 1 allow from any");
  const [other, first, second] = [await from("127.0.0.9"), await from("127.0.0.1"), await from("127.0.0.1")];
  await exchange(other, port);
  await exchange(first, port);
  gateway.place(
    moduleOf(
      `edition 1\nexpose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 cap 9 connections, 5 per source /24 /48, 1 per source allow from any }`,
    ),
  );
  assert.ok((await gateway.daemon.reload()).ok);
  await exchange(second, port);
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
  await exchange(other, port);
  assert.is(accepts(gateway).length, 3);
});

both("a peer over tcp that the rules refuse ends nobody's flow where caps.connections is full", async () => {
  const web = await backend("hello");
  const [port, other] = [await freeUdpPort(), await freeUdpPort()];
  const behind = await udpSocket("127.0.0.1", 0, (bytes, { port: to, address }, socket) => socket.send(bytes, to, address));
  const gateway = await running({
    config: "[caps]\nconnections = 1",
    hostAddresses: () => LOOPBACK,
    forwarder: current.forwarder,
    policy: `edition 1
expose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 allow from any }
expose web on tcp ${other} { backend 127.0.0.1:${web.port} allow from 127.0.0.2 }`,
  });
  const client = await from("127.0.0.1");
  await query(client, port);
  assert.is(await probe(other), "deny");
  assert.equal([(await statusOf(gateway)).flows.live, (await statusOf(gateway)).ends], [1, {}]);
  assert.is(await visit(other, { from: "127.0.0.2" }).first, "hello");
  assert.equal((await statusOf(gateway)).ends, { made_room: 1 });
});

for (const [what, caps, others] of [
  ["of its source", "cap 9 connections, 1 per source", "127.0.0.3"],
  ["of its source, of several", "cap 9 connections, 8 per source, 1 per source /31 /64", "127.0.0.4"],
  ["of the expose", "cap 1 connections", null],
] as const)
  both(`a peer over tcp that a cap ${what} refuses ends nobody's flow where caps.connections is full`, async () => {
    const web = await backend("hello");
    const [port, other] = [await freeUdpPort(), await freeUdpPort()];
    const behind = await udpSocket("127.0.0.1", 0, (bytes, { port: to, address }, socket) => socket.send(bytes, to, address));
    const gateway = await running({
      config: "[caps]\nconnections = 3",
      hostAddresses: () => LOOPBACK,
      forwarder: current.forwarder,
      policy: `edition 1
expose dns on udp ${port} { backend 127.0.0.1:${behind.port} amplify 1 allow from any }
expose web on tcp ${other} { backend 127.0.0.1:${web.port} ${caps} allow from any }`,
    });
    assert.is(await visit(other, { from: "127.0.0.2" }).first, "hello");
    for (const host of ["127.0.0.8", "127.0.0.9"]) await exchange(await from(host), port);
    assert.equal([await probe(other, "127.0.0.2"), await probe(other, "127.0.0.2")], ["deny", "deny"]);
    assert.equal([(await statusOf(gateway)).flows.live, (await statusOf(gateway)).ends], [2, {}]);
    if (others === null) return;
    // One flow makes room for the first of these, whose source is full then.
    const all = [visit(other, { from: others }), visit(other, { from: others }), visit(other, { from: others })];
    assert.is(await Promise.any(all.map(({ first }) => first.then((word) => (word === "hello" ? word : Promise.reject(new Error(word)))))), "hello");
    await eventually(() => accepts(gateway).length === 8, "the decisions");
    assert.equal([(await statusOf(gateway)).flows.live, (await statusOf(gateway)).ends], [1, { made_room: 1 }]);
  });

test.run();
