// What the guard asks of the kernel: seccomp's notifications, another process's descriptors, and bind and
// listen themselves. Every call gives 0 (or a descriptor) or a negative error number.
import { closeSync } from "node:fs";
import { EINTR } from "./errno.ts";
import { PIDFD_GETFD, PIDFD_OPEN, type Architecture } from "./filter.ts";
import type { Library } from "./koffi.ts";
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

/** A system call that waits for an answer. */
export interface Notification {
  readonly id: bigint;
  /** The thread that made it, as /proc has it. */
  readonly thread: number;
  readonly call: number;
  readonly args: readonly [bigint, bigint, bigint];
}

/** What a socket is by its own word. */
export interface SocketKind {
  readonly domain: number;
  readonly type: number;
  readonly protocol: number;
}

/** Whose rights a file is made with. */
export interface Credentials {
  readonly uid: number;
  readonly gid: number;
  readonly groups: readonly number[];
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
  /** `result`: 0, or a negative error number. */
  respond(listener: number, id: bigint, result: number): void;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** struct sockaddr of the socket's own address, or null. */
  localAddress(fd: number): Uint8Array | null;
  kindOf(fd: number): SocketKind | null;
  /** The kernel's number of the network namespace that a socket was made in; null where it is no socket. */
  namespaceOf(fd: number): bigint | null;
  /** SO_COOKIE: a number of the socket that no other ever has; -1 where there is none. */
  cookieOf(fd: number): bigint;
  /** Ends listening, and with it what waits to be accepted. */
  shutdown(fd: number): void;
  /** Whether the socket listens. */
  accepts(fd: number): boolean;
  /** Runs with another's rights to files; this thread's alone change. Null where that can't be. */
  as<T>(credentials: Credentials, work: () => T): T | null;
}

export function openKernel(library: Library, { numbers }: Architecture): Kernel {
  const call3 = library.func("long syscall(long, long, long, long)");
  const callPointer = library.func("long syscall(long, long, void *)");
  const ioctl = library.func("int ioctl(int, unsigned long, void *)");
  const poll = library.func("int poll(void *, unsigned long, int)");
  const bind = library.func("int bind(int, void *, unsigned int)");
  const listen = library.func("int listen(int, int)");
  const getsockname = library.func("int getsockname(int, _Out_ void *, _Inout_ uint32_t *)");
  const shutdown = library.func("int shutdown(int, int)");
  const getsockopt = library.func("int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)");
  const done = (result: unknown): number => (typeof result === "number" && result >= 0 ? result : -library.errno());

  const option = (fd: number, name: number): number | null => {
    const value = Buffer.alloc(4);
    return getsockopt(fd, SOL_SOCKET, name, value, [4]) === 0 ? value.readInt32LE(0) : null;
  };
  const pollOnce = (listener: number): Buffer => {
    const set = Buffer.alloc(POLLFD_BYTES);
    set.writeInt32LE(listener, 0);
    set.writeInt16LE(POLLIN, 4);
    return set;
  };
  const setGroups = ({ groups }: Credentials): boolean => {
    const list = Buffer.alloc(Math.max(4, 4 * groups.length));
    groups.forEach((group, i) => list.writeUInt32LE(group, 4 * i));
    return callPointer(numbers.setgroups, groups.length, list) === 0;
  };
  const setRights = (credentials: Credentials): boolean => {
    const { uid, gid } = credentials;
    // The groups first, while there is the right to set them; then each is asked whether it holds.
    if (!setGroups(credentials)) return false;
    call3(numbers.setfsgid, gid, 0, 0);
    call3(numbers.setfsuid, uid, 0, 0);
    return call3(numbers.setfsgid, -1, 0, 0) === gid && call3(numbers.setfsuid, -1, 0, 0) === uid;
  };

  return {
    openThread(thread, process) {
      // PIDFD_THREAD is O_EXCL; kernels before 6.9 know pidfds of whole processes alone.
      const fd = done(call3(PIDFD_OPEN, thread, O_EXCL, 0));
      return fd >= 0 ? fd : done(call3(PIDFD_OPEN, process, 0, 0));
    },
    takeDescriptor: (pidfd, fd) => done(call3(PIDFD_GETFD, pidfd, fd, 0)),
    waits: (listener) => new Promise((resolve, reject) => {
      const ask = (): void => {
        const set = pollOnce(listener);
        poll.async(set, 1, -1, (error: Error | null, result: number) => {
          if (error !== null) reject(error);
          // A signal, or nothing: asked again.
          else if (result <= 0) setImmediate(ask);
          else resolve((set.readInt16LE(6) & POLLIN) !== 0);
        });
      };
      ask();
    }),
    receive(listener) {
      const bytes = Buffer.alloc(NOTIFICATION_BYTES);
      let result = -EINTR;
      while (result === -EINTR) result = done(ioctl(listener, IOCTL_RECV, bytes));
      if (result < 0) return null;
      const arg = (i: number): bigint => bytes.readBigUInt64LE(32 + 8 * i);
      return { id: bytes.readBigUInt64LE(0), thread: bytes.readUInt32LE(8), call: bytes.readInt32LE(16), args: [arg(0), arg(1), arg(2)] };
    },
    isValid(listener, id) {
      const bytes = Buffer.alloc(ID_BYTES);
      bytes.writeBigUInt64LE(id);
      return ioctl(listener, IOCTL_ID_VALID, bytes) === 0;
    },
    respond(listener, id, result) {
      const bytes = Buffer.alloc(RESPONSE_BYTES);
      bytes.writeBigUInt64LE(id, 0);
      bytes.writeInt32LE(result, 16);
      // Who was killed meanwhile needs no answer.
      ioctl(listener, IOCTL_SEND, bytes);
    },
    bind: (fd, address) => done(bind(fd, address, address.length)),
    listen: (fd, backlog) => done(listen(fd, backlog)),
    localAddress(fd) {
      const bytes = Buffer.alloc(MOST_SOCKADDR_BYTES);
      const length = [bytes.length];
      return getsockname(fd, bytes, length) === 0 ? bytes.subarray(0, Math.min(bytes.length, length[0] ?? 0)) : null;
    },
    kindOf(fd) {
      const [domain, type, protocol] = [option(fd, SO_DOMAIN), option(fd, SO_TYPE), option(fd, SO_PROTOCOL)];
      return domain === null || type === null || protocol === null ? null : { domain, type, protocol };
    },
    namespaceOf(fd) {
      const value = Buffer.alloc(COOKIE_BYTES);
      return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, value, [COOKIE_BYTES]) === 0 ? value.readBigUInt64LE(0) : null;
    },
    cookieOf(fd) {
      const value = Buffer.alloc(COOKIE_BYTES);
      return getsockopt(fd, SOL_SOCKET, SO_COOKIE, value, [COOKIE_BYTES]) === 0 ? value.readBigUInt64LE(0) : -1n;
    },
    shutdown: (fd) => void shutdown(fd, SHUT_RDWR),
    accepts: (fd) => option(fd, SO_ACCEPTCONN) !== 0,
    as(credentials, work) {
      const own: Credentials = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0, groups: process.getgroups?.() ?? [] };
      // A guard without privileges has no right to set any, and a program of its own user needs none set.
      if (sameRights(own, credentials)) return work();
      // Nothing has changed yet.
      if (!setGroups(own)) return null;
      if (!setRights(credentials)) {
        if (!setRights(own)) throw new Error("the guard's own rights can't be set again");
        return null;
      }
      try {
        return work();
      } finally {
        if (!setRights(own)) throw new Error("the guard's own rights can't be set again");
      }
    },
  };
}

function sameRights(a: Credentials, b: Credentials): boolean {
  // Node may count the group itself among the further ones.
  const further = ({ gid, groups }: Credentials): string => [...new Set([gid, ...groups])].sort((x, y) => x - y).join();
  return a.uid === b.uid && a.gid === b.gid && further(a) === further(b);
}

export function close(fd: number): void {
  if (fd >= 0) closeSync(fd);
}
