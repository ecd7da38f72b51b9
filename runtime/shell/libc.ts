// The C library through koffi, which is optional: the one place that declares its functions for ingressd and
// ingress-guard. Every function gives its result, or a negative error number, which is read right after the call, before
// anything else can change it. Descriptors and other handles are numbers; structures are bytes that the caller lays out.
import type { Server, Socket } from "node:net";
import { loadKoffi } from "./koffi.mjs";

export interface Libc {
  socket(domain: number, type: number, protocol: number): number;
  bind(fd: number, address: Uint8Array, bytes: number): number;
  listen(fd: number, backlog: number): number;
  connect(fd: number, address: Uint8Array, bytes: number): number;
  close(fd: number): number;
  fcntl(fd: number, command: number, argument: number): number;
  shutdown(fd: number, how: number): number;
  /** `bytes` is the room in `address`, and afterwards what the kernel has of it. */
  getsockname(fd: number, address: Uint8Array, bytes: number[]): number;
  getpeername(fd: number, address: Uint8Array, bytes: number[]): number;
  getsockopt: Getsockopt;
  /** The same for options that read `value` first. */
  exchangeOption: Getsockopt;
  send(fd: number, from: Uint8Array, bytes: number, flags: number): number;
  recv(fd: number, into: Uint8Array, bytes: number, flags: number): number;
  /** `head` is a struct msghdr; see unix_messages.ts. */
  sendmsg(fd: number, head: Uint8Array, flags: number): number;
  recvmsg(fd: number, head: Uint8Array, flags: number): number;
  ioctl(fd: number, request: number, argument: Uint8Array): number;
  /** On a thread of its own. Rejects where koffi can't make the call. */
  poll(set: Uint8Array, count: number, timeoutMs: number): Promise<number>;
  fchdir(fd: number): number;
  prctl(option: number, a: number, b: number, c: number, d: number): number;
  prlimit(process: number, resource: number, next: Uint8Array | null, before: Uint8Array | null): number;
  capget(head: Uint8Array, data: Uint8Array): number;
  capset(head: Uint8Array, data: Uint8Array): number;
  signal(signal: number, handler: number): number;
  pthread_sigmask(how: number, set: Uint8Array | null, before: Uint8Array | null): number;
  waitid(idType: number, id: number, info: Uint8Array, options: number): number;
  waitpid(process: number, status: Uint8Array | null, options: number): number;
  /** A system call with numbers. */
  syscall(number: number, a: number, b: number, c: number): number;
  /** A system call with a number and bytes. */
  syscallBytes(number: number, a: number, bytes: Uint8Array): number;
  openat2(number: number, folder: number, path: Uint8Array, how: Uint8Array, bytes: number): number;
  /** Any other function, by its prototype, with its plain result. */
  func(prototype: string): Native;
  /** Where the bytes are in memory; they stay there as long as they are referred to. At least 65 bytes: V8 moves smaller ones. */
  addressOf(bytes: Uint8Array): bigint;
  /**
   * The address of a C function of this type, which calls `call` on this thread, for as long as the process lives. `call`
   * must not throw.
   */
  callback(prototype: string, call: (...args: readonly unknown[]) => number): bigint;
  /** The error number of the call just before. */
  errno(): number;
  /** Calls back from Node's event loop while `fd` can be read. An exception in the callback is lost. */
  watch(fd: number, readable: () => void): Watch;
}

export interface Watch {
  close(): void;
  /** The event loop ends with it, or without. */
  ref(): void;
  unref(): void;
}

/** As getsockopt(2). `bytes` is the room in `value`, and afterwards what was filled. */
export type Getsockopt = (fd: number, level: number, option: number, value: Uint8Array, bytes: number[]) => number;

export type Native = ((...args: readonly unknown[]) => unknown) & {
  /** The call on a thread of its own; `done` has its result. */
  readonly async: (...args: readonly unknown[]) => void;
};

interface Koffi {
  load(path: null): { func(prototype: string): Native };
  errno(): number;
  address(bytes: Uint8Array): bigint;
  proto(prototype: string): object;
  pointer(type: object): object;
  register(call: (...args: readonly unknown[]) => number, type: object): bigint;
  readonly node: { poll(fd: number, readable: () => void): Watch };
}

/** Null where koffi is not installed or has no binary for this machine, and on another system than Linux, whose numbers callers use. */
export function openLibc(): Libc | null {
  if (process.platform !== "linux") return null;
  try {
    const koffi: unknown = loadKoffi();
    return isKoffi(koffi) ? functionsOf(koffi) : null;
  } catch {
    return null;
  }
}

function functionsOf(koffi: Koffi): Libc {
  const library = koffi.load(null);
  /** Declared when it is called first: a program uses few of them. */
  const declare = (prototype: string): ((...args: readonly unknown[]) => number) => {
    let native: Native | null = null;
    return (...args) => {
      native ??= library.func(prototype);
      const result = native(...args);
      return typeof result === "number" && result >= 0 ? result : -koffi.errno();
    };
  };
  let poll: Native | null = null;
  return {
    socket: declare("int socket(int, int, int)"),
    bind: declare("int bind(int, const void *, uint32_t)"),
    listen: declare("int listen(int, int)"),
    connect: declare("int connect(int, const void *, uint32_t)"),
    close: declare("int close(int)"),
    fcntl: declare("int fcntl(int, int, int)"),
    shutdown: declare("int shutdown(int, int)"),
    getsockname: declare("int getsockname(int, _Out_ void *, _Inout_ uint32_t *)"),
    getpeername: declare("int getpeername(int, _Out_ void *, _Inout_ uint32_t *)"),
    getsockopt: declare("int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)"),
    exchangeOption: declare("int getsockopt(int, int, int, _Inout_ void *, _Inout_ uint32_t *)"),
    send: declare("long send(int, const void *, unsigned long, int)"),
    recv: declare("long recv(int, void *, unsigned long, int)"),
    sendmsg: declare("long sendmsg(int, const void *, int)"),
    recvmsg: declare("long recvmsg(int, void *, int)"),
    ioctl: declare("int ioctl(int, unsigned long, void *)"),
    poll: (set, count, timeoutMs) =>
      new Promise((resolve, reject) => {
        poll ??= library.func("int poll(void *, unsigned long, int)");
        poll.async(set, count, timeoutMs, (error: Error | null, result: number) => {
          if (error === null) resolve(result);
          else reject(error);
        });
      }),
    fchdir: declare("int fchdir(int)"),
    prctl: declare("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)"),
    prlimit: declare("int prlimit(int, int, void *, void *)"),
    capget: declare("int capget(void *, _Out_ void *)"),
    capset: declare("int capset(void *, void *)"),
    signal: declare("intptr_t signal(int, intptr_t)"),
    pthread_sigmask: declare("int pthread_sigmask(int, const void *, void *)"),
    waitid: declare("int waitid(int, unsigned int, void *, int)"),
    waitpid: declare("int waitpid(int, void *, int)"),
    syscall: declare("long syscall(long, long, long, long)"),
    syscallBytes: declare("long syscall(long, long, void *)"),
    openat2: declare("long syscall(long, long, void *, void *, long)"),
    func: (prototype) => library.func(prototype),
    addressOf: (bytes) => koffi.address(bytes),
    callback: (prototype, call) => koffi.register(call, koffi.pointer(koffi.proto(prototype))),
    errno: () => koffi.errno(),
    watch: (fd, readable) => koffi.node.poll(fd, readable),
  };
}

function isKoffi(value: unknown): value is Koffi {
  return typeof value === "object" && value !== null && "load" in value && "errno" in value && "address" in value && "node" in value;
}

/** A socket that is not Node's. */
export interface OwnSocket {
  readonly fd: number;
}

/** Node has no public way to a socket's descriptor. Null where the socket has none any more. */
export function descriptorOf(socket: Socket | Server | OwnSocket): number | null {
  if ("fd" in socket) return socket.fd;
  const handle: unknown = "_handle" in socket ? socket._handle : null;
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return null;
  return typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}
