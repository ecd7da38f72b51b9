// Makes sockets of datagrams: one bound at a port, whose datagrams come with the local address that they were sent to, and
// one of a flow, which is connected to the flow's backend.
import { getSystemErrorName } from "node:util";
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import {
  AF_INET6,
  EAGAIN,
  ECONNREFUSED,
  EINTR,
  IP_PKTINFO,
  IPPROTO_IP,
  IPPROTO_IPV6,
  IPV6_RECVPKTINFO,
  IPV6_V6ONLY,
  SO_RCVBUF,
  SO_RCVBUFFORCE,
  SOCK_DGRAM,
  SOL_SOCKET,
  type KernelCalls,
} from "./calls.ts";
import { familyOf, internetAddress } from "./sockaddr.ts";

/** The kernel's buffer of a bound socket, for bursts. */
const RECEIVE_BYTES = 4 * 1024 * 1024;
/** Datagrams that a flow's socket may have before it is connected. */
const MOST_STRANGERS = 1024;
const ON = new Int32Array([1]);

/** An inherited socket is bound already; it is closed where this fails. */
export function boundSocket(calls: KernelCalls, { host, port, inherited }: Local): Result<number, ListenFailure> {
  const address = internetAddress(host, port, calls);
  if (address === null) return failed({ code: "EADDRNOTAVAIL" });
  const fd = inherited?.fd ?? calls.socket(familyOf(address), SOCK_DGRAM);
  if (fd < 0) return failed({ code: getSystemErrorName(fd) });
  const isV6 = familyOf(address) === AF_INET6;
  const apart = isV6 && inherited === undefined ? calls.setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, ON) : 0;
  // Where the kernel grants less, bursts are lost sooner.
  const room = new Int32Array([RECEIVE_BYTES]);
  if (calls.setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, room) < 0) calls.setOption(fd, SOL_SOCKET, SO_RCVBUF, room);
  let error = isV6 ? calls.setOption(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, ON) : calls.setOption(fd, IPPROTO_IP, IP_PKTINFO, ON);
  if (apart < 0) error = apart;
  if (error >= 0 && inherited === undefined) error = calls.bind(fd, address);
  if (error >= 0) return ok(fd);
  calls.close(fd);
  return failed({ code: getSystemErrorName(error) });
}

/** The descriptor, or a negative error number. */
export function connectedSocket(calls: KernelCalls, address: Buffer, room: Buffer, dropped: () => void): number {
  const fd = calls.socket(familyOf(address), SOCK_DGRAM);
  let error = fd;
  if (fd >= 0) error = calls.connect(fd, address);
  if (error >= 0) error = dropStrangers(calls, fd, room, dropped);
  if (error >= 0) return fd;
  if (fd >= 0) calls.close(fd);
  return error;
}

/** The kernel binds a socket before it connects it, and a stranger may have sent to it between the two. Negative where some may be left. */
function dropStrangers(calls: KernelCalls, fd: number, room: Buffer, dropped: () => void): number {
  for (let i = 0; i < MOST_STRANGERS; i++) {
    const result = calls.recv(fd, room, room.length, 0);
    if (result === -EAGAIN) return 0;
    if (result >= 0) dropped();
    else if (result !== -EINTR) return result;
  }
  return -ECONNREFUSED;
}
