// How connections of the image end: by the client, by the service, after silence, or when the service stops. In
// every case the flow is closed exactly once.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { client } from "../../scripts/os/client.ts";
import { ACK, FIN, RST, SYN, tcp } from "../../scripts/os/frames.ts";
import { nodeMachine } from "./node_machine.ts";
import { another, opened, PEER, plainMachine, PORT, segments, text } from "./plain.ts";

const test = suite("endings of the image");
const counted = (p: { readonly machine: ReturnType<typeof plainMachine> }): number => p.machine.engine.connections(0);

test("if the client ends first, its last bytes and its end reach the service and the slot is freed at once", async () => {
  const plain = await opened();
  const { machine, c, s } = plain;
  await c.say(Buffer.from("bye"));
  assert.not.ok(s.clientEnded);
  await c.finish();
  assert.ok(s.clientEnded);
  assert.is(text(s), "bye");
  // The other half stays open as long as the service sends.
  s.answers.push(Buffer.from("so long"));
  s.isFinished = true;
  await machine.advance(1);
  const last = await c.send({});
  assert.equal(last, []);
  await c.send({ ack: (c.ack + 8) >>> 0 });
  assert.is(machine.connections(), 0);
  assert.is(machine.whole, 1);
  assert.is(counted(plain), 0);
});

test("if the service ends first, late segments of the client are still matched for 2 s", async () => {
  const plain = await opened({
    onBytes: (s) => {
      s.isFinished = true;
    },
  });
  const { machine, c } = plain;
  await c.say(Buffer.from("GET"));
  assert.ok(c.isEnded);
  // The client's half can stay open.
  await c.say(Buffer.from("more"));
  assert.equal([text(plain.s), machine.whole, counted(plain)], ["GETmore", 0, 1]);
  await c.finish();
  assert.equal([machine.connections(), machine.whole, counted(plain)], [1, 1, 0]);
  assert.equal(
    (await c.send({ seq: (c.seq - 1) >>> 0, flags: ACK | FIN })).map(({ flags }) => flags),
    [ACK],
  );
  machine.tick(n.TIME_WAIT_MS - 1);
  assert.is(machine.connections(), 1);
  machine.tick(1);
  assert.is(machine.connections(), 0);
});

test("a SYN with a newer number reuses the slot of an ended connection, and one with an older number does not", async () => {
  for (const [ahead, isTaken] of [
    [1, true],
    [0, true],
    [-5, false],
  ] as const) {
    const { machine, c } = await opened({
      onBytes: (s) => {
        s.isFinished = true;
      },
    });
    await c.say(Buffer.from("GET"));
    await c.finish();
    const again = client(machine, PEER, 40_000, PORT, (c.seq + ahead + (ahead === 0 ? 1 : 0)) >>> 0);
    assert.is(await again.open(), isTaken, `${ahead}`);
  }
});

test("both sides can end at the same time", async () => {
  const { machine, c, s } = await opened();
  s.isFinished = true;
  const [fin] = segments(machine.tick());
  assert.is((fin?.flags ?? 0) & FIN, FIN);
  // The two FINs cross, so theirs does not acknowledge ours.
  const [answer] = await c.send({ flags: ACK | FIN });
  assert.is(answer?.ack, (c.seq + 1) >>> 0);
  assert.is(machine.whole, 0);
  c.seq++;
  await c.send({ ack: ((fin?.seq ?? 0) + 1) >>> 0 });
  assert.is(machine.whole, 1);
});

test("a lost FIN is retransmitted", async () => {
  const { machine, c, s } = await opened();
  s.answers.push(Buffer.from("end"));
  s.isFinished = true;
  assert.equal(
    segments(machine.tick()).map(({ flags, data }) => [flags & FIN, data.toString()]),
    [[FIN, "end"]],
  );
  assert.equal(
    segments(machine.tick(1_000)).map(({ flags, data }) => [flags & FIN, data.toString()]),
    [[FIN, "end"]],
  );
  assert.equal(await c.send({ ack: (c.ack + 3) >>> 0 }).then((back) => back.map(({ flags, data }) => [flags & FIN, data.length])), [[FIN, 0]]);
  assert.equal(await c.send({ ack: (c.ack + 4) >>> 0 }), []);
});

test("a connection ends after 30 s without a byte in either direction, and not one millisecond earlier", async () => {
  const plain = await opened();
  const { machine, c } = plain;
  await machine.advance(n.IDLE_MS - 1);
  assert.is(machine.connections(), 1);
  await c.say(Buffer.from("x"));
  await machine.advance(n.IDLE_MS - 1);
  assert.is(machine.connections(), 1);
  // A segment without new data does not count as activity.
  await c.send({});
  const sent = segments(await machine.advance(1));
  assert.equal(
    sent.map(({ flags }) => flags & RST),
    [RST],
  );
  assert.equal([machine.connections(), machine.counter(n.N_IDLE), counted(plain), machine.whole], [0, 1, 0, 0]);
});

test("a client that ends and then keeps its window closed is ended by the idle bound", async () => {
  const plain = await opened();
  const { machine, c, s } = plain;
  await c.send({ window: 0 });
  await c.send({ flags: ACK | FIN, window: 0 });
  c.seq++;
  s.answers.push(Buffer.from("x"));
  s.isFinished = true;
  for (let second = 0; second < 31; second++) {
    await machine.advance(1_000);
    await c.send({ window: 0 });
  }
  assert.is(machine.connections(), 0);
  assert.is(counted(plain), 0);
});

test("the idle bound works across a wrap of the clock", async () => {
  const { machine } = await opened({ startMs: 2 ** 32 - 10_000 });
  await machine.advance(n.IDLE_MS - 1);
  assert.is(machine.connections(), 1);
  await machine.advance(1);
  assert.is(machine.connections(), 0);
});

test("when a service stops, its connections end and later ones are refused", async () => {
  const plain = await opened();
  plain.s.isGone = true;
  assert.equal(
    segments(plain.machine.tick()).map(({ flags }) => flags & RST),
    [RST],
  );
  assert.equal([plain.machine.connections(), counted(plain)], [0, 0]);
  const machine = plainMachine({
    onServed: (s) => {
      s.isGone = true;
    },
  });
  const c = client(machine, PEER, 40_000, PORT);
  assert.not.ok(await c.open());
  assert.ok(c.isReset);
  assert.is(machine.engine.connections(0), 0);
});

test("a connection counts towards caps exactly as long as it lives", async () => {
  const policy = `edition 1\nexpose plain on tcp ${PORT} { cap 3 connections allow named all from any }\n`;
  const machine = nodeMachine({ policy });
  const clients = [await another(machine, 1), await another(machine, 2), await another(machine, 3)];
  const fourth = client(machine, PEER, 4, PORT);
  assert.not.ok(await fourth.open());
  assert.ok(fourth.isReset);
  await clients[0]?.c.reset();
  await another(machine, 5);
  assert.is(machine.engine.connections(0), 3);
  await machine.advance(n.IDLE_MS);
  assert.equal([machine.engine.connections(0), machine.connections()], [0, 0]);
});

test("a reset during a handshake ends only that client's connection", async () => {
  const machine = plainMachine();
  const { s } = await another(machine, 40_000);
  machine.frame(tcp({ source: PEER, sourcePort: 40_001, port: PORT, seq: 5, flags: SYN }));
  machine.frame(tcp({ source: PEER, sourcePort: 40_001, port: PORT, seq: 6, flags: RST }));
  assert.equal([machine.halfOpen(), machine.connections(), s.isGone], [0, 1, false]);
});

test.run();
