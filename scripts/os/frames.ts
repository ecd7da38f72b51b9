// Encodes and decodes Ethernet frames with ARP and with TCP over IPv4, for the self-test of the image and for tests
// of the network half in Node. Addresses are numbers in host order.

export const MACHINE_MAC = Buffer.from("525400123456", "hex");
export const MACHINE_ADDRESS = 0x0a00020f;
export const TESTER_MAC = Buffer.from("525400aabbcc", "hex");
const BROADCAST = Buffer.alloc(6, 0xff);

export const FIN = 1,
  SYN = 2,
  RST = 4,
  PSH = 8,
  ACK = 16;

export interface Segment {
  readonly source: number;
  readonly sourcePort: number;
  readonly port: number;
  readonly seq: number;
  readonly ack?: number;
  readonly flags: number;
  readonly window?: number;
  readonly options?: Buffer;
  readonly data?: Buffer;
}

export interface Received {
  /** The client's address and port, and the machine's own port. */
  readonly to: number;
  readonly toPort: number;
  readonly port: number;
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly options: Buffer;
  readonly data: Buffer;
}

/** a.b.c.d as a number. */
export function ip(text: string): number {
  return text.split(".").reduce((sum, part) => sum * 256 + Number(part), 0);
}

function sum16(bytes: Buffer): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] ?? 0) * 256 + (bytes[i + 1] ?? 0);
  return sum;
}

export function checksum(...parts: readonly Buffer[]): number {
  let sum = parts.reduce((total, part) => total + sum16(part), 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + Math.floor(sum / 65_536);
  return sum ^ 0xffff;
}

function pseudo(source: number, target: number, length: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(source, 0);
  bytes.writeUInt32BE(target, 4);
  bytes.writeUInt16BE(6, 8);
  bytes.writeUInt16BE(length, 10);
  return bytes;
}

export function ethernet(type: number, payload: Buffer, to = MACHINE_MAC, from = TESTER_MAC): Buffer {
  const frame = Buffer.alloc(Math.max(60, 14 + payload.length));
  to.copy(frame, 0);
  from.copy(frame, 6);
  frame.writeUInt16BE(type, 12);
  payload.copy(frame, 14);
  return frame;
}

export function arpRequest(source: number, target = MACHINE_ADDRESS): Buffer {
  const arp = Buffer.alloc(28);
  arp.writeUInt32BE(0x00010800, 0);
  arp.writeUInt32BE(0x06040001, 4);
  TESTER_MAC.copy(arp, 8);
  arp.writeUInt32BE(source, 14);
  arp.writeUInt32BE(target, 24);
  return ethernet(0x0806, arp, BROADCAST);
}

export function ipv4(source: number, payload: Buffer, target = MACHINE_ADDRESS, protocol = 6): Buffer {
  const header = Buffer.alloc(20);
  header.writeUInt16BE(0x4500, 0);
  header.writeUInt16BE(20 + payload.length, 2);
  header.writeUInt16BE(0x4000, 6);
  header[8] = 64;
  header[9] = protocol;
  header.writeUInt32BE(source, 12);
  header.writeUInt32BE(target, 16);
  header.writeUInt16BE(checksum(header), 10);
  return ethernet(0x0800, Buffer.concat([header, payload]));
}

export function tcp(s: Segment, target = MACHINE_ADDRESS): Buffer {
  const options = s.options ?? Buffer.alloc(0);
  const segment = Buffer.concat([Buffer.alloc(20), options, s.data ?? Buffer.alloc(0)]);
  segment.writeUInt16BE(s.sourcePort, 0);
  segment.writeUInt16BE(s.port, 2);
  segment.writeUInt32BE(s.seq >>> 0, 4);
  segment.writeUInt32BE((s.ack ?? 0) >>> 0, 8);
  segment[12] = (20 + options.length) << 2;
  segment[13] = s.flags;
  segment.writeUInt16BE(s.window ?? 65_535, 14);
  segment.writeUInt16BE(checksum(pseudo(s.source, target, segment.length), segment), 16);
  return ipv4(s.source, segment, target);
}

/** The segment in a frame of the machine, or null if there is none. Throws if a checksum is wrong. */
export function readTcp(frame: Buffer): Received | null {
  if (frame.length < 54 || frame.readUInt16BE(12) !== 0x0800 || frame[23] !== 6) return null;
  const header = frame.subarray(14, 34);
  const segment = frame.subarray(34, 14 + frame.readUInt16BE(16));
  const to = frame.readUInt32BE(30);
  if (checksum(header) !== 0 || checksum(pseudo(frame.readUInt32BE(26), to, segment.length), segment) !== 0)
    throw new Error("the machine sent a wrong checksum");
  const headerBytes = (segment.readUInt8(12) >> 4) * 4;
  return {
    to,
    toPort: segment.readUInt16BE(2),
    port: segment.readUInt16BE(0),
    seq: segment.readUInt32BE(4),
    ack: segment.readUInt32BE(8),
    flags: segment.readUInt8(13),
    window: segment.readUInt16BE(14),
    options: segment.subarray(20, headerBytes),
    data: segment.subarray(headerBytes),
  };
}

// ---- control frames (runtime/os/image/selftest.c) -------------------------------------------
export const OP_WAIT = 0,
  OP_ADVANCE = 1,
  OP_COUNTS = 2,
  OP_END = 3;
const CONTROL = 0x88b5;

export function control(op: number, number = 0): Buffer {
  const payload = Buffer.alloc(46);
  payload.write("IGST", 0, "latin1");
  payload[4] = op;
  payload.writeUInt32BE(number, 6);
  return ethernet(CONTROL, payload);
}

/** The counters in an answer, empty if it has none; null if the frame is not an answer. */
export function readControl(frame: Buffer): readonly number[] | null {
  if (frame.length < 60 || frame.readUInt16BE(12) !== CONTROL || ((frame[18] ?? 0) & 128) === 0) return null;
  return Array.from({ length: (frame.length - 60) >> 2 }, (_, i) => frame.readUInt32LE(60 + 4 * i));
}
