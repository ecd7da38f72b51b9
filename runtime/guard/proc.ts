// What /proc says of a guarded thread, and its memory.
import { closeSync, openSync, readFileSync, readlinkSync, readSync, statSync } from "node:fs";
import type { Credentials } from "./kernel.ts";

const CAP_NET_BIND_SERVICE = 10n;

export interface ThreadStatus {
  /** The process that the thread is of. */
  readonly process: number;
  readonly command: string;
  readonly umask: number;
  /** For files. */
  readonly credentials: Credentials;
  /** It may bind ports below `ip_unprivileged_port_start` by itself. */
  readonly bindsLowPorts: boolean;
}

/** Null where the thread is gone. */
export function threadStatus(thread: number): ThreadStatus | null {
  try {
    const fields = new Map(readFileSync(`/proc/${thread}/status`, "latin1").split("\n").map((line): [string, string] => {
      const colon = line.indexOf(":");
      return [line.slice(0, colon), line.slice(colon + 1).trim()];
    }));
    const word = (name: string): string => fields.get(name) ?? "";
    const numbers = (name: string): number[] => word(name).split(/\s+/).filter((x) => x !== "").map(Number);
    const [uid, gid, process] = [numbers("Uid")[3], numbers("Gid")[3], numbers("Tgid")[0]];
    if (uid === undefined || gid === undefined || process === undefined) return null;
    // Rights in a user namespace of its own are none over the host's ports.
    const sameNamespace = readlinkSync(`/proc/${thread}/ns/user`) === readlinkSync("/proc/self/ns/user");
    return {
      process, command: word("Name"), umask: Number.parseInt(word("Umask") || "22", 8),
      credentials: { uid, gid, groups: numbers("Groups") },
      bindsLowPorts: sameNamespace && (BigInt(`0x${word("CapEff") || "0"}`) >> CAP_NET_BIND_SERVICE) % 2n === 1n,
    };
  } catch {
    return null;
  }
}

/** `length` bytes of the thread's memory; null where they can't be read. */
export function readMemory(thread: number, address: bigint, length: number): Uint8Array | null {
  let fd = -1;
  try {
    fd = openSync(`/proc/${thread}/mem`, "r");
    const bytes = new Uint8Array(length);
    return readSync(fd, bytes, 0, length, address) === length ? bytes : null;
  } catch {
    return null;
  } finally {
    if (fd >= 0) closeSync(fd);
  }
}

/** The lowest port that needs no right; the kernel's own default where it doesn't say. */
export function unprivilegedPorts(): number {
  try {
    return Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "latin1"));
  } catch {
    return 1024;
  }
}

/** The thread sees the same files under the same names as the guard. */
export function sharesRoot(thread: number): boolean {
  try {
    const [theirs, own] = [statSync(`/proc/${thread}/root`), statSync("/proc/self/root")];
    return theirs.dev === own.dev && theirs.ino === own.ino && readlinkSync(`/proc/${thread}/ns/mnt`) === readlinkSync("/proc/self/ns/mnt");
  } catch {
    return false;
  }
}
