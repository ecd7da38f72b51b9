// RFC 5961: segments that a blind attacker could send reset no connection and inject no byte.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { ACK, FIN, PSH, RST, SYN, tcp, type Received } from "../../scripts/os/frames.ts";
import { opened, PEER, PORT, segments, text, type Plain } from "./plain.ts";

const test = suite("resets and forgeries");
const RING = 4_096;

interface Forged {
  /** Relative to the number that the machine expects. */
  readonly seq: number;
  /** Relative to what the machine has sent. */
  readonly ack?: number;
  readonly flags: number;
  readonly data?: Buffer;
}

const forge = ({ machine, c }: Plain, { seq, ack = 0, flags, data }: Forged): readonly Received[] =>
  segments(
    machine.frame(
      tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: (c.seq + seq) >>> 0, ack: (c.ack + ack) >>> 0, flags, ...(data !== undefined && { data }) }),
    ),
  );
const X = Buffer.from("x");

test("the sequence numbers of a segment decide its answer", async () => {
  // Name, segment, what comes back, and whether the connection lives on.
  const rows: readonly (readonly [name: string, forged: Forged, answer: "none" | "ack" | "challenge", lives: boolean])[] = [
    ["a reset that is due", { seq: 0, flags: RST }, "none", false],
    ["the same with an acknowledgement", { seq: 0, flags: RST | ACK, ack: 12_345 }, "none", false],
    ["a reset one further", { seq: 1, flags: RST }, "challenge", true],
    ["a reset at the window's last number", { seq: RING - 1, flags: RST }, "challenge", true],
    ["a reset behind the window", { seq: RING, flags: RST }, "none", true],
    ["a reset one too early", { seq: -1, flags: RST }, "none", true],
    ["a SYN that is due", { seq: 0, flags: SYN }, "challenge", true],
    ["a SYN anywhere", { seq: 100_000, flags: SYN }, "challenge", true],
    ["a SYN-ACK", { seq: 0, flags: SYN | ACK }, "challenge", true],
    ["an acknowledgement of what was never sent", { seq: 0, ack: 1, flags: ACK | PSH, data: X }, "challenge", true],
    ["one of long ago", { seq: 0, ack: -RING - 1, flags: ACK | PSH, data: X }, "challenge", true],
    ["the oldest that may be", { seq: 0, ack: -RING, flags: ACK | PSH, data: X }, "ack", true],
    ["data without an acknowledgement", { seq: 0, flags: PSH, data: X }, "none", true],
    ["data behind the window", { seq: RING, flags: ACK | PSH, data: X }, "ack", true],
    ["data before it", { seq: -1, flags: ACK | PSH, data: X }, "ack", true],
    ["an acknowledgement behind the window", { seq: RING + 5, flags: ACK }, "challenge", true],
    ["a FIN behind the window", { seq: RING, flags: ACK | FIN }, "ack", true],
    ["a FIN with a gap before it", { seq: 5, flags: ACK | FIN }, "ack", true],
  ];
  for (const [name, forged, answer, lives] of rows) {
    const plain = await opened();
    const back = forge(plain, forged);
    const isSound = back.every(({ flags, seq, ack }) => flags === ACK && seq === plain.c.ack && (ack - plain.c.seq) >>> 0 <= 1);
    assert.ok(isSound, name);
    assert.is(back.length, answer === "none" ? 0 : 1, name);
    assert.is(plain.machine.counter(n.N_CHALLENGES), answer === "challenge" ? 1 : 0, name);
    assert.is(plain.machine.connections(), lives ? 1 : 0, name);
    assert.is(text(plain.s), name === "the oldest that may be" ? "x" : "", name);
    assert.not.ok(plain.s.clientEnded, name);
    // A connection that lives on still takes what is due.
    if (lives) {
      forge(plain, { seq: text(plain.s).length, flags: ACK | PSH, data: Buffer.from("good") });
      assert.ok(text(plain.s).endsWith("good"), name);
    }
  }
});

test("only one of the 4,096 numbers in the window resets a connection", async () => {
  let resets = 0;
  for (let seq = 0; seq < RING; seq += 127) {
    const plain = await opened();
    forge(plain, { seq, flags: RST });
    resets += 1 - plain.machine.connections();
  }
  assert.is(resets, 1);
});

test("a challenged client resets with the expected number", async () => {
  const plain = await opened();
  const [challenge] = forge(plain, { seq: 7, flags: RST });
  if (challenge === undefined) throw new Error("no challenge");
  forge(plain, { seq: (challenge.ack - plain.c.seq) | 0, flags: RST });
  assert.is(plain.machine.connections(), 0);
  assert.is(plain.machine.counter(n.N_RESETS_TAKEN), 1);
});

test("a segment with the right numbers from another peer matches no connection", async () => {
  const plain = await opened();
  for (const [source, sourcePort] of [
    [PEER + 1, 40_000],
    [PEER, 40_001],
  ] as const) {
    const back = segments(plain.machine.frame(tcp({ source, sourcePort, port: PORT, seq: plain.c.seq, ack: plain.c.ack, flags: ACK | PSH, data: X })));
    assert.equal(
      back.map(({ flags }) => flags),
      [RST],
    );
  }
  assert.is(text(plain.s), "");
  assert.is(plain.machine.connections(), 1);
});

test.run();
