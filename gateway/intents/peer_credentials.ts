// SO_PEERCRED of a unix socket through koffi, which is optional: without it nobody's identity
// is guessed, and what needs it is refused with a sentence.
import type { Socket } from "node:net";
import { descriptorOf, openLibc, type OwnSocket } from "../../runtime/shell/libc.ts";

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** The process that connected, or that listens on the far end; null when the kernel does not say. */
export type ReadCredentials = (socket: Socket | OwnSocket) => PeerCredentials | null;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid, four bytes each. */
const UCRED_BYTES = 12;

/** Null where koffi or the kernel's option is missing. */
export function peerCredentials(): ReadCredentials | null {
  const libc = openLibc();
  if (libc === null) return null;
  return (socket) => {
    const fd = descriptorOf(socket);
    if (fd === null) return null;
    const value = Buffer.alloc(UCRED_BYTES);
    const length = [UCRED_BYTES];
    if (libc.getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0 || length[0] !== UCRED_BYTES) return null;
    const uid = value.readUInt32LE(4);
    // The kernel's word for "unknown".
    if (uid === 0xffffffff) return null;
    return { pid: value.readInt32LE(0), uid, gid: value.readUInt32LE(8) };
  };
}
