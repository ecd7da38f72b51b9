// Messages with descriptors (SCM_RIGHTS) over unix sockets, which Node's own sockets don't have: how a gateway gives its
// listening sockets to the next one, and how descriptors reach systemd's store.
import { Buffer } from "node:buffer";
import { failed, ok, type Result } from "../result/result.ts";
import type { Libc } from "./libc.ts";

/** The most descriptors of one message (the kernel's SCM_MAX_FD). */
export const MOST_DESCRIPTORS = 253;
/** The most bytes of one message here. */
export const MOST_BYTES = 64 * 1024;

const AF_UNIX = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const EINVAL = 22;
const EMSGSIZE = 90;
const ENAMETOOLONG = 36;

/** struct msghdr of a 64-bit little-endian system: name, its length, vectors, their number, control, its length, flags. */
const HEAD = { vectors: 16, vectorCount: 24, control: 32, controlBytes: 40, flags: 48, bytes: 56 } as const;
/** struct cmsghdr: length, level, type; the descriptors follow. */
const CONTROL = { level: 8, type: 12, data: 16 } as const;
const CONTROL_BYTES = CONTROL.data + 4 * (MOST_DESCRIPTORS + 1);
/** sun_path. */
const PATH_BYTES = 108;

export type SocketKind = "stream" | "datagram";

export interface Received {
  /** Empty at the end of a stream. */
  readonly bytes: Buffer;
  /** Closed at an exec; the caller owns them. */
  readonly descriptors: readonly number[];
}

export interface UnixMessages {
  /** A socket that is connected to `path` (`@name`: an abstract one), which blocks; or a negative error number. */
  connect(path: string, kind: SocketKind): number;
  /** Doesn't block. The number of bytes that were taken, with all descriptors or none; or a negative error number. */
  send(fd: number, bytes: Uint8Array, descriptors?: readonly number[]): number;
  /** Doesn't block. A negative error number where nothing can be received. */
  receive(fd: number): Result<Received, number>;
}

/** Null on a machine whose structures have another layout. */
export function openUnixMessages(libc: Libc): UnixMessages | null {
  return LAYOUTS.includes(process.arch) ? new Messages(libc) : null;
}

const LAYOUTS: readonly string[] = ["x64", "arm64", "riscv64", "loong64"];

class Messages implements UnixMessages {
  readonly #libc: Libc;
  /** INVARIANT: they are referenced as long as this is, so what points to them is right during each call. */
  readonly #head = Buffer.allocUnsafeSlow(HEAD.bytes);
  /** One struct iovec; V8 moves arrays of less than 65 bytes. */
  readonly #vector = Buffer.allocUnsafeSlow(128);
  readonly #control = Buffer.allocUnsafeSlow(CONTROL_BYTES);
  readonly #data = Buffer.allocUnsafeSlow(MOST_BYTES);

  constructor(libc: Libc) {
    this.#libc = libc;
  }

  connect(path: string, kind: SocketKind): number {
    const address = unixAddress(path);
    if (address === null) return -ENAMETOOLONG;
    const fd = this.#libc.socket(AF_UNIX, (kind === "stream" ? 1 : 2) | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    const connected = this.#libc.connect(fd, address, address.length);
    if (connected >= 0) return fd;
    this.#libc.close(fd);
    return connected;
  }

  send(fd: number, bytes: Uint8Array, descriptors: readonly number[] = []): number {
    if (bytes.length > MOST_BYTES) return -EMSGSIZE;
    // A message without a byte has no place for descriptors in a stream.
    if (descriptors.length > MOST_DESCRIPTORS || (descriptors.length > 0 && bytes.length === 0)) return -EINVAL;
    this.#data.set(bytes);
    const length = descriptors.length === 0 ? 0 : CONTROL.data + 4 * descriptors.length;
    this.#control.fill(0);
    this.#control.writeBigUInt64LE(BigInt(length), 0);
    this.#control.writeInt32LE(SOL_SOCKET, CONTROL.level);
    this.#control.writeInt32LE(SCM_RIGHTS, CONTROL.type);
    descriptors.forEach((one, i) => this.#control.writeInt32LE(one, CONTROL.data + 4 * i));
    // The kernel counts the padding to eight bytes too.
    this.#point(bytes.length, length + (-length & 7));
    return this.#libc.sendmsg(fd, this.#head, MSG_NOSIGNAL | MSG_DONTWAIT);
  }

  receive(fd: number): Result<Received, number> {
    this.#control.fill(0);
    this.#point(MOST_BYTES, CONTROL_BYTES);
    const count = this.#libc.recvmsg(fd, this.#head, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count < 0) return failed(count);
    const descriptors = this.#descriptors(Number(this.#head.readBigUInt64LE(HEAD.controlBytes)));
    if ((this.#head.readInt32LE(HEAD.flags) & MSG_CTRUNC) !== 0) {
      for (const one of descriptors) this.#libc.close(one);
      return failed(-EMSGSIZE);
    }
    return ok({ bytes: Buffer.from(this.#data.subarray(0, count)), descriptors });
  }

  #descriptors(controlBytes: number): readonly number[] {
    if (controlBytes < CONTROL.data) return [];
    const length = Math.min(Number(this.#control.readBigUInt64LE(0)), controlBytes);
    if (this.#control.readInt32LE(CONTROL.level) !== SOL_SOCKET || this.#control.readInt32LE(CONTROL.type) !== SCM_RIGHTS) return [];
    return Array.from({ length: Math.floor((length - CONTROL.data) / 4) }, (_, i) => this.#control.readInt32LE(CONTROL.data + 4 * i));
  }

  #point(bytes: number, controlBytes: number): void {
    this.#vector.writeBigUInt64LE(this.#libc.addressOf(this.#data), 0);
    this.#vector.writeBigUInt64LE(BigInt(bytes), 8);
    this.#head.fill(0);
    this.#head.writeBigUInt64LE(this.#libc.addressOf(this.#vector), HEAD.vectors);
    this.#head.writeBigUInt64LE(1n, HEAD.vectorCount);
    if (controlBytes > 0) this.#head.writeBigUInt64LE(this.#libc.addressOf(this.#control), HEAD.control);
    this.#head.writeBigUInt64LE(BigInt(controlBytes), HEAD.controlBytes);
  }
}

/** struct sockaddr_un; `@name` is an abstract address. Null where it does not fit. */
export function unixAddress(path: string): Buffer | null {
  const isAbstract = path.startsWith("@");
  const name = Buffer.from(isAbstract ? `\0${path.slice(1)}` : `${path}\0`, "utf8");
  if (name.length < 2 || name.length > PATH_BYTES) return null;
  const address = Buffer.alloc(2 + name.length);
  address.writeUInt16LE(AF_UNIX, 0);
  name.copy(address, 2);
  return address;
}
