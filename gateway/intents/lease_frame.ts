// Leases as bytes, for systems whose services exchange small frames and neither JSON nor Cap'n Proto: what the frames of
// Open Nexus OS (expose_frame.ts) have no room for. Encode and decode only; schemas/intents/lease_frames.json has vectors of
// both. All numbers are little-endian; lengths count bytes. A frame has at most 512 bytes.
//
//   request  'I' 'L' version op  nonce(4)  body
//   reply    'I' 'L' version op|0x80  nonce(4)  status reason code(2)  lease(16)
//
//   register    proto mode port(2) ttlMs(4)  n service(n)  n bind(n)  n(2) backend(n)
//   unregister  lease(16)
//   renew       lease(16) ttlMs(4)
//
// INVARIANT: decode accepts exactly what encode makes, so a frame has one meaning and one form.
// No field names the caller, because the transport proves it.

import { EXPOSE_MAGIC } from "./expose_frame.ts";

export const FRAME_MOST_BYTES = 512;
const FRAME_VERSION = 1;
export const LEASE_MAGIC = [0x49, 0x4c] as const;
const REPLY = 0x80;
const HEAD_BYTES = 8;
const LEASE_BYTES = 16;
const REPLY_BYTES = HEAD_BYTES + 4 + LEASE_BYTES;

export const OPS = { register: 1, unregister: 2, renew: 3 } as const;
const STATUSES = { allow: 0, deny: 1, malformed: 2, unsupported: 3 } as const;
const PROTOS = { tcp: 6, udp: 17 } as const;
const MODES = { tcp: 0, passthrough: 1, tls: 2, mtls: 3, direct: 4 } as const;
/** Bytes of a service's name, an address and a backend. */
const SERVICE_MOST = 48;
const BIND_MOST = 45;
const BACKEND_MOST = 256;

type Op = keyof typeof OPS;
type Status = keyof typeof STATUSES;

export type FrameRequest =
  | {
      readonly op: "register";
      readonly nonce: number;
      readonly service: string;
      readonly proto: keyof typeof PROTOS;
      readonly mode: keyof typeof MODES;
      readonly port: number;
      /** Empty: all that the policy gives. */
      readonly bind: string;
      readonly backend: string;
      /** 0: as long as the connection lives. */
      readonly ttlMs: number;
    }
  | { readonly op: "unregister"; readonly nonce: number; readonly lease: string }
  | { readonly op: "renew"; readonly nonce: number; readonly lease: string; readonly ttlMs: number };

export interface FrameReply {
  readonly op: Op;
  readonly nonce: number;
  readonly status: Status;
  /** REASON_* and CODE_* of runtime/abi; 0 and 0 with `allow`. */
  readonly reason: number;
  readonly code: number;
  /** 32 hexadecimal digits; zeros where there is none. */
  readonly lease: string;
}

/** Throws a RangeError where a field does not fit its place. */
export function encodeRequest(request: FrameRequest): Uint8Array {
  const out = head(OPS[request.op], request.nonce);
  switch (request.op) {
    case "register":
      out.push(PROTOS[request.proto], MODES[request.mode], ...number(request.port, 2), ...number(request.ttlMs, 4));
      out.push(...text(request.service, 1, SERVICE_MOST, 1), ...text(request.bind, 0, BIND_MOST, 1), ...text(request.backend, 1, BACKEND_MOST, 2));
      break;
    case "unregister":
      out.push(...leaseBytes(request.lease));
      break;
    case "renew":
      out.push(...leaseBytes(request.lease), ...number(request.ttlMs, 4));
      break;
    default:
      return request satisfies never;
  }
  return Uint8Array.from(out);
}

export function encodeReply({ op, nonce, status, reason, code, lease }: FrameReply): Uint8Array {
  return Uint8Array.from([...head(OPS[op] | REPLY, nonce), STATUSES[status], ...number(reason, 1), ...number(code, 2), ...leaseBytes(lease)]);
}

/** The request, or the status that its reply gets: `unsupported` for another version or operation, and for a frame of Open Nexus OS. */
export function decodeRequest(bytes: Uint8Array): FrameRequest | "malformed" | "unsupported" {
  const opened = open(bytes);
  if (typeof opened === "string") return opened;
  const { op: number, nonce, cursor } = opened;
  const op = keyOf(OPS, number);
  if (op === null) return number >= REPLY ? "malformed" : "unsupported";
  const request = body(op, nonce, cursor);
  return request === null || !cursor.done() ? "malformed" : request;
}

export function decodeReply(bytes: Uint8Array): FrameReply | "malformed" | "unsupported" {
  const opened = open(bytes);
  if (typeof opened === "string") return opened;
  const { op: number, nonce, cursor } = opened;
  const op = number >= REPLY ? keyOf(OPS, number - REPLY) : null;
  if (op === null || bytes.length !== REPLY_BYTES) return "malformed";
  const status = keyOf(STATUSES, cursor.number(1));
  const reason = cursor.number(1);
  const code = cursor.number(2);
  const lease = cursor.hex(LEASE_BYTES);
  // A granted intent has no reason, and a refused one has no lease.
  const sound = status === "allow" ? reason === 0 && code === 0 : /^0*$/.test(lease);
  return status === null || !sound ? "malformed" : { op, nonce, status, reason, code, lease };
}

function body(op: Op, nonce: number, cursor: Cursor): FrameRequest | null {
  if (op === "unregister") return { op, nonce, lease: cursor.hex(LEASE_BYTES) };
  if (op === "renew") return { op, nonce, lease: cursor.hex(LEASE_BYTES), ttlMs: cursor.number(4) };
  const proto = keyOf(PROTOS, cursor.number(1));
  const mode = keyOf(MODES, cursor.number(1));
  const port = cursor.number(2);
  const ttlMs = cursor.number(4);
  const service = cursor.text(1, SERVICE_MOST, 1);
  const bind = cursor.text(0, BIND_MOST, 1);
  const backend = cursor.text(1, BACKEND_MOST, 2);
  if (proto === null || mode === null || port === 0 || service === null || bind === null || backend === null) return null;
  return { op, nonce, proto, mode, port, ttlMs, service, bind, backend };
}

/** The reply to any request that this side can't read, whatever its operation is: a refusal without a lease. */
export function refusingReply(op: number, nonce: number, status: "malformed" | "unsupported", reason: number, code: number): Uint8Array {
  return Uint8Array.from([...head((op & 0x7f) | REPLY, nonce), STATUSES[status], ...number(reason, 1), ...number(code, 2), ...leaseBytes("0".repeat(32))]);
}

function open(bytes: Uint8Array): { op: number; nonce: number; cursor: Cursor } | "malformed" | "unsupported" {
  if (bytes[0] === EXPOSE_MAGIC[0] && bytes[1] === EXPOSE_MAGIC[1]) return "unsupported";
  if (bytes.length < HEAD_BYTES || bytes.length > FRAME_MOST_BYTES || bytes[0] !== LEASE_MAGIC[0] || bytes[1] !== LEASE_MAGIC[1]) return "malformed";
  if (bytes[2] !== FRAME_VERSION) return "unsupported";
  const cursor = new Cursor(bytes, 4);
  return { op: bytes[3] ?? 0, nonce: cursor.number(4), cursor };
}

/** Reads on; past the end everything is zero or null, and `done` is never true again. */
class Cursor {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#at = at;
  }

  done(): boolean {
    return this.#at === this.#bytes.length;
  }

  number(size: number): number {
    return this.#take(size).reduceRight((sum, byte) => sum * 256 + byte, 0);
  }

  hex(size: number): string {
    return Buffer.from(this.#take(size)).toString("hex");
  }

  /** Printable ASCII, or null. */
  text(least: number, most: number, lengthBytes: number): string | null {
    const length = this.number(lengthBytes);
    if (length < least || length > most) return null;
    const found = Buffer.from(this.#take(length)).toString("latin1");
    return found.length === length && PRINTABLE.test(found) ? found : null;
  }

  #take(size: number): Uint8Array {
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return part;
  }
}

const PRINTABLE = /^[\x21-\x7e]*$/;

function head(op: number, nonce: number): number[] {
  return [...LEASE_MAGIC, FRAME_VERSION, op, ...number(nonce, 4)];
}

function number(value: number, size: number): number[] {
  if (!Number.isInteger(value) || value < 0 || value >= 256 ** size) throw new RangeError(`${value} does not fit ${size} bytes`);
  return Array.from({ length: size }, (_, i) => Math.floor(value / 256 ** i) % 256);
}

function text(value: string, least: number, most: number, lengthBytes: number): number[] {
  if (!PRINTABLE.test(value) || value.length < least || value.length > most)
    throw new RangeError(`\`${value}\` does not fit ${least} to ${most} printable bytes`);
  return [...number(value.length, lengthBytes), ...Buffer.from(value, "latin1")];
}

function leaseBytes(lease: string): number[] {
  if (!/^[0-9a-f]{32}$/.test(lease)) throw new RangeError("a lease has 32 hexadecimal digits");
  return [...Buffer.from(lease, "hex")];
}

function keyOf<K extends string>(table: Readonly<Record<K, number>>, value: number): K | null {
  for (const key in table) if (table[key] === value) return key;
  return null;
}
