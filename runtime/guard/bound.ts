// What guarded processes have bound, by the kernel's own tables: TCP sockets that listen, and UDP sockets.
import { namesIn, read, target } from "./proc_text.ts";
import { formatEndpoint, fromV4, type Address } from "../net/address.ts";

const MOST_PROCESSES = 4_096;
const MOST_SOCKETS = 1_024;
const TABLES = [["tcp", "tcp"], ["tcp6", "tcp"], ["udp", "udp"], ["udp6", "udp"]] as const;
/** TCP_LISTEN, and the state of a UDP socket that is not connected. */
const WAITING = { tcp: "0A", udp: "07" } as const;

export interface BoundSocket {
  readonly process: number;
  readonly proto: "tcp" | "udp";
  /** `127.0.0.1:80`, `[::1]:80`. */
  readonly local: string;
}

/** All that `root` has started, itself left out, without `except` and what that has started; `found` has each as soon as it is seen. */
export function descendants(root: number, except: number, found: (process: number) => void = () => undefined): readonly number[] {
  const all: number[] = [];
  const queue = [root];
  for (let next = queue.pop(); next !== undefined && all.length < MOST_PROCESSES; next = queue.pop()) {
    const children = namesIn(`/proc/${next}/task`).flatMap((thread) => read(`/proc/${next}/task/${thread}/children`).trim().split(" "));
    for (const child of children.filter((word) => word !== "").map(Number)) {
      if (child === except) continue;
      found(child);
      all.push(child);
      queue.push(child);
    }
  }
  return all;
}

/** Each socket once, though several processes may have it. */
export function boundSockets(processes: readonly number[]): readonly BoundSocket[] {
  const tables = new Map<string, ReadonlyMap<string, Omit<BoundSocket, "process">>>();
  const found = new Map<string, BoundSocket>();
  for (const process of processes) {
    const namespace = target(`/proc/${process}/ns/net`);
    if (namespace === "") continue;
    const known = tables.get(namespace) ?? waitingSockets(process);
    tables.set(namespace, known);
    for (const fd of namesIn(`/proc/${process}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target(`/proc/${process}/fd/${fd}`))?.[1];
      const socket = inode === undefined ? undefined : known.get(inode);
      if (inode !== undefined && socket !== undefined && found.size < MOST_SOCKETS && !found.has(inode)) found.set(inode, { process, ...socket });
    }
  }
  return [...found.values()];
}

/** Of the process's network namespace, by inode. */
function waitingSockets(process: number | "self"): ReadonlyMap<string, Omit<BoundSocket, "process">> {
  return new Map(TABLES.flatMap(([table, proto]) => read(`/proc/${process}/net/${table}`).split("\n").slice(1).flatMap((line): [string, Omit<BoundSocket, "process">][] => {
    const fields = line.trim().split(/\s+/);
    const local = fields[3] === WAITING[proto] ? endpoint(fields[1] ?? "") : null;
    const inode = fields[9];
    return local === null || inode === undefined ? [] : [[inode, { proto, local }]];
  })));
}

/** `tcp 0.0.0.0:53`: all of this process's network namespace. */
export function waitingHere(): ReadonlySet<string> {
  return new Set([...waitingSockets("self").values()].map(({ proto, local }) => `${proto} ${local}`));
}

/** `0100007F:1F90`: words in the machine's order, which is little-endian on all that the guard knows. */
export function endpoint(text: string): string | null {
  const [digits = "", port = ""] = text.split(":");
  const words = (digits.match(/[0-9A-F]{8}/g) ?? []).map((word) => Buffer.from(word, "hex").readUInt32LE(0));
  const [a, b, c, d] = words;
  if (a === undefined || !/^[0-9A-F]{4}$/.test(port)) return null;
  const address: Address | null = digits.length === 8 ? fromV4(a) : b === undefined || c === undefined || d === undefined ? null : [a, b, c, d];
  return address === null ? null : formatEndpoint(address, Number.parseInt(port, 16));
}
