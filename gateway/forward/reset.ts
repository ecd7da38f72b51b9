// Queries the kernel whether a socket that has come to its end was broken off. Node says 'end' for both: libuv
// takes a hang-up that comes together with data for the end of the stream, and doesn't look at the error that
// the kernel keeps with it.
//
//   SO_ERROR     0 after a FIN; ECONNRESET after a reset, ETIMEDOUT where the peer is out of reach, and so on;
//                EPIPE where the reset came after a FIN: the stream was complete before
//   TCP_INFO     state CLOSE, although this side has not ended: the error was given to a write before
//
// It needs koffi, which is optional; docs/operations.md ("Ends and resets") says what happens without it.
import type { Socket } from "node:net";
import { descriptorOf, openLibc } from "../../runtime/shell/libc.ts";

const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_DOMAIN = 39;
const AF_UNIX = 1;
const IPPROTO_TCP = 6;
const TCP_INFO = 11;
const TCP_CLOSE = 7;
const EPIPE = 32;
const INT_BYTES = 4;

/** To be called once, at 'end'. INVARIANT: where the kernel doesn't answer, it was broken off. */
export type IsReset = (socket: Socket) => boolean;

/** Null without koffi, and on another system than Linux. */
export function resetReader(): IsReset | null {
  const getsockopt = openLibc()?.getsockopt;
  if (getsockopt === undefined) return null;
  const value = Buffer.alloc(INT_BYTES);
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === null) return true;
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, value, [INT_BYTES]) !== 0) return true;
    const error = value.readInt32LE(0);
    if (error !== 0) return error !== EPIPE;
    // One that has ended on both sides is in CLOSE as well.
    if (socket.writableEnded) return false;
    if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, value, [INT_BYTES]) !== 0) return true;
    return value.readInt32LE(0) !== AF_UNIX && (getsockopt(fd, IPPROTO_TCP, TCP_INFO, value, [1]) !== 0 || value[0] === TCP_CLOSE);
  };
}
