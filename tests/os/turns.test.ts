// The turns of ingressd: timers and services are not delayed by frames that keep coming.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { client } from "../../scripts/os/client.ts";
import { ACK, arpRequest, PSH, readTcp, RST, SYN, tcp } from "../../scripts/os/frames.ts";
import { nodeMachine } from "./node_machine.ts";
import { opened, PEER, plainMachine, PORT, segments, text } from "./plain.ts";

const test = suite("turns of the image");
const FLOOD = arpRequest(PEER);
const POLICY = `edition 1\nexpose plain on tcp ${PORT} as passthrough { cap 100 connections allow named all from any }\n`;

test("a turn takes at most 32 frames, and says whether there may be more", () => {
  // The frames that are there; how many are taken, and whether another turn is wanted at once.
  for (const [there, taken, again] of [
    [0, 0, false],
    [n.FRAMES_PER_TURN - 1, n.FRAMES_PER_TURN - 1, false],
    [n.FRAMES_PER_TURN, n.FRAMES_PER_TURN, true],
    [n.FRAMES_PER_TURN + 1, n.FRAMES_PER_TURN, true],
  ] as const) {
    let left: number = there;
    const turn = plainMachine().turn(() => (left-- > 0 ? FLOOD : null));
    assert.equal([turn.taken, turn.again, turn.sent.length], [taken, again, taken], `${there}`);
  }
  assert.is(n.FRAMES_PER_TURN, 32);
});

test("under frames without an end the time for the ClientHello ends with the turn in which it is over", async () => {
  for (const [ms, ended] of [
    [n.HELLO_MS - 1, 0],
    [n.HELLO_MS, 1],
  ] as const) {
    const machine = nodeMachine({ policy: POLICY });
    assert.ok(await client(machine, PEER, 40_000, PORT).open());
    machine.pass(ms);
    const { sent } = machine.turn(() => FLOOD);
    assert.is(segments(sent).filter(({ flags }) => (flags & RST) !== 0).length, ended, `${ms} ms`);
  }
});

test("a client is served in the midst of 30,000 frames a second, within a few turns", async () => {
  const { machine, c, s } = await opened({
    onBytes: (served) => {
      served.answers.push(Buffer.from("answer"));
    },
  });
  const request = tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: c.seq, ack: c.ack, flags: ACK | PSH, data: Buffer.from("request") });
  let frames = 0;
  let answeredAfter = -1;
  // 30 frames in each millisecond; the request is the 100th frame.
  for (let ms = 0; ms < 100 && answeredAfter < 0; ms++) {
    machine.pass(1);
    let inThisMs = 30;
    for (let again = true; again;) {
      const turn = machine.turn(() =>
        inThisMs-- > 0 ?
          ++frames === 100 ?
            request
          : FLOOD
        : null,
      );
      again = turn.again;
      if (turn.sent.some((frame) => readTcp(frame)?.data.toString() === "answer")) answeredAfter = frames - 100;
    }
  }
  assert.is(text(s), "request");
  assert.ok(answeredAfter >= 0 && answeredAfter <= 2 * n.FRAMES_PER_TURN, `${answeredAfter}`);
  assert.is(machine.frame(tcp({ source: PEER, sourcePort: 40_001, port: PORT, seq: 1, flags: SYN })).length, 1);
});

test.run();
