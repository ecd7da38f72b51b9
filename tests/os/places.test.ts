// The places for connections and for handshakes are divided among the open ports, so that the clients of one don't shut
// out those of another.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { OS_PLACES, OS_PORTS } from "../../runtime/abi/profiles.ts";
import * as n from "../../runtime/os/net/layout.ts";
import { client, type Client } from "../../scripts/os/client.ts";
import { ACK, ip, RST, SYN, tcp } from "../../scripts/os/frames.ts";
import { nodeMachine, type NodeMachine } from "./node_machine.ts";
import { PEER, PORT, segments } from "./plain.ts";

const test = suite("places of the image");
const HOUR_MS = 3_600_000;
const ATTACKER = ip("203.0.113.7");

/** Exposes at this many ports, from PORT on. */
const machineWith = (ports: number): NodeMachine =>
  nodeMachine({
    policy: `edition 1\n${Array.from({ length: ports }, (_, i) => `expose s${i} on tcp ${PORT + i} { cap 100 connections allow from any }`).join("\n")}\n`,
  });

/** Opens connections until one is refused, at most one more than there are places. */
async function fill(machine: NodeMachine, port: number, source = ATTACKER): Promise<readonly Client[]> {
  const open: Client[] = [];
  for (let i = 0; i <= n.CONNECTION_COUNT; i++) {
    const c = client(machine, source, 1_000 + open.length + 100 * (port - PORT), port);
    if (!(await c.open())) break;
    open.push(c);
  }
  return open;
}

const syn = (machine: NodeMachine, sourcePort: number, port: number, source = ATTACKER): number | null => {
  const [answer] = segments(machine.frame(tcp({ source, sourcePort, port, seq: 1_000, flags: SYN })));
  return answer?.flags === (SYN | ACK) ? answer.seq : null;
};
const ack = (machine: NodeMachine, sourcePort: number, port: number, ours: number, source = ATTACKER): readonly number[] =>
  segments(machine.frame(tcp({ source, sourcePort, port, seq: 1_001, ack: (ours + 1) >>> 0, flags: ACK }))).map(({ flags }) => flags);

test("the image's bounds are those that the compiler knows", () => {
  assert.equal([OS_PLACES, OS_PORTS], [n.CONNECTION_COUNT, n.PORT_COUNT]);
});

// The open ports, the connections that one of them may have, and the reserved part of each.
for (const [ports, most, part] of [
  [1, 32, 16],
  [2, 24, 8],
  [3, 22, 5],
  [8, 18, 2],
  [16, 17, 1],
] as const) {
  test(`with ${ports} open ports one has at most ${most} of 32 places, and each has ${part}`, async () => {
    const machine = machineWith(ports);
    assert.is((await fill(machine, PORT)).length, most);
    assert.is(machine.counter(n.N_NO_SLOT), 1);
    for (let i = 1; i < ports; i++) assert.is((await fill(machine, PORT + i)).length, part, `port ${i}`);
    assert.is(machine.connections(), most + (ports - 1) * part);
  });

  test(`with ${ports} open ports the handshakes of one replace none of another's`, () => {
    const machine = machineWith(ports);
    const theirs = Array.from({ length: ports - 1 }, (_, i) => Array.from({ length: part }, (_, k) => syn(machine, 100 + k, PORT + 1 + i, PEER)));
    for (let i = 0; i < 200; i++) assert.is.not(syn(machine, 1_000 + i, PORT), null);
    assert.is(machine.halfOpen(), most + (ports - 1) * part);
    assert.is(machine.counter(n.N_HALF_OPEN_EVICTED), 200 - most);
    for (const [i, all] of theirs.entries()) for (const [k, ours] of all.entries()) assert.equal(ack(machine, 100 + k, PORT + 1 + i, ours ?? 0, PEER), []);
    assert.is(machine.connections(), (ports - 1) * part);
  });
}

test("a place that was given up is anybody's again", async () => {
  const machine = machineWith(2);
  const [first] = await fill(machine, PORT);
  await first?.reset();
  // Eight of its part, and the one that was given up.
  assert.is((await fill(machine, PORT + 1)).length, 9);
  assert.not.ok(await client(machine, PEER, 9, PORT).open());
});

test("while all places of one port are taken for an hour, another one serves", async () => {
  const machine = machineWith(2);
  const taken = await fill(machine, PORT);
  for (let ms = 0; ms < HOUR_MS; ms += 25_000) {
    for (const c of taken) await c.say(Buffer.from("k"));
    assert.not.ok(await client(machine, ATTACKER, 9_000, PORT).open());
    const good = client(machine, PEER, 10_000 + ms / 25_000, PORT + 1);
    assert.ok(await good.open(), `after ${ms} ms`);
    await good.say(Buffer.from("hello"));
    assert.is([...machine.served.values()].filter(({ source, received }) => source === PEER && Buffer.concat(received).toString() === "hello").length, 1);
    await good.reset();
    await machine.advance(25_000);
  }
  assert.ok(taken.every(({ isReset }) => !isReset));
});

test("a half-closed connection ends after 60 s, whatever its other half moves", async () => {
  // The side that ends first, and the bytes that the other one moves in each second.
  const rows: readonly (readonly [
    name: string,
    begin: (c: Client, machine: NodeMachine) => Promise<void>,
    move: (c: Client, machine: NodeMachine) => Promise<void>,
  ])[] = [
    [
      "the client ends, and the service sends a byte in each second",
      async (c) => {
        await c.finish();
      },
      async (c, machine) => {
        for (const s of machine.served.values()) s.answers.push(Buffer.from("x"));
        await machine.advance(0);
        c.ack = (c.ack + 1) >>> 0;
        await c.send({});
      },
    ],
    [
      "the service ends, and the client sends a byte in each second",
      async (c, machine) => {
        for (const s of machine.served.values()) s.isFinished = true;
        await machine.advance(0);
        c.ack = (c.ack + 1) >>> 0;
        await c.send({});
      },
      async (c) => {
        await c.say(Buffer.from("x"));
      },
    ],
  ];
  for (const [name, begin, move] of rows) {
    const machine = machineWith(1);
    const c = client(machine, PEER, 40_000, PORT);
    assert.ok(await c.open());
    // The life of a connection with both halves has no end.
    for (let second = 0; second < 100; second++) {
      await machine.advance(1_000);
      await c.say(Buffer.from("y"));
    }
    await begin(c, machine);
    for (let second = 1; second < n.HALF_CLOSED_MS / 1_000; second++) {
      await machine.advance(1_000);
      await move(c, machine);
      assert.is(machine.connections(), 1, `${name}, ${second} s`);
    }
    await machine.advance(999);
    assert.is(machine.connections(), 1, name);
    const last = segments(await machine.advance(1));
    assert.ok(
      last.some(({ flags }) => (flags & RST) !== 0),
      name,
    );
    assert.equal([machine.connections(), machine.counter(n.N_HALF_CLOSED), machine.counter(n.N_IDLE)], [0, 1, 0], name);
  }
});

test("a client whose handshake was replaced gets silence, and a reset after the 7 s", () => {
  const machine = machineWith(1);
  machine.tick(5);
  const ours = syn(machine, 40_000, PORT, PEER) ?? 0;
  machine.tick(3);
  for (let i = 0; i < n.HALF_OPEN_COUNT; i++) syn(machine, 1_000 + i, PORT);
  assert.equal(ack(machine, 40_000, PORT, ours, PEER), []);
  // Only this number, and only from this client.
  for (const near of [-250, -1, 1, 249, 1_000_000]) assert.equal(ack(machine, 40_000, PORT, ours + near, PEER), near === -250 ? [] : [RST], `${near}`);
  assert.equal(ack(machine, 40_001, PORT, ours, PEER), [RST]);
  assert.equal(ack(machine, 40_000, PORT, ours, ATTACKER), [RST]);
  machine.tick(n.HANDSHAKE_MS - 4);
  assert.equal(ack(machine, 40_000, PORT, ours, PEER), []);
  machine.tick(1);
  assert.equal(ack(machine, 40_000, PORT, ours, PEER), [RST]);
  assert.is(machine.connections(), 0);
});

test.run();
