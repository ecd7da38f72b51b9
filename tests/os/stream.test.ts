// Data over the image's TCP in both directions: in order, out of order, duplicated, too much, lost, and with a
// closed window.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { ACK, FIN, PSH, RST, tcp, type Received } from "../../scripts/os/frames.ts";
import { chance } from "../oracle/random.ts";
import { opened, PEER, PORT, segments, text, type Plain } from "./plain.ts";

const test = suite("streams of the image");
const RING = 4_096;
const letters = (length: number, from = 0): Buffer => Buffer.from(Array.from({ length }, (_, i) => 97 + ((from + i) % 26)));
/** A segment of the client, its number counted from the first byte of its stream. */
const piece = (
  { machine, c }: Plain,
  at: number,
  data: Buffer,
  flags = ACK | PSH,
  more: { readonly window?: number; readonly ack?: number } = {},
): readonly Received[] =>
  segments(machine.frame(tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: (c.seq + at) >>> 0, ack: c.ack, flags, data, ...more })));
const acked = ({ c }: Plain, answers: readonly Received[]): readonly number[] => answers.map(({ ack }) => (ack - c.seq) | 0);

test("segments in any order, of any size and partly duplicated become one stream", async () => {
  for (let seed = 0; seed < 60; seed++) {
    const r = chance(7_000 + seed);
    // Some streams pass the end of the sequence numbers.
    const plain = await opened({}, r.oneIn(2) ? 2 ** 32 - 1 - r.below(3_000) : r.word());
    const whole = letters(1 + r.below(RING));
    const cuts: (readonly [number, Buffer])[] = [];
    for (let at = 0; at < whole.length;) {
      const length = 1 + r.below(900);
      // A piece may begin before where the last one ended.
      const from = Math.max(0, at - (r.oneIn(4) ? r.below(200) : 0));
      cuts.push([from, whole.subarray(from, at + length)]);
      at += length;
    }
    // Data that was dropped because the list was full is retransmitted, as by a peer without an answer.
    for (let round = 0; round < 12 && text(plain.s).length < whole.length; round++) {
      for (const [at, data] of r.shuffle(r.oneIn(3) ? [...cuts, ...cuts] : cuts)) piece(plain, at, data);
    }
    assert.is(text(plain.s), whole.toString("latin1"), `seed ${seed}`);
  }
});

test("a gap is acknowledged at once, and again when it closes", async () => {
  const plain = await opened();
  assert.equal(acked(plain, piece(plain, 10, letters(10, 10))), [0]);
  assert.equal(acked(plain, piece(plain, 30, letters(10, 30))), [0]);
  assert.is(text(plain.s), "");
  assert.equal(acked(plain, piece(plain, 0, letters(10))), [20]);
  assert.equal(acked(plain, piece(plain, 20, letters(10, 20))), [40]);
  assert.is(text(plain.s), letters(40).toString());
  assert.is(plain.machine.counter(n.N_OUT_OF_ORDER), 2);
});

test("four out-of-order stretches are kept, and a fifth is dropped", async () => {
  // With a fifth kept it would be 120.
  for (const [stretches, due] of [
    [1, 40],
    [n.STRETCH_COUNT, 100],
    [n.STRETCH_COUNT + 1, 100],
  ] as const) {
    const plain = await opened();
    for (let i = 1; i <= stretches; i++) piece(plain, 20 * i, letters(10, 20 * i));
    for (let i = 0; i <= stretches; i++) piece(plain, 20 * i + 10, letters(10, 20 * i + 10));
    piece(plain, 0, letters(10));
    assert.is(text(plain.s).length, due, `${stretches}`);
  }
});

test("bytes after the window are dropped", async () => {
  for (const over of [0, 1, 500]) {
    const plain = await opened();
    plain.s.space = 0;
    for (let at = 0; at < RING - 100; at += 999) piece(plain, at, letters(999, at));
    const answers = piece(plain, RING - 100, letters(100 + over, RING - 100));
    assert.equal(
      answers.map(({ ack, window }) => [(ack - plain.c.seq) | 0, window]),
      [[RING, 0]],
    );
    plain.s.space = RING + 1_000;
    plain.machine.tick();
    assert.is(text(plain.s), letters(RING).toString());
  }
});

test("a larger window is announced once half of the ring is free, and a probe of a closed window is answered", async () => {
  const plain = await opened();
  plain.s.space = 0;
  for (let at = 0; at < RING; at += 1_024) piece(plain, at, letters(1_024, at));
  assert.equal(
    piece(plain, RING, letters(1)).map(({ window }) => window),
    [0],
  );
  assert.is(text(plain.s), "");
  plain.s.space = RING / 2 - 1;
  assert.equal(segments(plain.machine.tick()), []);
  plain.s.space = 1;
  assert.equal(
    segments(plain.machine.tick()).map(({ ack, window }) => [(ack - plain.c.seq) | 0, window]),
    [[RING, RING / 2]],
  );
});

test("duplicate bytes are acknowledged and not passed again", async () => {
  const plain = await opened();
  piece(plain, 0, letters(100));
  assert.equal(acked(plain, piece(plain, 0, letters(100))), [100]);
  assert.equal(acked(plain, piece(plain, 50, letters(100, 50))), [150]);
  assert.is(text(plain.s), letters(150).toString());
});

/** A connection whose service sends `answer` after the first byte. */
async function answering(answer: Buffer): Promise<Plain> {
  const plain = await opened();
  plain.s.answers.push(answer);
  return plain;
}

test("lost data is retransmitted after 1, 3, 7, 15 and 31 s, and the connection is dropped after 47 s", async () => {
  const plain = await answering(letters(100));
  const { machine, c } = plain;
  assert.equal(
    segments(machine.tick()).map(({ data }) => data.length),
    [100],
  );
  // The client acknowledges nothing of it; it continues to send, so that the idle bound is not what ends it.
  let at = 0;
  let said = 0;
  for (const [ms, due] of [
    [999, 0],
    [1_000, 1],
    [2_999, 0],
    [3_000, 1],
    [6_999, 0],
    [7_000, 1],
    [14_999, 0],
    [15_000, 1],
    [30_999, 0],
    [31_000, 1],
    [46_999, 0],
  ] as const) {
    const sent = segments(machine.tick(ms - at));
    at = ms;
    assert.equal(
      sent.map(({ seq, data }) => [(seq - c.ack) | 0, data.length]),
      due === 1 ? [[0, 100]] : [],
      `${ms} ms`,
    );
    piece(plain, said++, letters(1));
  }
  assert.equal(
    segments(machine.tick(1)).map(({ flags }) => flags & RST),
    [RST],
  );
  assert.is(machine.connections(), 0);
  assert.is(machine.counter(n.N_GIVEN_UP), 1);
  assert.is(machine.counter(n.N_RETRANSMITS), 5);
});

test("an acknowledgement resets the timer, and the rest is sent one segment per acknowledgement", async () => {
  const plain = await answering(letters(2_000));
  const { machine, c } = plain;
  const first = segments(machine.tick());
  assert.equal(
    first.map(({ data }) => data.length),
    [536, 536, 536, 392],
  );
  assert.equal(
    segments(machine.tick(1_000)).map(({ seq, data }) => [(seq - c.ack) | 0, data.length]),
    [[0, 536]],
  );
  const ack = (by: number): readonly Received[] => piece(plain, 0, Buffer.alloc(0), ACK, { ack: (c.ack + by) >>> 0 });
  assert.equal(
    ack(536).map(({ seq, data }) => [(seq - c.ack) | 0, data.length]),
    [[536, 536]],
  );
  assert.equal(ack(2_000), []);
  assert.equal(segments(machine.tick(20_000)), []);
});

test("no more is sent than the peer's window allows", async () => {
  for (const window of [1, 535, 536, 537, 1_500, 4_095, 4_096, 65_535]) {
    const plain = await opened();
    piece(plain, 0, letters(1), ACK | PSH, { window });
    plain.s.answers.push(letters(9_000));
    const sent = segments(plain.machine.tick()).reduce((sum, { data }) => sum + data.length, 0);
    assert.is(sent, Math.min(window, RING), `window ${window}`);
  }
});

test("a closed window is probed with one byte, and sending continues when it opens", async () => {
  const plain = await opened();
  const { machine, c } = plain;
  piece(plain, 0, letters(1), ACK | PSH, { window: 0 });
  plain.s.answers.push(letters(10));
  assert.equal(segments(machine.tick()), []);
  const probe = segments(machine.tick(1_000));
  assert.equal(
    probe.map(({ data }) => data.toString()),
    ["a"],
  );
  // The answer has a window that is still closed, so it is probed again and the connection is kept.
  for (const wait of [2_000, 4_000, 8_000]) {
    piece(plain, 1, Buffer.alloc(0), ACK, { window: 0 });
    assert.equal(
      segments(machine.tick(wait)).map(({ data }) => data.length),
      [1],
      `${wait}`,
    );
  }
  const rest = piece(plain, 1, Buffer.alloc(0), ACK, { window: 500, ack: (c.ack + 1) >>> 0 });
  assert.equal(
    rest.map(({ data }) => data.toString()),
    ["bcdefghij"],
  );
});

test("the window of an older segment is ignored", async () => {
  // The segments in the order in which they come, and what may go out after them.
  for (const [first, second, due] of [
    [{ at: 10, window: 0 }, { at: 0, window: 4_000 }, 0],
    [{ at: 0, window: 4_000 }, { at: 10, window: 0 }, 0],
    [{ at: 10, window: 4_000 }, { at: 0, window: 0 }, 10],
  ] as const) {
    const plain = await opened();
    for (const { at, window } of [first, second]) piece(plain, at, letters(10, at), ACK | PSH, { window });
    plain.s.answers.push(letters(10));
    assert.is(
      segments(plain.machine.tick()).reduce((sum, { data }) => sum + data.length, 0),
      due,
    );
  }
});

test("a connection is kept while the client keeps its window closed and continues to send", async () => {
  const plain = await opened();
  plain.s.answers.push(letters(10));
  piece(plain, 0, letters(1), ACK | PSH, { window: 0 });
  for (let second = 1; second < 120; second++) {
    plain.machine.tick(1_000);
    piece(plain, second, letters(1), ACK | PSH, { window: 0 });
  }
  assert.is(plain.machine.connections(), 1);
});

test("a long answer arrives complete despite all kinds of loss", async () => {
  for (let seed = 0; seed < 20; seed++) {
    const r = chance(9_100 + seed);
    const whole = letters(20_000);
    const plain = await answering(Buffer.from(whole));
    const { machine, c } = plain;
    plain.s.isFinished = true;
    const got: Buffer[] = [];
    let bytes = 0;
    let isEnded = false;
    let sent = segments(machine.tick());
    for (let step = 0; step < 2_000 && !isEnded; step++) {
      const back: Received[] = [];
      for (const s of sent) {
        if (r.oneIn(8)) continue;
        if (((s.seq - c.ack) | 0) === bytes) {
          got.push(s.data);
          bytes += s.data.length;
          isEnded = (s.flags & FIN) !== 0;
        }
        if (!r.oneIn(8)) back.push(...piece(plain, 0, Buffer.alloc(0), ACK, { ack: (c.ack + bytes + (isEnded ? 1 : 0)) >>> 0 }));
      }
      sent = back.length > 0 ? back : segments(machine.tick(1_000));
    }
    assert.ok(isEnded, `seed ${seed}: ${bytes} bytes`);
    assert.equal(Buffer.concat(got), whole);
  }
});

test.run();
