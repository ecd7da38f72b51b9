// Reads /proc about a guarded thread, and its memory.
import { closeSync, fstatSync, openSync, readlinkSync, readSync } from "node:fs";
import { fieldsOf, limitOf, read } from "../shell/procfs.ts";
import type { Rights } from "./rights.ts";

const CAP_NET_BIND_SERVICE = 10n;

export interface ThreadStatus {
  /** The process that the thread is of. */
  readonly process: number;
  readonly command: string;
  readonly umask: number;
  readonly rights: Rights;
  /** It may bind ports below `ip_unprivileged_port_start` by itself. */
  readonly bindsLowPorts: boolean;
}

/** Null where the thread is gone. */
export function threadStatus(thread: number): ThreadStatus | null {
  try {
    const fields = fieldsOf(`/proc/${thread}/status`);
    const word = (name: string): string => fields.get(name) ?? "";
    const numbers = (name: string): number[] =>
      word(name)
        .split(/\s+/)
        .filter((x) => x !== "")
        .map(Number);
    // Real, effective, saved, for files.
    const [[, uid, , fileUid], [, gid, , fileGid], [process]] = [numbers("Uid"), numbers("Gid"), numbers("Tgid")];
    if (uid === undefined || gid === undefined || fileUid === undefined || fileGid === undefined || process === undefined) return null;
    // Rights in a user namespace of its own are none over the host's ports and files.
    const sameNamespace = readlinkSync(`/proc/${thread}/ns/user`) === readlinkSync("/proc/self/ns/user");
    const capabilities = sameNamespace ? BigInt(`0x${word("CapEff") || "0"}`) : 0n;
    return {
      process,
      command: word("Name"),
      umask: Number.parseInt(word("Umask") || "22", 8),
      rights: { uid, gid, fileUid, fileGid, groups: numbers("Groups"), capabilities },
      bindsLowPorts: (capabilities >> CAP_NET_BIND_SERVICE) % 2n === 1n,
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
  const text = read("/proc/sys/net/ipv4/ip_unprivileged_port_start");
  return text === "" ? 1024 : Number(text);
}

/** When the process began, in ticks since the machine's start; null where it is gone. */
export function startOf(process: number): number | null {
  const fields = read(`/proc/${process}/stat`)
    .replace(/^.*\) /s, "")
    .split(" ");
  const start = Number(fields[19]);
  return Number.isInteger(start) ? start : null;
}

/** Now, as `startOf` counts: hundredths of a second. */
export function ticksNow(): number {
  return Math.floor(Number(read("/proc/uptime").split(" ")[0]) * 100);
}

/** The hard limit RLIMIT_LOCKS of a process; null: there is none, as ever. 0 where it can't be read. */
export function locksLimit(process: number): number | null {
  const limit = limitOf(process, "Max file locks")?.hard ?? 0;
  return limit === Number.POSITIVE_INFINITY ? null : limit;
}

/** The mount and the inode that a descriptor of this process leads to; null where that can't be known. */
export function placeOf(fd: number): string | null {
  const mount = /^mnt_id:\s*(\d+)$/m.exec(read(`/proc/self/fdinfo/${fd}`))?.[1];
  try {
    const { dev, ino } = fstatSync(fd);
    return mount === undefined ? null : `${mount} ${dev} ${ino}`;
  } catch {
    return null;
  }
}
