// Datagrams in batches, as recvmmsg(2) and sendmmsg(2) have them: an array of struct mmsghdr, each with an address, the
// bytes, and a control message that names the local address (IP_PKTINFO, IPV6_PKTINFO). 64-bit and little-endian, as on
// every processor that self_test.ts lets pass.
//
//   mmsghdr 64   name(8) namelen(4) -(4) iov(8) iovlen(8) control(8) controllen(8) flags(4) -(4) len(4) -(4)
//   iovec   16   base(8) bytes(8)
//   cmsghdr 16   len(8) level(4) type(4), then in_pktinfo: interface(4) local(4) destination(4),
//                                           or in6_pktinfo: address(16) interface(4)
import { IP_PKTINFO, IPPROTO_IP, IPPROTO_IPV6, IPV6_PKTINFO, type KernelCalls } from "./calls.ts";
import { PEER_BYTES } from "./sockaddr.ts";

/** The largest datagram, and one byte more. */
const DATA_BYTES = 65_536;
const HEADER_BYTES = 64;
const IOV_BYTES = 16;
const CONTROL_BYTES = 64;
const [NAME_AT, NAME_LENGTH_AT, IOV_AT, IOV_COUNT_AT, CONTROL_AT, CONTROL_LENGTH_AT, LENGTH_AT] = [0, 8, 16, 24, 32, 40, 56];
const INFO_AT = 16;
/** Of in_pktinfo and in6_pktinfo. */
export const V4_INFO_BYTES = 12;
export const V6_INFO_BYTES = 20;
const V4_NAME_BYTES = 16;
const ALIGNED = 8;
/** Of in_pktinfo: the local address, and the one that the datagram was sent to. */
export const LOCAL_AT = 4;
export const DESTINATION_AT = 8;

export class Messages {
  readonly most: number;
  readonly #calls: Pick<KernelCalls, "recvmmsg" | "sendmmsg">;
  readonly #headers: Buffer;
  readonly #vectors: Buffer;
  readonly #names: Buffer;
  readonly #controls: Buffer;
  readonly #data: Buffer;

  /** `most` is at least 5: see addressOf. */
  constructor(calls: Pick<KernelCalls, "recvmmsg" | "sendmmsg" | "addressOf">, most: number) {
    this.#calls = calls;
    this.most = most;
    const [headers, vectors, names, controls, data] = [HEADER_BYTES, IOV_BYTES, PEER_BYTES, CONTROL_BYTES, DATA_BYTES].map((bytes) =>
      Buffer.alloc(most * bytes),
    );
    if (headers === undefined || vectors === undefined || names === undefined || controls === undefined || data === undefined) throw new Error("no memory");
    [this.#headers, this.#vectors, this.#names, this.#controls, this.#data] = [headers, vectors, names, controls, data];
    const [vectorsAt, namesAt, controlsAt, dataAt] = [vectors, names, controls, data].map((bytes) => calls.addressOf(bytes));
    for (let i = 0; i < most; i++) {
      const at = i * HEADER_BYTES;
      const n = BigInt(i);
      headers.writeBigUInt64LE((namesAt ?? 0n) + n * BigInt(PEER_BYTES), at + NAME_AT);
      headers.writeBigUInt64LE((vectorsAt ?? 0n) + n * BigInt(IOV_BYTES), at + IOV_AT);
      headers.writeUInt32LE(1, at + IOV_COUNT_AT);
      headers.writeBigUInt64LE((controlsAt ?? 0n) + n * BigInt(CONTROL_BYTES), at + CONTROL_AT);
      vectors.writeBigUInt64LE((dataAt ?? 0n) + n * BigInt(DATA_BYTES), i * IOV_BYTES);
    }
  }

  /** How many came, or a negative error number. */
  receive(fd: number): number {
    for (let i = 0; i < this.most; i++) {
      const at = i * HEADER_BYTES;
      this.#headers.writeUInt32LE(PEER_BYTES, at + NAME_LENGTH_AT);
      this.#headers.writeUInt32LE(CONTROL_BYTES, at + CONTROL_LENGTH_AT);
      this.#vectors.writeUInt32LE(DATA_BYTES, i * IOV_BYTES + 8);
    }
    return this.#calls.recvmmsg(fd, this.#headers, this.most);
  }

  /** The bytes of the one that came at `i`, until the next call. */
  bytes(i: number): Buffer {
    return this.#data.subarray(i * DATA_BYTES, i * DATA_BYTES + this.#headers.readUInt32LE(i * HEADER_BYTES + LENGTH_AT));
  }

  name(i: number): Buffer {
    return this.#names.subarray(i * PEER_BYTES, i * PEER_BYTES + Math.min(PEER_BYTES, this.#headers.readUInt32LE(i * HEADER_BYTES + NAME_LENGTH_AT)));
  }

  /** The local address that it came to, as in_pktinfo or in6_pktinfo has it; null where the kernel says none, or it was no address of one host. */
  info(i: number): Buffer | null {
    const at = i * CONTROL_BYTES;
    if (this.#headers.readUInt32LE(i * HEADER_BYTES + CONTROL_LENGTH_AT) < INFO_AT + V4_INFO_BYTES) return null;
    const [level, type] = [this.#controls.readInt32LE(at + 8), this.#controls.readInt32LE(at + 12)];
    if (level === IPPROTO_IP && type === IP_PKTINFO) {
      const info = this.#controls.subarray(at + INFO_AT, at + INFO_AT + V4_INFO_BYTES);
      return info.readUInt32BE(LOCAL_AT) === info.readUInt32BE(DESTINATION_AT) ? info : null;
    }
    if (level !== IPPROTO_IPV6 || type !== IPV6_PKTINFO) return null;
    const info = this.#controls.subarray(at + INFO_AT, at + INFO_AT + V6_INFO_BYTES);
    return info[0] === 0xff ? null : info;
  }

  /** Lays out one that is to be sent to `name` from the local address in `info`. */
  put(i: number, name: Buffer, info: Buffer, bytes: Buffer): void {
    const [at, control] = [i * HEADER_BYTES, i * CONTROL_BYTES];
    const isV4 = name.length === V4_NAME_BYTES;
    const length = INFO_AT + info.length;
    name.copy(this.#names, i * PEER_BYTES);
    bytes.copy(this.#data, i * DATA_BYTES);
    info.copy(this.#controls, control + INFO_AT);
    // The route says which interface it is, but for a link-local peer, whose address has it.
    this.#controls.writeUInt32LE(0, control + INFO_AT + (isV4 ? 0 : V6_INFO_BYTES - 4));
    this.#controls.writeUInt32LE(length, control);
    this.#controls.writeInt32LE(isV4 ? IPPROTO_IP : IPPROTO_IPV6, control + 8);
    this.#controls.writeInt32LE(isV4 ? IP_PKTINFO : IPV6_PKTINFO, control + 12);
    this.#headers.writeUInt32LE(name.length, at + NAME_LENGTH_AT);
    this.#headers.writeUInt32LE(Math.ceil(length / ALIGNED) * ALIGNED, at + CONTROL_LENGTH_AT);
    this.#vectors.writeUInt32LE(bytes.length, i * IOV_BYTES + 8);
  }

  /** Sends those from `first` up to `end`: how many, or a negative error number, which is that of the first one. */
  send(fd: number, first: number, end: number): number {
    return this.#calls.sendmmsg(fd, this.#headers.subarray(first * HEADER_BYTES), end - first);
  }
}
