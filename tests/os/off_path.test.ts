// Off-path attacks on connections of the image, in Node: blind resets and blind injections with ten times the segments with which
// they succeeded while all connections shared one budget of challenges.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { client } from "../../scripts/os/client.ts";
import { ACK, ip, PSH, RST, SYN, tcp } from "../../scripts/os/frames.ts";
import { atLength } from "../at_length.ts";
import { chance } from "../oracle/random.ts";
import { nodeMachine, type NodeMachine } from "./node_machine.ts";
import { offPath, type OffPath } from "./off_path.ts";
import { another, opened, PEER, plainMachine, PORT, segments, text, type Plain } from "./plain.ts";

const test = suite("off-path attacks");
const RUNS = atLength(10, 2);
/** The attacker knows each number but for this. */
const SPACE = 2 ** 22;
/** Segments of one attempt that succeeded: one for each window of the space, one for each number of the window, and the probes. */
const SUCCEEDED = 5_600;
const LAN = ip("10.0.2.2");
const POLICY = `edition 1
net lan = 10.0.2.0/24
expose plain on tcp ${PORT} { cap 100 connections allow named all from any }
expose inner on tcp ${PORT + 1} { cap 100 connections allow named lan from lan }
`;

interface Attacked extends Plain {
  readonly attack: OffPath;
}

/** A connection of a source that the policy admits alone to its port, and an attacker with a connection at the other port. */
async function attacked(seed: number): Promise<Attacked> {
  const r = chance(seed);
  const machine = nodeMachine({ policy: POLICY });
  machine.tick(r.below(2 ** 31));
  const own = await another(machine, 40_000, r.word());
  const c = client(machine, LAN, 40_001, PORT + 1, r.word());
  if (!(await c.open())) throw new Error("the client was refused");
  const s = [...machine.served.values()].find(({ source }) => source === LAN);
  if (s === undefined) throw new Error("the client is not served");
  const keep = async (): Promise<void> => {
    await own.c.say(Buffer.from("k"));
    if (!c.isReset) await c.say(Buffer.from("k"));
  };
  const target = { source: LAN, sourcePort: 40_001, port: PORT + 1, seqFrom: c.seq - r.below(SPACE), ackFrom: c.ack - r.below(SPACE), space: SPACE };
  return { machine, c, s, attack: await offPath(machine, () => own.c, PEER, target, keep) };
}

for (const way of ["reset", "inject"] as const) {
  test(`${RUNS} runs of a blind ${way} with ten times the segments that sufficed do nothing`, async () => {
    for (let run = 0; run < RUNS; run++) {
      const { machine, c, s, attack } = await attacked(500 + run);
      for (let attempt = 0; attack.packets < 10 * SUCCEEDED; attempt++) {
        await attack[way](1_009 * attempt);
        assert.is(machine.connections(), 2, `run ${run}, after ${attack.packets} segments`);
        assert.match(text(s), /^k*$/, `run ${run}, after ${attack.packets} segments`);
      }
      await c.say(Buffer.from("still here"));
      assert.match(text(s), /^k*still here$/, `run ${run}`);
    }
  });
}

test("an attacker sees no difference between segments that were challenged and others", async () => {
  const { machine, c, attack } = await attacked(7);
  const forged = (seq: number): Buffer => tcp({ source: LAN, sourcePort: 40_001, port: PORT + 1, seq: (c.seq + seq) >>> 0, flags: RST });
  for (const [seq, due] of [
    [9, 2],
    [5_000, 0],
  ] as const) {
    const before = machine.counter(n.N_CHALLENGES);
    const usual = n.CHALLENGES_PER_SECOND;
    assert.not.ok(await attack.sees(Array.from({ length: 20 }, () => forged(seq))));
    assert.is(machine.counter(n.N_CHALLENGES) - before, usual + due);
  }
});

test("each connection has its own budget of challenges, at most two a second", async () => {
  const plain = await opened();
  const others = [await another(plain.machine, 40_001), await another(plain.machine, 40_002)];
  const forge = (sourcePort: number, seq: number): number =>
    segments(plain.machine.frame(tcp({ source: PEER, sourcePort, port: PORT, seq: (seq + 9) >>> 0, flags: RST }))).length;
  const rounds = [0, 999, 1].map((ms) => {
    plain.machine.tick(ms);
    return [plain, ...others].map(({ c }, i) => Array.from({ length: 4 }, () => forge(40_000 + i, c.seq)).reduce((a, b) => a + b, 0));
  });
  assert.is(n.CHALLENGES_PER_SECOND, 2);
  assert.equal(rounds, [
    [2, 2, 2],
    [0, 0, 0],
    [2, 2, 2],
  ]);
});

test("a handshake has no challenges, so nothing of it is seen at another", () => {
  const machine = plainMachine();
  const answers = (of: { seq: number; ack?: number; flags: number }): number =>
    machine.frame(tcp({ source: PEER, sourcePort: 40_000, port: PORT, ack: 0, ...of })).length;
  const [made] = segments(machine.frame(tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: 1_000, flags: SYN })));
  if (made === undefined) throw new Error("no SYN-ACK");
  const ack = (made.seq + 1) >>> 0;
  // In the window, outside of it, another SYN, a SYN-ACK, and the acknowledgement that is due with a number outside of the window.
  for (const of of [
    { seq: 1_010, flags: RST },
    { seq: 9_000, flags: RST },
    { seq: 5_000, flags: SYN },
    { seq: 1_000, flags: SYN | ACK },
    { seq: 9_000, ack, flags: ACK },
  ])
    assert.is(answers(of), 0, JSON.stringify(of));
  assert.is(machine.counter(n.N_CHALLENGES), 0);
  assert.is(machine.halfOpen(), 1);
});

const challengedByAck = (machine: NodeMachine, { c }: Plain): number =>
  segments(machine.frame(tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: c.seq, ack: (c.ack + 1) >>> 0, flags: ACK | PSH, data: Buffer.from("x") })))
    .length;

test("a client that needs its challenge gets it in the next second", async () => {
  const plain = await opened();
  assert.equal(
    [1, 2, 3].map(() => challengedByAck(plain.machine, plain)),
    [1, 1, 0],
  );
  plain.machine.tick(1_000);
  assert.is(challengedByAck(plain.machine, plain), 1);
});

test.run();
