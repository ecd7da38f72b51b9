// The system calls of the kernel transport: the only file that declares system calls for it (OpenSSL's functions are in openssl.ts). Each gives
// its result, or a negative error number, which is read right after the call. Structures are bytes or words that the
// caller lays out. Every descriptor that is made here is closed by an exec.
import { openLibc, type Watch } from "../../runtime/shell/libc.ts";

export interface KernelCalls {
  socket(domain: number, type: number): number;
  /** Two connected unix sockets; their descriptors come in `pair`. */
  socketpair(type: number, pair: Int32Array): number;
  bind(fd: number, address: Uint8Array): number;
  listen(fd: number, backlog: number): number;
  /** No call on this file blocks any more, in any process that has it. */
  setNonBlocking(fd: number): number;
  /** The peer's address comes in `address`. Doesn't block. */
  accept(fd: number, address: Uint8Array): number;
  connect(fd: number, address: Uint8Array): number;
  getsockname(fd: number, address: Uint8Array): number;
  recv(fd: number, into: Uint8Array, bytes: number, flags: number): number;
  send(fd: number, from: Uint8Array, bytes: number, flags: number): number;
  /** Up to `count` datagrams, laid out as messages.ts does; the answer is how many. Don't block. */
  recvmmsg(fd: number, headers: Uint8Array, count: number): number;
  /** Those from the one at `headers` on. */
  sendmmsg(fd: number, headers: Uint8Array, count: number): number;
  /** As in libc.ts. */
  addressOf(bytes: Uint8Array): bigint;
  /** Doesn't block. */
  splice(from: number, to: number, bytes: number): number;
  /** The reading end and the writing end come in `ends`. */
  pipe(ends: Int32Array): number;
  /** The room of a pipe, which the kernel rounds up to a power of two. */
  setPipeSize(end: number, bytes: number): number;
  shutdown(fd: number, how: number): number;
  close(fd: number): number;
  /** The value of an option that is one integer comes in `value`. */
  getOption(fd: number, level: number, option: number, value: Int32Array): number;
  setOption(fd: number, level: number, option: number, value: Int32Array): number;
  epollCreate(): number;
  epollControl(epoll: number, operation: number, fd: number, event: Uint32Array | null): number;
  /** Blocks for `ms` at most, which is 0 where it is absent; -1: until there is an event. */
  epollWait(epoll: number, events: Uint32Array, most: number, ms?: number): number;
  /** A descriptor that uses up a number, and that `wake` makes readable. */
  eventfd(): number;
  /** Ends the process at once, without a word to its threads. */
  endProcess(exitCode: number): void;
  /** Adds 1 to an eventfd: the thread that waits for it wakes up. */
  wake(fd: number): number;
  /** The number of a network interface; 0 where there is none of that name. */
  interfaceNumber(name: string): number;
  /** The name of a network interface; null where it is gone. */
  interfaceName(number: number): string | null;
  /** As in libc.ts. */
  watch(fd: number, readable: () => void): Watch;
}

export const AF_UNIX = 1;
export const AF_INET = 2;
export const AF_INET6 = 10;
export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SHUT_WR = 1;
export const MSG_PEEK = 2;
export const MSG_NOSIGNAL = 0x4000;

export const SOL_SOCKET = 1;
export const SO_REUSEADDR = 2;
export const SO_ERROR = 4;
export const SO_RCVBUF = 8;
export const SO_KEEPALIVE = 9;
export const SO_OOBINLINE = 10;
export const SO_LINGER = 13;
export const SO_RCVLOWAT = 18;
export const SO_RCVBUFFORCE = 33;
export const IPPROTO_IP = 0;
export const IP_PKTINFO = 8;
export const IPPROTO_TCP = 6;
export const TCP_NODELAY = 1;
export const TCP_KEEPIDLE = 4;
export const TCP_KEEPINTVL = 5;
export const TCP_KEEPCNT = 6;
export const TCP_INFO = 11;
export const IPPROTO_IPV6 = 41;
export const IPV6_V6ONLY = 26;
export const IPV6_RECVPKTINFO = 49;
export const IPV6_PKTINFO = 50;

export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_DEL = 2;

export const EINTR = 4;
export const EAGAIN = 11;
export const ENOMEM = 12;
export const ENODEV = 19;
export const EINVAL = 22;
export const ENFILE = 23;
export const EMFILE = 24;
export const EPIPE = 32;
export const EPROTO = 71;
export const ENETDOWN = 100;
export const ENETUNREACH = 101;
export const ECONNABORTED = 103;
export const ECONNRESET = 104;
export const ENOBUFS = 105;
export const ECONNREFUSED = 111;
export const EHOSTDOWN = 112;
export const EHOSTUNREACH = 113;
export const EINPROGRESS = 115;

export const MSG_DONTWAIT = 0x40;
const NONBLOCK = 0o4000;
const CLOEXEC = 0o2000000;
const F_SETFL = 4;
const SPLICE_FLAGS = 1 | 2;
const F_SETPIPE_SZ = 1031;
const NAME_BYTES = 16;

/** Null where koffi is not installed or has no binary for this machine, and on another system than Linux. */
export function openCalls(): KernelCalls | null {
  const libc = openLibc();
  if (libc === null) return null;
  const checked = (result: unknown): number => (typeof result === "number" && result >= 0 ? result : -libc.errno());
  const length = new Uint32Array(1);
  const socket = libc.func("int socket(int, int, int)");
  const socketpair = libc.func("int socketpair(int, int, int, void *)");
  const bind = libc.func("int bind(int, const void *, uint32_t)");
  const listen = libc.func("int listen(int, int)");
  const accept4 = libc.func("int accept4(int, void *, void *, int)");
  const connect = libc.func("int connect(int, const void *, uint32_t)");
  const getsockname = libc.func("int getsockname(int, void *, void *)");
  const recv = libc.func("long recv(int, void *, unsigned long, int)");
  const send = libc.func("long send(int, const void *, unsigned long, int)");
  const recvmmsg = libc.func("int recvmmsg(int, void *, unsigned int, int, void *)");
  const sendmmsg = libc.func("int sendmmsg(int, void *, unsigned int, int)");
  const splice = libc.func("long splice(int, uintptr_t, int, uintptr_t, unsigned long, unsigned int)");
  const pipe2 = libc.func("int pipe2(void *, int)");
  const fcntl = libc.func("int fcntl(int, int, int)");
  const shutdown = libc.func("int shutdown(int, int)");
  const close = libc.func("int close(int)");
  const getsockopt = libc.func("int getsockopt(int, int, int, void *, void *)");
  const setsockopt = libc.func("int setsockopt(int, int, int, const void *, uint32_t)");
  const epollCreate1 = libc.func("int epoll_create1(int)");
  const epollCtl = libc.func("int epoll_ctl(int, int, int, void *)");
  const epollWait = libc.func("int epoll_wait(int, void *, int, int)");
  const endProcess = libc.func("void _exit(int)");
  const eventfd = libc.func("int eventfd(unsigned int, int)");
  const write = libc.func("long write(int, const void *, unsigned long)");
  const one = new BigUint64Array([1n]);
  const nameToIndex = libc.func("unsigned int if_nametoindex(const char *)");
  const indexToName = libc.func("uintptr_t if_indextoname(unsigned int, void *)");
  return {
    socket: (domain, type) => checked(socket(domain, type | NONBLOCK | CLOEXEC, 0)),
    socketpair: (type, pair) => checked(socketpair(AF_UNIX, type | NONBLOCK | CLOEXEC, 0, pair)),
    bind: (fd, address) => checked(bind(fd, address, address.length)),
    listen: (fd, backlog) => checked(listen(fd, backlog)),
    setNonBlocking: (fd) => libc.fcntl(fd, F_SETFL, NONBLOCK),
    accept(fd, address) {
      length[0] = address.length;
      return checked(accept4(fd, address, length, NONBLOCK | CLOEXEC));
    },
    connect: (fd, address) => checked(connect(fd, address, address.length)),
    getsockname(fd, address) {
      length[0] = address.length;
      return checked(getsockname(fd, address, length));
    },
    recv: (fd, into, bytes, flags) => checked(recv(fd, into, bytes, flags)),
    send: (fd, from, bytes, flags) => checked(send(fd, from, bytes, flags)),
    recvmmsg: (fd, headers, count) => checked(recvmmsg(fd, headers, count, MSG_DONTWAIT, null)),
    sendmmsg: (fd, headers, count) => checked(sendmmsg(fd, headers, count, MSG_DONTWAIT | MSG_NOSIGNAL)),
    addressOf: (bytes) => libc.addressOf(bytes),
    splice: (from, to, bytes) => checked(splice(from, 0, to, 0, bytes, SPLICE_FLAGS)),
    pipe: (ends) => checked(pipe2(ends, NONBLOCK | CLOEXEC)),
    setPipeSize: (end, bytes) => checked(fcntl(end, F_SETPIPE_SZ, bytes)),
    shutdown: (fd, how) => checked(shutdown(fd, how)),
    close: (fd) => checked(close(fd)),
    getOption(fd, level, option, value) {
      length[0] = value.byteLength;
      return checked(getsockopt(fd, level, option, value, length));
    },
    setOption: (fd, level, option, value) => checked(setsockopt(fd, level, option, value, value.byteLength)),
    epollCreate: () => checked(epollCreate1(CLOEXEC)),
    epollControl: (epoll, operation, fd, event) => checked(epollCtl(epoll, operation, fd, event)),
    epollWait: (epoll, events, most, ms = 0) => checked(epollWait(epoll, events, most, ms)),
    endProcess: (exitCode) => void endProcess(exitCode),
    eventfd: () => checked(eventfd(0, NONBLOCK | CLOEXEC)),
    wake: (fd) => checked(write(fd, one, one.byteLength)),
    interfaceNumber(name) {
      const number = nameToIndex(name);
      return typeof number === "number" ? number : 0;
    },
    interfaceName(number) {
      const name = Buffer.alloc(NAME_BYTES);
      const found = indexToName(number, name);
      return found === 0 || found === 0n ? null : name.toString("latin1", 0, name.indexOf(0));
    },
    watch: (fd, readable) => libc.watch(fd, readable),
  };
}
