// Handshakes of the image's TCP: answers, timeouts, and the number of half-open handshakes.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { client } from "../../scripts/os/client.ts";
import { ACK, FIN, ip, PSH, readTcp, RST, SYN, tcp, type Received } from "../../scripts/os/frames.ts";
import { FLOWS, nodeMachine, type NodeMachine } from "./node_machine.ts";
import { another, PEER, plainMachine, PORT, segments } from "./plain.ts";

const test = suite("handshakes of the image");
const syn = (
  machine: NodeMachine,
  sourcePort: number,
  more: { readonly options?: Buffer; readonly source?: number; readonly port?: number; readonly seq?: number } = {},
): readonly Received[] => segments(machine.frame(tcp({ source: PEER, port: PORT, seq: 1_000, ...more, sourcePort, flags: SYN })));
const one = (answers: readonly Received[]): Received => {
  const [first] = answers;
  if (first === undefined || answers.length !== 1) throw new Error(`${answers.length} answers`);
  return first;
};
const send = (machine: NodeMachine, sourcePort: number, seq: number, ack: number, flags: number, data?: Buffer): readonly Received[] =>
  segments(machine.frame(tcp({ source: PEER, port: PORT, sourcePort, seq, ack, flags, ...(data !== undefined && { data }) })));

test("a SYN-ACK announces our window and our largest segment", () => {
  const answer = one(syn(plainMachine(), 40_000));
  assert.equal([answer.flags, answer.ack, answer.window, answer.options.toString("hex")], [SYN | ACK, 1_001, 4_096, "020405b4"]);
});

test("a repeated SYN gets the same answer and no second slot", () => {
  const machine = plainMachine();
  const first = one(syn(machine, 40_000));
  assert.equal(one(syn(machine, 40_000)).seq, first.seq);
  assert.is(machine.halfOpen(), 1);
});

test("a SYN-ACK is retransmitted after 1 s and 3 s, and the slot is freed after 7 s", () => {
  const machine = plainMachine();
  syn(machine, 40_000);
  // Milliseconds since the SYN, and how many segments the machine sends then.
  const rows = [
    [999, 0],
    [1_000, 1],
    [1_001, 0],
    [2_999, 0],
    [3_000, 1],
    [6_999, 0],
  ] as const;
  let at = 0;
  for (const [ms, due] of rows) {
    const sent = segments(machine.tick(ms - at));
    assert.is(sent.filter(({ flags }) => flags === (SYN | ACK)).length, due, `${ms} ms`);
    at = ms;
  }
  assert.is(machine.halfOpen(), 1);
  assert.equal(machine.tick(1), []);
  assert.is(machine.halfOpen(), 0);
  assert.is(machine.counter(n.N_HALF_OPEN_TIMEOUT), 1);
});

test("32 handshakes may be half-open, and one more replaces only the oldest", () => {
  const machine = plainMachine();
  const answers = Array.from({ length: n.HALF_OPEN_COUNT }, (_, i) => {
    machine.tick(1);
    return one(syn(machine, 40_000 + i));
  });
  assert.is(machine.halfOpen(), 32);
  assert.is(machine.counter(n.N_HALF_OPEN_EVICTED), 0);
  assert.is(one(syn(machine, 50_000)).flags, SYN | ACK);
  assert.is(machine.halfOpen(), 32);
  assert.is(machine.counter(n.N_HALF_OPEN_EVICTED), 1);
  const [oldest, second] = answers;
  if (oldest === undefined || second === undefined) throw new Error("no answers");
  assert.equal(send(machine, 40_000, 1_001, oldest.seq + 1, ACK), []);
  assert.is(machine.connections(), 0);
  assert.equal(send(machine, 40_001, 1_001, second.seq + 1, ACK), []);
  assert.is(machine.connections(), 1);
});

test("a SYN flood does not affect established connections", async () => {
  const machine = plainMachine();
  const { c, s } = await another(machine, 40_000);
  for (let i = 0; i < 2_000; i++) syn(machine, 1 + (i % 60_000), { source: ip("203.0.113.1") + i });
  assert.is(machine.halfOpen(), 32);
  await c.say(Buffer.from("still here"));
  assert.is(Buffer.concat(s.received).toString(), "still here");
});

test("32 connections are accepted, and the next one is not", async () => {
  const machine = plainMachine();
  for (let i = 0; i < FLOWS; i++) await another(machine, 40_000 + i);
  const c = client(machine, PEER, 50_000, PORT);
  assert.not.ok(await c.open());
  assert.ok(c.isReset);
  assert.is(machine.counter(n.N_NO_SLOT), 1);
  assert.is(machine.connections(), 32);
});

test("only a valid acknowledgement or reset ends a handshake", () => {
  // The segment that answers a SYN-ACK (ours: 1000), what comes back, and whether the slot is left.
  const rows: readonly (readonly [name: string, seq: number, ackBehind: number, flags: number, answer: "none" | "reset", left: 0 | 1])[] = [
    ["an acknowledgement below", 1_001, -1, ACK, "reset", 1],
    ["one above", 1_001, 1, ACK, "reset", 1],
    ["data with a wrong one", 1_001, 9, ACK | PSH, "reset", 1],
    ["a number before the window", 1_000, 0, ACK, "none", 1],
    ["the last number of the window", 1_001 + 4_095, 0, ACK, "none", 0],
    ["the first behind it", 1_001 + 4_096, 0, ACK, "none", 1],
    ["a reset with the number that is due", 1_001, 0, RST, "none", 0],
    ["a reset at another place in the window", 1_002, 0, RST, "none", 1],
    ["a reset outside of it", 999, 0, RST, "none", 1],
    ["another SYN", 5_000, 0, SYN, "none", 1],
    ["a SYN-ACK", 1_000, 0, SYN | ACK, "none", 1],
  ];
  for (const [name, seq, behind, flags, answer, left] of rows) {
    const machine = plainMachine();
    const ours = one(syn(machine, 40_000)).seq;
    const back = send(machine, 40_000, seq, (ours + 1 + behind) >>> 0, flags).map((s) => ((s.flags & RST) !== 0 ? "reset" : "an answer"));
    assert.equal(back, answer === "none" ? [] : [answer], name);
    assert.is(machine.halfOpen(), left, name);
    if (left === 1) assert.is(machine.connections(), 0, name);
  }
});

test("a client that begins anew from the port of its handshake is served after the next SYN-ACK", async () => {
  const machine = plainMachine();
  syn(machine, 40_000);
  assert.equal(syn(machine, 40_000, { seq: 77_000 }), []);
  // It answers the SYN-ACK of the handshake that it has forgotten.
  const again = segments(machine.tick(n.RETRANSMIT_MS));
  assert.is(again.length, 1);
  assert.equal(send(machine, 40_000, again[0]?.ack ?? 0, 0, RST), []);
  assert.is(machine.halfOpen(), 0);
  assert.is(one(syn(machine, 40_000, { seq: 77_000 })).ack, 77_001);
});

test("a source that the policy refuses gets no SYN-ACK", () => {
  const policy = `edition 1\nnet lan = 10.0.2.0/24\nexpose plain on tcp ${PORT} { cap 100 connections allow named lan from lan }\n`;
  // Source, port, and what comes back.
  const rows: readonly (readonly [source: string, port: number, answer: number])[] = [
    ["10.0.2.2", PORT, SYN | ACK],
    ["10.0.3.1", PORT, RST | ACK],
    ["10.0.2.2", PORT + 1, RST | ACK],
    ["10.0.2.2", PORT - 1, RST | ACK],
    ["10.0.1.255", PORT, RST | ACK],
  ];
  for (const [source, port, answer] of rows) {
    const machine = nodeMachine({ policy });
    assert.equal(
      syn(machine, 40_000, { source: ip(source), port }).map(({ flags, ack }) => [flags, ack]),
      [[answer, 1_001]],
      `${source} ${port}`,
    );
    assert.is(machine.halfOpen(), answer === (SYN | ACK) ? 1 : 0);
  }
});

test("an unfinished handshake charges no rate, because its source may be forged", async () => {
  const policy = `edition 1\nexpose plain on tcp ${PORT} { cap 100 connections limit 2/m per source allow named all from any }\n`;
  const machine = nodeMachine({ policy });
  for (let i = 0; i < 50; i++) syn(machine, 41_000 + i);
  for (const due of [true, true, false]) {
    const c = client(machine, PEER, 40_000 + machine.connections(), PORT);
    assert.is(await c.open(), due);
  }
});

test("segments with invalid flags are dropped silently", () => {
  for (const flags of [0, FIN, PSH, SYN | FIN, SYN | RST, SYN | FIN | ACK, 0xff]) {
    const machine = plainMachine();
    assert.equal(send(machine, 40_000, 1_000, 0, flags), [], `flags ${flags}`);
    assert.is(machine.halfOpen() + machine.connections(), 0);
    assert.is(machine.counter(n.N_DROPPED), 1);
  }
});

test("a segment for no connection gets an acceptable reset, and a reset gets no answer", () => {
  const machine = plainMachine();
  assert.equal(
    send(machine, 40_000, 5, 77, ACK).map((s) => [s.flags, s.seq]),
    [[RST, 77]],
  );
  assert.equal(send(machine, 40_000, 5, 77, RST), []);
  assert.equal(send(machine, 40_000, 5, 77, RST | ACK), []);
});

test("initial sequence numbers depend on the peer, the port, the secret and the time", () => {
  const machine = plainMachine();
  const first = one(syn(machine, 40_000)).seq;
  const others = [one(syn(machine, 40_001)).seq, one(syn(machine, 40_000, { source: PEER + 1 })).seq];
  for (let second = 0; second < 10; second++) machine.tick(1_000);
  others.push(one(syn(machine, 40_000)).seq);
  assert.is(new Set([first, ...others]).size, 4);
  // Four microseconds a step (RFC 6528): ten seconds are 2,500,000.
  assert.is(((others[2] ?? 0) - first) >>> 0, 2_500_000);
});

test("the peer's largest segment is limited to our bounds", async () => {
  // The option's bytes, and the length of the first segment of a long answer.
  const rows: readonly (readonly [options: string, bytes: number])[] = [
    ["", 536],
    ["020405b4", 1_460],
    ["0204ffff", 1_460],
    ["02040000", 64],
    ["02040040", 64],
    ["02040041", 65],
    ["0101020405b400", 1_460],
    ["0002040200", 536],
    ["0203ff00", 536],
    ["02", 536],
    ["0201", 536],
    ["02ff0000", 536],
    ["0303070002040100", 536],
    ["03030702040200", 512],
  ];
  for (const [hex, bytes] of rows) {
    const options = Buffer.from(hex.padEnd(Math.ceil(hex.length / 8) * 8, "0"), "hex");
    const machine = plainMachine({
      onServed: (s) => {
        s.answers.push(Buffer.alloc(4_000, 1));
      },
    });
    const answer = one(syn(machine, 40_000, { options }));
    const out = machine.frame(tcp({ source: PEER, port: PORT, sourcePort: 40_000, seq: 1_001, ack: answer.seq + 1, flags: ACK }));
    assert.is(out.map((frame) => readTcp(frame)?.data.length ?? 0)[0], bytes, hex);
  }
});

test.run();
