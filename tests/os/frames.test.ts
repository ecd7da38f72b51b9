// Invalid frames: truncated, damaged, with invalid addresses, and thousands of random ones. The machine never
// traps, its memory does not grow, and well-behaved clients are still served.
import { suite } from "uvu";
import * as assert from "uvu/assert";
import * as n from "../../runtime/os/net/layout.ts";
import { ACK, arpRequest, checksum, ethernet, FIN, ip, ipv4, MACHINE_ADDRESS, MACHINE_MAC, PSH, RST, SYN, tcp, TESTER_MAC } from "../../scripts/os/frames.ts";
import { atLength } from "../at_length.ts";
import { chance } from "../oracle/random.ts";
import { another, opened, PEER, plainMachine, PORT, segments, text } from "./plain.ts";
import type { NodeMachine } from "./node_machine.ts";

const test = suite("frames");
const FRAMES = atLength(2_400_000, 30_000);
const SYN_FRAME = tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: 1_000, flags: SYN, options: Buffer.from("020405b4", "hex") });
/** The IPv4 packet ends before Ethernet's padding does. */
const PACKET_END = 14 + SYN_FRAME.readUInt16BE(16);

function dropped(machine: NodeMachine, frame: Buffer, why: string): void {
  const before = machine.counter(n.N_DROPPED);
  assert.equal(machine.frame(frame), [], why);
  assert.is(machine.counter(n.N_DROPPED), before + 1, why);
  assert.is(machine.connections() + machine.halfOpen(), 0, why);
}

/** The IPv4 header with some bytes changed and its checksum made right again. */
function repaired(change: (frame: Buffer) => void): Buffer {
  const frame = Buffer.from(SYN_FRAME);
  change(frame);
  frame.writeUInt16BE(0, 24);
  frame.writeUInt16BE(checksum(frame.subarray(14, 34)), 24);
  return frame;
}

test("ARP is answered only for our own address", () => {
  const machine = plainMachine();
  const [answer] = machine.frame(arpRequest(PEER));
  assert.is(
    answer?.toString("hex"),
    `${TESTER_MAC.toString("hex")}${MACHINE_MAC.toString("hex")}0806${"0001080006040002"}${MACHINE_MAC.toString("hex")}0a00020f${TESTER_MAC.toString("hex")}c6336407`,
  );
  for (const [why, frame] of [
    ["another address", arpRequest(PEER, MACHINE_ADDRESS + 1)],
    [
      "an unsolicited answer",
      (() => {
        const f = arpRequest(PEER);
        f[21] = 2;
        return f;
      })(),
    ],
    [
      "other hardware",
      (() => {
        const f = arpRequest(PEER);
        f[15] = 6;
        return f;
      })(),
    ],
    [
      "other lengths",
      (() => {
        const f = arpRequest(PEER);
        f[18] = 8;
        return f;
      })(),
    ],
    ["one byte short", arpRequest(PEER).subarray(0, 41)],
    [
      "from a group's address",
      (() => {
        const f = arpRequest(PEER);
        f[6] = 0x53;
        return f;
      })(),
    ],
  ] as const)
    dropped(machine, frame, why);
  assert.is(machine.counter(n.N_ARP_REPLIES), 1);
});

test("a frame that ends before its packet does is dropped", () => {
  const machine = plainMachine();
  for (let length = 0; length < PACKET_END; length++) dropped(machine, SYN_FRAME.subarray(0, length), `${length} bytes`);
  // Bytes of an earlier frame after the end are not part of it.
  const foreign = Buffer.from(SYN_FRAME);
  foreign[5] = 0x57;
  for (let length = 34; length < PACKET_END; length++) {
    dropped(machine, foreign, "another machine's");
    dropped(machine, SYN_FRAME.subarray(0, length), `${length} bytes behind a whole frame`);
  }
  assert.is(machine.frame(SYN_FRAME.subarray(0, PACKET_END)).length, 1);
});

test("one flipped bit anywhere after the Ethernet header is detected", () => {
  const machine = plainMachine();
  for (let bit = 8 * 14; bit < 8 * PACKET_END; bit++) {
    const frame = Buffer.from(SYN_FRAME);
    frame[bit >> 3] = (frame[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    dropped(machine, frame, `bit ${bit}`);
  }
});

test("packets that are not for this machine are dropped", () => {
  const rows: readonly (readonly [why: string, frame: Buffer])[] = [
    [
      "IPv6",
      repaired((f) => {
        f[14] = 0x65;
      }),
    ],
    [
      "options of IPv4",
      repaired((f) => {
        f[14] = 0x46;
      }),
    ],
    [
      "more fragments",
      repaired((f) => {
        f[20] = 0x20;
      }),
    ],
    [
      "a later fragment",
      repaired((f) => {
        f[21] = 1;
      }),
    ],
    [
      "UDP",
      repaired((f) => {
        f[23] = 17;
      }),
    ],
    [
      "a length below two headers",
      repaired((f) => {
        f.writeUInt16BE(39, 16);
      }),
    ],
    [
      "a length beyond the frame",
      repaired((f) => {
        f.writeUInt16BE(47, 16);
      }),
    ],
    ["another target", tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: 1, flags: SYN }, MACHINE_ADDRESS + 1)],
    ["a broadcast", tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: 1, flags: SYN }, ip("10.0.2.255"))],
    [
      "another machine's hardware address",
      (() => {
        const f = Buffer.from(SYN_FRAME);
        f[5] = 0x57;
        return f;
      })(),
    ],
    [
      "to everybody",
      (() => {
        const f = Buffer.from(SYN_FRAME);
        f.fill(0xff, 0, 6);
        return f;
      })(),
    ],
    [
      "from a group's hardware address",
      (() => {
        const f = Buffer.from(SYN_FRAME);
        f[6] = 1;
        return f;
      })(),
    ],
    ["source port 0", tcp({ source: PEER, sourcePort: 0, port: PORT, seq: 1, flags: SYN })],
    ["port 0", tcp({ source: PEER, sourcePort: 40_000, port: 0, seq: 1, flags: SYN })],
    [
      "a header of TCP below 20 bytes",
      ipv4(
        PEER,
        (() => {
          const s = Buffer.from("9c401b58000003e8000000004002ffff00000000", "hex");
          return s;
        })(),
      ),
    ],
    ["longer than a frame may be", Buffer.concat([SYN_FRAME, Buffer.alloc(1_515 - SYN_FRAME.length)])],
    ...["0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.255.255", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255", "10.0.2.15"].map(
      (source) => [`from ${source}`, tcp({ source: ip(source), sourcePort: 40_000, port: PORT, seq: 1, flags: SYN })] as const,
    ),
  ];
  const machine = plainMachine();
  for (const [why, frame] of rows) dropped(machine, frame, why);
  // Addresses just outside the refused ranges.
  for (const source of ["1.0.0.0", "126.255.255.255", "128.0.0.0", "223.255.255.255", "10.0.2.14"]) {
    assert.is(plainMachine().frame(tcp({ source: ip(source), sourcePort: 40_000, port: PORT, seq: 1, flags: SYN })).length, 1, source);
  }
  assert.is(plainMachine().frame(Buffer.concat([SYN_FRAME, Buffer.alloc(1_514 - SYN_FRAME.length)])).length, 1);
});

test("a header length beyond the segment is refused even with a correct checksum", () => {
  const machine = plainMachine();
  for (const words of [0, 4, 7, 15]) {
    const frame = tcp({ source: PEER, sourcePort: 40_000, port: PORT, seq: 1, flags: SYN, options: Buffer.alloc(4) });
    frame[46] = words << 4;
    // The pseudo header again, with the changed segment.
    const segment = frame.subarray(34, 58);
    segment.writeUInt16BE(0, 16);
    const pseudo = Buffer.from("c63364070a00020f00060018", "hex");
    segment.writeUInt16BE(checksum(pseudo, segment), 16);
    dropped(machine, frame, `${words} words`);
  }
});

/** Every byte that is not in a place of layout.ts, and the counters' end. */
function stray(memory: Uint8Array): number {
  const gaps = [
    [0, n.COUNTERS],
    [n.COUNTERS + 4 * n.COUNTER_COUNT, n.FRAME_IN],
    [n.NAME + 256, n.PARTS],
    [n.PARTS + 8 * n.PORT_COUNT, n.CONNECTIONS],
    [n.CONNECTIONS + n.CONNECTION_COUNT * n.CONNECTION_BYTES, n.HALF_OPEN],
    [n.HALF_OPEN + n.HALF_OPEN_COUNT * n.HALF_OPEN_BYTES, n.RECEIVED],
  ] as const;
  return gaps.reduce((sum, [from, to]) => sum + memory.subarray(from, to).reduce((a, b) => a + (b === 0 ? 0 : 1), 0), 0);
}

test(`after ${FRAMES} damaged frames nothing has trapped, memory is intact and a client is served`, async () => {
  const served: string[] = [];
  const machine = plainMachine({
    onServed: (s) => {
      served.push(s.service);
    },
  });
  const { memory } = machine;
  const r = chance(20_260);
  const flagsOf = [SYN, ACK, ACK | PSH, ACK | FIN, RST, RST | ACK, SYN | ACK, 0x3f];
  const known: { seq: number; ack: number; port: number; source: number }[] = [];
  let most = 0;
  for (let i = 0; i < FRAMES; i++) {
    const from = known.length > 0 && !r.oneIn(6) ? r.pick(known) : { seq: r.word(), ack: r.word(), port: 1 + r.below(65_535), source: PEER + r.below(40) };
    const isSyn = r.oneIn(5);
    const near = (x: number): number => (x + (r.oneIn(3) ? r.below(9_000) - 4_500 : 0)) >>> 0;
    let frame = tcp({
      source: from.source,
      sourcePort: from.port,
      port: r.oneIn(20) ? r.below(65_536) : PORT,
      seq: near(from.seq),
      ack: near(from.ack),
      flags: isSyn ? SYN : r.pick(flagsOf),
      window: r.oneIn(5) ? r.below(5) : r.below(65_536),
      data: Buffer.alloc(r.oneIn(2) ? 0 : r.below(1_400), i),
      options: Buffer.from(Array.from({ length: 4 * r.below(11) }, () => (r.oneIn(2) ? r.below(5) : r.below(256)))),
    });
    if (r.oneIn(6)) {
      for (let times = 1 + r.below(4); times > 0; times--) frame[r.below(frame.length)] = r.below(256);
      if (r.oneIn(3)) frame = frame.subarray(0, r.below(frame.length));
    } else if (r.oneIn(50)) frame = ethernet(r.pick([0x0800, 0x0806, 0x86dd]), Buffer.from(Array.from({ length: r.below(1_400) }, () => r.below(256))));
    for (const s of segments(machine.frame(frame))) {
      if ((s.flags & SYN) !== 0) known[known.length < 40 ? known.length : r.below(40)] = { seq: s.ack, ack: (s.seq + 1) >>> 0, port: s.toPort, source: s.to };
      else {
        // Peers use the machine's current numbers, so that the code behind the checks is reached.
        const peer = known.find((k) => k.port === s.toPort && k.source === s.to);
        if (peer !== undefined) Object.assign(peer, { seq: s.ack, ack: (s.seq + s.data.length + (s.flags & FIN)) >>> 0 });
      }
    }
    if (r.oneIn(20)) machine.tick(r.below(1_000));
    if (r.oneIn(15)) for (const s of machine.served.values()) if (r.oneIn(3)) s.space = r.below(3_000);
    if (r.oneIn(20))
      for (const s of machine.served.values())
        if (r.oneIn(4)) {
          s.answers.push(Buffer.alloc(r.below(6_000), 9));
          s.isFinished = s.isFinished || r.oneIn(3);
        }
    if (r.oneIn(400)) for (const s of machine.served.values()) if (r.oneIn(9)) s.isGone = true;
    most = Math.max(most, machine.connections());
    if (machine.connections() > n.CONNECTION_COUNT || machine.halfOpen() > n.HALF_OPEN_COUNT) throw new Error(`frame ${i}`);
    if (machine.engine.connections(0) > n.CONNECTION_COUNT) throw new Error(`frame ${i}: caps`);
  }
  assert.is(stray(memory()), 0);
  assert.ok(served.length > 100 && most > 5, `reached only ${served.length} connections, ${most} at a time`);
  assert.ok(machine.counter(n.N_OUT_OF_ORDER) > 100 && machine.counter(n.N_RETRANSMITS) > 100 && machine.counter(n.N_CHALLENGES) > 100);
  for (let second = 0; second < 40; second++) machine.tick(1_000);
  assert.equal([machine.connections(), machine.halfOpen(), machine.engine.connections(0)], [0, 0, 0]);
  const { c, s } = await another(machine, 65_000);
  await c.say(Buffer.from("hello"));
  assert.is(text(s), "hello");
});

test("that test detects a write outside the layout", async () => {
  const { machine } = await opened();
  assert.is(stray(machine.memory()), 0);
  machine.memory()[n.PARTS + 8 * n.PORT_COUNT] = 1;
  assert.is(stray(machine.memory()), 1);
});

test.run();
