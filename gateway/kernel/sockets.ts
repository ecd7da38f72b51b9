// Makes and ends single sockets of the kernel transport, with the options that Node's transport gives them.
import { getSystemErrorName } from "node:util";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { BACKLOG } from "../listen/backlog.ts";
import {
  AF_INET6,
  EINPROGRESS,
  ENODEV,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_OOBINLINE,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  TCP_NODELAY,
  type KernelCalls,
} from "./calls.ts";
import { backendAddress, familyOf, internetAddress, PEER_BYTES } from "./sockaddr.ts";

/** As libuv has them. */
const KEEPALIVE_INTERVAL_S = 1;
const KEEPALIVE_PROBES = 10;

const ON = new Int32Array([1]);
/** struct linger: on, for no time. */
const RESET = new Int32Array([1, 0]);
/** An address of the family AF_UNSPEC, which is 0. */
const NOWHERE = Buffer.alloc(PEER_BYTES);
const value = new Int32Array(1);

/** A socket that listens. Those that it accepts have its options from the start. */
export function listenAt(calls: KernelCalls, { host, port }: Local, keepAliveMs: number): Result<number, ListenFailure> {
  const address = internetAddress(host, port, calls);
  if (address === null) return failed({ code: "EADDRNOTAVAIL" });
  const fd = calls.socket(familyOf(address), SOCK_STREAM);
  if (fd < 0) return failed({ code: getSystemErrorName(fd) });
  calls.setOption(fd, SOL_SOCKET, SO_REUSEADDR, ON);
  // INVARIANT: what listens for IPv6 never takes peers of IPv4 too, which have a socket of their own.
  const apart = familyOf(address) === AF_INET6 ? calls.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, ON) : 0;
  setStreamOptions(calls, fd);
  keepAlive(calls, fd, keepAliveMs);
  const bound = apart < 0 ? apart : calls.bind(fd, address);
  const error = bound < 0 ? bound : calls.listen(fd, BACKLOG);
  if (error >= 0) return ok(fd);
  calls.close(fd);
  return failed({ code: getSystemErrorName(error) });
}

/** The same of a socket that another process made, and is the caller's; after a failure it is closed. */
export function listenOn(calls: KernelCalls, fd: number, keepAliveMs: number): Result<number, ListenFailure> {
  const set = calls.setNonBlocking(fd);
  setStreamOptions(calls, fd);
  keepAlive(calls, fd, keepAliveMs);
  const error = set < 0 ? set : calls.listen(fd, BACKLOG);
  if (error >= 0) return ok(fd);
  calls.close(fd);
  return failed({ code: getSystemErrorName(error) });
}

/** A socket that connects to a backend, or is connected already; or a negative error number. It is not probed: see `keepAlive`. */
export function connectTo(calls: KernelCalls, backend: BackendAddress): number {
  const address = backendAddress(backend, calls);
  if (address === null) return -ENODEV;
  const fd = calls.socket(familyOf(address), SOCK_STREAM);
  if (fd < 0) return fd;
  if (backend.kind === "tcp") setStreamOptions(calls, fd);
  const result = calls.connect(fd, address);
  if (result >= 0 || result === -EINPROGRESS) return fd;
  calls.close(fd);
  return result;
}

/** The socket's error, which is used up; 0 where there is none. */
export function errorOf(calls: KernelCalls, fd: number): number {
  value[0] = 0;
  const result = calls.getOption(fd, SOL_SOCKET, SO_ERROR, value);
  return result < 0 ? -result : (value[0] ?? 0);
}

/** Closes so that the other side sees a reset; a unix socket has none. */
export function closeWithReset(calls: KernelCalls, fd: number): void {
  // INVARIANT: half of the bytes never end in order, so where the option can't be set, a connect to nowhere resets.
  if (calls.setOption(fd, SOL_SOCKET, SO_LINGER, RESET) < 0) calls.connect(fd, NOWHERE);
  calls.close(fd);
}

function setStreamOptions(calls: KernelCalls, fd: number): void {
  calls.setOption(fd, IPPROTO_TCP, TCP_NODELAY, ON);
  // An urgent byte stays in its place among the others.
  calls.setOption(fd, SOL_SOCKET, SO_OOBINLINE, ON);
}

/** The kernel probes the other side after this long without a byte, also where a part of that time is over already. Zero: never. */
export function keepAlive(calls: KernelCalls, fd: number, keepAliveMs: number): void {
  if (keepAliveMs === 0) return;
  calls.setOption(fd, SOL_SOCKET, SO_KEEPALIVE, ON);
  for (const [option, number] of [
    [TCP_KEEPIDLE, Math.max(1, Math.floor(keepAliveMs / 1000))],
    [TCP_KEEPINTVL, KEEPALIVE_INTERVAL_S],
    [TCP_KEEPCNT, KEEPALIVE_PROBES],
  ] as const) {
    value[0] = number;
    calls.setOption(fd, IPPROTO_TCP, option, value);
  }
}
