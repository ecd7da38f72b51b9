// The kernel as the guard uses it: seccomp's notifications, another process's descriptors, and bind and
// listen themselves. Every call gives 0 (or a descriptor) or a negative error number.
import { closeSync, constants } from "node:fs";
import { EINTR } from "./errno.ts";
import { OPENAT2, PIDFD_GETFD, PIDFD_OPEN, RLIMIT_LOCKS, type Architecture } from "./filter.ts";
import type { Libc } from "../shell/libc.ts";
import { openRights, type RunAs } from "./rights.ts";
import { MOST_SOCKADDR_BYTES } from "./sockaddr.ts";

// _IOWR('!', 0, struct seccomp_notif), _IOWR('!', 1, struct seccomp_notif_resp), _IOW('!', 2, u64)
const IOCTL_RECV = 0xc0502100;
const IOCTL_SEND = 0xc0182101;
const IOCTL_ID_VALID = 0x40082102;
const NOTIFICATION_BYTES = 80;
const RESPONSE_BYTES = 24;
const ID_BYTES = 8;

const POLLIN = 1;
const POLLFD_BYTES = 8;
const O_EXCL = 0o200;
const SOL_SOCKET = 1;
const SO_TYPE = 3;
const SO_PROTOCOL = 38;
const SO_DOMAIN = 39;
const SO_NETNS_COOKIE = 71;
const COOKIE_BYTES = 8;
const SO_ACCEPTCONN = 30;
const SO_COOKIE = 57;
const SHUT_RDWR = 2;
const SOL_MPTCP = 284;
const MPTCP_SUBFLOW_ADDRS = 3;
// struct mptcp_subflow_data: u32 its size, number of subflows, the kernel's size of one, ours; then two sockaddr_storage each.
const SUBFLOW_HEAD_BYTES = 16;
const SUBFLOW_BYTES = 2 * MOST_SOCKADDR_BYTES;
/** A socket that could listen has one. */
const MOST_SUBFLOWS = 8;
/** SECCOMP_USER_NOTIF_FLAG_CONTINUE */
const FLAG_CONTINUE = 1;
const O_PATH = 0o10000000;
const O_CLOEXEC = 0o2000000;
// struct open_how: u64 flags, mode, resolve
const OPEN_HOW_BYTES = 24;
const LIMIT_BYTES = 8;

/** A system call that waits for an answer. */
export interface Notification {
  readonly id: bigint;
  /** The thread that made it, as /proc has it. */
  readonly thread: number;
  readonly call: number;
  readonly args: readonly [bigint, bigint, bigint];
}

/** The kind of a socket, by the kernel's options of it. */
export interface SocketKind {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
}

export interface Kernel {
  /** A pidfd of the thread, or of its process where the kernel has none of threads. */
  openThread(thread: number, process: number): number;
  /** A copy of another's descriptor. */
  takeDescriptor(pidfd: number, fd: number): number;
  /** True when a call waits, false when no process has the filter any more. */
  waits(listener: number): Promise<boolean>;
  /** The next call that waits; null where it no longer does. */
  receive(listener: number): Notification | null;
  /** Whether the call still waits: else its thread may be another by now. */
  isValid(listener: number, id: bigint): boolean;
  /** `result`: 0, or a negative error number; `goes_on`: the program makes its call itself. */
  respond(listener: number, id: bigint, result: number | "goes_on"): void;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** struct sockaddr of the socket's own address, or null. */
  localAddress(fd: number): Uint8Array | null;
  /** Those of an MPTCP socket's subflows; its own may be one that it no longer has. Null where it is no MPTCP socket. */
  subflowAddresses(fd: number): readonly Uint8Array[] | null;
  kindOf(fd: number): SocketKind | null;
  /** The kernel's number of the network namespace that a socket was made in; null where it is no socket. */
  namespaceOf(fd: number): bigint | null;
  /** SO_COOKIE: a number of the socket that no other ever has; -1 where there is none. */
  cookieOf(fd: number): bigint;
  /** Ends listening, and with it what waits to be accepted. */
  shutdown(fd: number): void;
  /** Whether the socket listens. */
  accepts(fd: number): boolean;
  /** Runs with another's rights; this thread's alone change. Null where that can't be. */
  readonly as: RunAs;
  /** A folder, for lookups alone; `resolve`: RESOLVE_* of openat2. */
  openFolder(from: number, path: string, resolve: number): number;
  /** Makes it the working directory. */
  enterFolder(fd: number): number;
  /** RLIMIT_LOCKS of a process, both of it. False where the guard may not. */
  limitLocks(process: number, most: number): boolean;
}

export function openKernel(libc: Libc, architecture: Architecture): Kernel {
  return { ...processesOf(libc), ...notificationsOf(libc), ...socketsOf(libc), as: openRights(libc, architecture) };
}

type Processes = Pick<Kernel, "openThread" | "takeDescriptor" | "openFolder" | "enterFolder" | "limitLocks">;

function processesOf(libc: Libc): Processes {
  return {
    openThread(thread, process) {
      // PIDFD_THREAD is O_EXCL; kernels before 6.9 know pidfds of whole processes alone.
      const fd = libc.syscall(PIDFD_OPEN, thread, O_EXCL, 0);
      return fd >= 0 ? fd : libc.syscall(PIDFD_OPEN, process, 0, 0);
    },
    takeDescriptor: (pidfd, fd) => libc.syscall(PIDFD_GETFD, pidfd, fd, 0),
    openFolder(from, path, resolve) {
      const how = Buffer.alloc(OPEN_HOW_BYTES);
      how.writeBigUInt64LE(BigInt(O_PATH | constants.O_DIRECTORY | O_CLOEXEC), 0);
      how.writeBigUInt64LE(BigInt(resolve), 16);
      return libc.openat2(OPENAT2, from, Buffer.from(`${path}\0`, "latin1"), how, OPEN_HOW_BYTES);
    },
    enterFolder: (fd) => libc.fchdir(fd),
    limitLocks(process, most) {
      const limits = Buffer.alloc(2 * LIMIT_BYTES);
      for (const at of [0, LIMIT_BYTES]) limits.writeBigUInt64LE(BigInt(most), at);
      return libc.prlimit(process, RLIMIT_LOCKS, limits, null) === 0;
    },
  };
}

type Notifications = Pick<Kernel, "waits" | "receive" | "isValid" | "respond">;

function notificationsOf(libc: Libc): Notifications {
  return {
    async waits(listener) {
      for (;;) {
        const set = Buffer.alloc(POLLFD_BYTES);
        set.writeInt32LE(listener, 0);
        set.writeInt16LE(POLLIN, 4);
        if ((await libc.poll(set, 1, -1)) > 0) return (set.readInt16LE(6) & POLLIN) !== 0;
        // A signal, or nothing: the next turn polls again.
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
    },
    receive(listener) {
      const bytes = Buffer.alloc(NOTIFICATION_BYTES);
      let result = -EINTR;
      while (result === -EINTR) result = libc.ioctl(listener, IOCTL_RECV, bytes);
      if (result < 0) return null;
      const arg = (i: number): bigint => bytes.readBigUInt64LE(32 + 8 * i);
      return { id: bytes.readBigUInt64LE(0), thread: bytes.readUInt32LE(8), call: bytes.readInt32LE(16), args: [arg(0), arg(1), arg(2)] };
    },
    isValid(listener, id) {
      const bytes = Buffer.alloc(ID_BYTES);
      bytes.writeBigUInt64LE(id);
      return libc.ioctl(listener, IOCTL_ID_VALID, bytes) === 0;
    },
    respond(listener, id, result) {
      const bytes = Buffer.alloc(RESPONSE_BYTES);
      bytes.writeBigUInt64LE(id, 0);
      if (result === "goes_on") bytes.writeUInt32LE(FLAG_CONTINUE, 20);
      else bytes.writeInt32LE(result, 16);
      // A thread that was killed meanwhile needs no answer.
      libc.ioctl(listener, IOCTL_SEND, bytes);
    },
  };
}

type Sockets = Omit<Kernel, keyof Processes | keyof Notifications | "as">;

function socketsOf(libc: Libc): Sockets {
  const option = (fd: number, name: number): number | null => {
    const value = Buffer.alloc(4);
    return libc.getsockopt(fd, SOL_SOCKET, name, value, [4]) === 0 ? value.readInt32LE(0) : null;
  };
  const cookie = (fd: number, name: number): bigint | null => {
    const value = Buffer.alloc(COOKIE_BYTES);
    return libc.getsockopt(fd, SOL_SOCKET, name, value, [COOKIE_BYTES]) === 0 ? value.readBigUInt64LE(0) : null;
  };
  return {
    bind: (fd, address) => libc.bind(fd, address, address.length),
    listen: (fd, backlog) => libc.listen(fd, backlog),
    localAddress(fd) {
      const bytes = Buffer.alloc(MOST_SOCKADDR_BYTES);
      const length = [bytes.length];
      return libc.getsockname(fd, bytes, length) === 0 ? bytes.subarray(0, Math.min(bytes.length, length[0] ?? 0)) : null;
    },
    subflowAddresses(fd) {
      const bytes = Buffer.alloc(SUBFLOW_HEAD_BYTES + MOST_SUBFLOWS * SUBFLOW_BYTES);
      bytes.writeUInt32LE(SUBFLOW_HEAD_BYTES, 0);
      bytes.writeUInt32LE(SUBFLOW_BYTES, 12);
      if (libc.exchangeOption(fd, SOL_MPTCP, MPTCP_SUBFLOW_ADDRS, bytes, [bytes.length]) !== 0) return null;
      const count = bytes.readUInt32LE(4);
      return Array.from({ length: Math.min(count, MOST_SUBFLOWS) }, (_, i) =>
        bytes.subarray(SUBFLOW_HEAD_BYTES + i * SUBFLOW_BYTES).subarray(0, MOST_SOCKADDR_BYTES),
      );
    },
    kindOf(fd) {
      const [domain, type, protocol] = [option(fd, SO_DOMAIN), option(fd, SO_TYPE), option(fd, SO_PROTOCOL)];
      return domain === null || type === null || protocol === null ? null : { domain, type, protocol };
    },
    namespaceOf: (fd) => cookie(fd, SO_NETNS_COOKIE),
    cookieOf: (fd) => cookie(fd, SO_COOKIE) ?? -1n,
    shutdown: (fd) => void libc.shutdown(fd, SHUT_RDWR),
    accepts: (fd) => option(fd, SO_ACCEPTCONN) !== 0,
  };
}

export function close(fd: number): void {
  if (fd >= 0) closeSync(fd);
}
