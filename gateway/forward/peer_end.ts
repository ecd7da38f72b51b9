// Queries the kernel whether the peer of a socket has ended its side, also where its end has not been read yet: Node
// reports an end behind bytes that nobody reads only when they are read.
//
// It needs koffi, which is optional; docs/operations.md ("When is a place free?") says what happens without it.
import type { Socket } from "node:net";
import { descriptorOf, openLibc } from "../../runtime/shell/libc.ts";

const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_ESTABLISHED = 1;
const TCP_SYN_RECV = 3;
const TCP_FIN_WAIT1 = 4;
const TCP_FIN_WAIT2 = 5;
/** The states of a socket whose peer has not ended. */
const NOT_ENDED: readonly number[] = [TCP_ESTABLISHED, TCP_SYN_RECV, TCP_FIN_WAIT1, TCP_FIN_WAIT2];

/** Of a socket that is no TLS. False where the kernel does not answer. */
export type HasEnded = (socket: Socket) => boolean;

/** `state`: the first byte of TCP_INFO. */
export function isEnded(state: number): boolean {
  return !NOT_ENDED.includes(state);
}

/** Null without koffi, and on another system than Linux. */
export function endReader(): HasEnded | null {
  const getsockopt = openLibc()?.getsockopt;
  if (getsockopt === undefined) return null;
  const value = Buffer.alloc(4);
  return (socket) => {
    const fd = descriptorOf(socket);
    return fd !== null && getsockopt(fd, IPPROTO_TCP, TCP_INFO, value, [1]) === 0 && isEnded(value[0] ?? TCP_ESTABLISHED);
  };
}
