// SO_PEERCRED of a unix socket through koffi, which is optional: without it nobody's identity
// is guessed, and what needs it is refused with a sentence.
import { createRequire } from "node:module";
import type { Socket } from "node:net";

export interface PeerCredentials {
  readonly pid: number;
  readonly uid: number;
  readonly gid: number;
}

/** Who connected to, or listens on, the far end; null when the kernel does not say. */
export type ReadCredentials = (socket: Socket) => PeerCredentials | null;

const SOL_SOCKET = 1;
const SO_PEERCRED = 17;
/** struct ucred: pid, uid, gid, four bytes each. */
const UCRED_BYTES = 12;

type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: number[]) => number;

/** Null where koffi or the kernel's option is missing. */
export function peerCredentials(): ReadCredentials | null {
  const getsockopt = process.platform === "linux" ? load() : null;
  if (getsockopt === null) return null;
  return (socket) => {
    const fd = descriptor(socket);
    if (fd === null) return null;
    const value = Buffer.alloc(UCRED_BYTES);
    const length = [UCRED_BYTES];
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, value, length) !== 0 || length[0] !== UCRED_BYTES) return null;
    const uid = value.readUInt32LE(4);
    // The kernel's word for "unknown".
    if (uid === 0xffffffff) return null;
    return { pid: value.readInt32LE(0), uid, gid: value.readUInt32LE(8) };
  };
}

function load(): Getsockopt | null {
  try {
    const koffi: unknown = createRequire(import.meta.url)("koffi");
    if (!hasLoad(koffi)) return null;
    return koffi.load(null).func("int getsockopt(int, int, int, _Out_ void *, _Inout_ uint32_t *)");
  } catch {
    return null;
  }
}

interface Koffi {
  load(path: null): { func(prototype: string): Getsockopt };
}

function hasLoad(value: unknown): value is Koffi {
  return typeof value === "object" && value !== null && "load" in value && typeof value.load === "function";
}

/** Node has no public way to a socket's descriptor. */
function descriptor(socket: Socket): number | null {
  const handle: unknown = "_handle" in socket ? socket._handle : null;
  if (typeof handle !== "object" || handle === null || !("fd" in handle)) return null;
  return typeof handle.fd === "number" && handle.fd >= 0 ? handle.fd : null;
}
