// The frames of Open Nexus OS's ingressd (its RFC-0092, version 1), byte for byte: a subject exposes a port, takes it back, or
// reads its counters. Encode and decode only; schemas/intents/expose_frames.json has vectors of both, and docs/nexus.md says what
// maps to what. All numbers are little-endian.
//
//   request  'I' 'G' version op  nonce(4)  port(2)  proto                                              11 bytes
//   reply    'I' 'G' version op  nonce(4)  status  reason                                              10 bytes
//   status   'I' 'G' version 3   nonce(4)  0  open  accepted(4)  denied by cidr(4)  denied by rate(4)  22 bytes
//
// INVARIANT: decode accepts exactly what encode makes. No field names the caller, because the transport proves it.

export const EXPOSE_MAGIC = [0x49, 0x47] as const;
const VERSION = 1;
const HEAD_BYTES = 8;
export const REQUEST_BYTES = 11;
export const REPLY_BYTES = 10;
export const STATUS_REPLY_BYTES = 22;
/** Of a refused or malformed request that names none. */
const NO_OP = 0;

const OPS = { expose: 1, unexpose: 2, status: 3 } as const;
const PROTOS = { tcp: 0, udp: 1 } as const;
const STATUSES = { allow: 0, deny: 1, malformed: 2, unsupported: 3 } as const;
/** `cidr` and `rate` are about connections; a reply has the first five. */
const REASONS = { none: 0, policy: 1, identity: 2, limit: 3, tls: 4, cidr: 5, rate: 6 } as const;
const MOST = { u16: 0xffff, u32: 0xffffffff } as const;

export type ExposeOp = keyof typeof OPS;
export type ExposeReason = keyof typeof REASONS;

export interface ExposeRequest {
  readonly op: ExposeOp;
  readonly nonce: number;
  /** 1 to 65535. */
  readonly port: number;
  readonly proto: keyof typeof PROTOS;
}

export type ExposeReply =
  | {
      readonly kind: "answer";
      /** The request's, also one that is unknown; 0 where it was malformed. */
      readonly op: number;
      readonly nonce: number;
      readonly status: keyof typeof STATUSES;
      readonly reason: ExposeReason;
    }
  | {
      readonly kind: "status";
      readonly nonce: number;
      readonly open: boolean;
      readonly accepted: number;
      readonly deniedByCidr: number;
      readonly deniedByRate: number;
    };

/** The head of the reply to a request that is none. */
export interface NoRequest {
  readonly status: "malformed" | "unsupported";
  readonly op: number;
  readonly nonce: number;
}

const MALFORMED: NoRequest = { status: "malformed", op: NO_OP, nonce: 0 };

/** Throws a RangeError where a field does not fit its place. */
export function encodeExposeRequest({ op, nonce, port, proto }: ExposeRequest): Uint8Array {
  if (port === 0) throw new RangeError("a port is 1 to 65535");
  return bytesOf(OPS[op], nonce, REQUEST_BYTES, (view) => {
    view.setUint16(8, fitting(port, MOST.u16), true);
    view.setUint8(10, PROTOS[proto]);
  });
}

/** The request, or what its reply says: `unsupported` for another operation, `malformed` for anything else. */
export function decodeExposeRequest(bytes: Uint8Array): ExposeRequest | NoRequest {
  if (bytes.length !== REQUEST_BYTES || !isExposeFrame(bytes)) return MALFORMED;
  const view = viewOf(bytes);
  const [number, nonce, port] = [view.getUint8(3), view.getUint32(4, true), view.getUint16(8, true)];
  const op = keyOf(OPS, number);
  if (op === null) return { status: "unsupported", op: number, nonce };
  const proto = keyOf(PROTOS, view.getUint8(10));
  return proto === null || port === 0 ? MALFORMED : { op, nonce, port, proto };
}

/** Throws a RangeError where a field does not fit its place, and for an answer that has the form of another one. */
export function encodeExposeReply(reply: ExposeReply): Uint8Array {
  if (reply.kind === "answer") {
    const { op, nonce, status, reason } = reply;
    if (op === OPS.status && status === "allow") throw new RangeError("an allowed status has counters");
    return bytesOf(fitting(op, 0xff), nonce, REPLY_BYTES, (view) => {
      view.setUint8(8, STATUSES[status]);
      view.setUint8(9, REASONS[reason]);
    });
  }
  return bytesOf(OPS.status, reply.nonce, STATUS_REPLY_BYTES, (view) => {
    view.setUint8(8, STATUSES.allow);
    view.setUint8(9, reply.open ? 1 : 0);
    [reply.accepted, reply.deniedByCidr, reply.deniedByRate].forEach((count, i) => {
      view.setUint32(10 + 4 * i, fitting(count, MOST.u32), true);
    });
  });
}

/** Null where it is no reply. */
export function decodeExposeReply(bytes: Uint8Array): ExposeReply | null {
  if (bytes.length < REPLY_BYTES || !isExposeFrame(bytes)) return null;
  const view = viewOf(bytes);
  const [op, nonce, status, ninth] = [view.getUint8(3), view.getUint32(4, true), keyOf(STATUSES, view.getUint8(8)), view.getUint8(9)];
  const hasCounters = op === OPS.status && status === "allow";
  if (status === null || bytes.length !== (hasCounters ? STATUS_REPLY_BYTES : REPLY_BYTES)) return null;
  if (hasCounters) {
    const [accepted, deniedByCidr, deniedByRate] = [view.getUint32(10, true), view.getUint32(14, true), view.getUint32(18, true)];
    return ninth > 1 ? null : { kind: "status", nonce, open: ninth === 1, accepted, deniedByCidr, deniedByRate };
  }
  const reason = keyOf(REASONS, ninth);
  return reason === null ? null : { kind: "answer", op, nonce, status, reason };
}

/** Magic and version. */
export function isExposeFrame(bytes: Uint8Array): boolean {
  return bytes[0] === EXPOSE_MAGIC[0] && bytes[1] === EXPOSE_MAGIC[1] && bytes[2] === VERSION;
}

function bytesOf(op: number, nonce: number, length: number, fill: (view: DataView) => void): Uint8Array {
  const bytes = new Uint8Array(length);
  bytes.set([...EXPOSE_MAGIC, VERSION, op]);
  const view = viewOf(bytes);
  view.setUint32(HEAD_BYTES - 4, fitting(nonce, MOST.u32), true);
  fill(view);
  return bytes;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function fitting(value: number, most: number): number {
  if (!Number.isInteger(value) || value < 0 || value > most) throw new RangeError(`${value} is not in 0 to ${most}`);
  return value;
}

function keyOf<K extends string>(table: Readonly<Record<K, number>>, value: number): K | null {
  for (const key in table) if (table[key] === value) return key;
  return null;
}
