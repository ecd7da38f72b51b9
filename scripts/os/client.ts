// A scripted TCP client: it sends the segments that a test names, and records the answers.
import { ACK, FIN, PSH, RST, readTcp, SYN, tcp, type Received, type Segment } from "./frames.ts";
import type { Wire } from "./wire.ts";

export interface Client {
  /** The next sequence numbers, ours and theirs. */
  seq: number;
  ack: number;
  /** All data received in order. */
  readonly data: readonly Buffer[];
  readonly isReset: boolean;
  readonly isEnded: boolean;
  /** The frame of a segment, with this client's numbers unless others are given. */
  frame(segment: Partial<Segment>): Buffer;
  /** Sends a segment, with this client's numbers unless others are given, and processes the answers. */
  send(segment: Partial<Segment>): Promise<readonly Received[]>;
  /** Runs the three-way handshake; false if the machine refused. */
  open(): Promise<boolean>;
  /** Sends data in segments that fit a frame, and acknowledges the answers. */
  say(data: Buffer): Promise<void>;
  /** Ends our half, and acknowledges the machine's end. */
  finish(): Promise<void>;
  reset(): Promise<void>;
}

/** Bytes of one segment: Ethernet's 1,500 without the headers of IPv4 and TCP. */
const MOST_IN_FRAME = 1_460;

const next = (n: number, by: number): number => (n + by) >>> 0;

export function client(wire: Wire, source: number, sourcePort: number, port: number, first = 1_000): Client {
  const data: Buffer[] = [];
  let isReset = false;
  let isEnded = false;
  const self = {
    seq: first,
    ack: 0,
    data,
    get isReset() {
      return isReset;
    },
    get isEnded() {
      return isEnded;
    },

    frame(segment: Partial<Segment>): Buffer {
      return tcp({ source, sourcePort, port, seq: self.seq, ack: self.ack, flags: ACK, ...segment });
    },

    async send(segment: Partial<Segment>): Promise<readonly Received[]> {
      return take(await wire.send(self.frame(segment)));
    },

    async open(): Promise<boolean> {
      const [answer] = await self.send({ flags: SYN, ack: 0 });
      if (answer === undefined || answer.flags !== (SYN | ACK)) return false;
      self.seq = next(self.seq, 1);
      self.ack = next(answer.seq, 1);
      await self.send({});
      return !isReset;
    },

    async say(bytes: Buffer): Promise<void> {
      // A hello with a post-quantum key share is larger than a frame.
      for (let at = 0; at < bytes.length; at += MOST_IN_FRAME) {
        const part = bytes.subarray(at, at + MOST_IN_FRAME);
        const from = self.seq;
        self.seq = next(self.seq, part.length);
        await acknowledge(await self.send({ seq: from, flags: ACK | PSH, data: part }));
      }
    },

    async finish(): Promise<void> {
      const from = self.seq;
      self.seq = next(self.seq, 1);
      await acknowledge(await self.send({ seq: from, flags: ACK | FIN }));
    },

    async reset(): Promise<void> {
      await self.send({ flags: RST, ack: 0 });
    },
  };

  function take(frames: readonly Buffer[]): readonly Received[] {
    const own = frames.flatMap((frame) => readTcp(frame) ?? []).filter((s) => s.to === source && s.toPort === sourcePort && s.port === port);
    for (const s of own) {
      if ((s.flags & RST) !== 0) isReset = true;
      if ((s.flags & SYN) !== 0 || s.seq !== self.ack) continue;
      if (s.data.length > 0) data.push(s.data);
      self.ack = next(self.ack, s.data.length);
      if ((s.flags & FIN) !== 0) {
        isEnded = true;
        self.ack = next(self.ack, 1);
      }
    }
    return own;
  }

  /** Repeats until the machine sends nothing more. */
  async function acknowledge(answers: readonly Received[]): Promise<void> {
    for (let due = answers; !isReset && due.some((s) => s.data.length > 0 || (s.flags & FIN) !== 0);) due = await self.send({});
  }

  return self;
}
