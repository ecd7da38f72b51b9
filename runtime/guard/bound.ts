// The sockets that guarded processes have bound, by the kernel's own tables: TCP sockets that listen, and UDP sockets.
import { formatEndpoint } from "../net/address.ts";
import { CLOSE, namesIn, read, socketInode, socketRows, target, TCP_LISTEN } from "../shell/procfs.ts";

const MOST_PROCESSES = 4_096;
const MOST_SOCKETS = 1_024;
const TABLES = [
  ["tcp", "tcp"],
  ["tcp6", "tcp"],
  ["udp", "udp"],
  ["udp6", "udp"],
] as const;
const BOUND_STATE = { tcp: TCP_LISTEN, udp: CLOSE } as const;

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
  const tables = new Map<string, ReadonlyMap<number, Omit<BoundSocket, "process">>>();
  const found = new Map<number, BoundSocket>();
  for (const process of processes) {
    const namespace = target(`/proc/${process}/ns/net`);
    if (namespace === "") continue;
    const known = tables.get(namespace) ?? socketsInNamespace(process);
    tables.set(namespace, known);
    for (const fd of namesIn(`/proc/${process}/fd`)) {
      const inode = socketInode(`/proc/${process}/fd/${fd}`);
      const socket = inode === null ? undefined : known.get(inode);
      if (inode !== null && socket !== undefined && found.size < MOST_SOCKETS && !found.has(inode)) found.set(inode, { process, ...socket });
    }
  }
  return [...found.values()];
}

/** Of the process's network namespace, by inode. */
function socketsInNamespace(process: number | "self"): ReadonlyMap<number, Omit<BoundSocket, "process">> {
  return new Map(
    TABLES.flatMap(([table, proto]) =>
      socketRows(read(`/proc/${process}/net/${table}`), BOUND_STATE[proto]).map(({ inode, address, port }): [number, Omit<BoundSocket, "process">] => [
        inode,
        { proto, local: formatEndpoint(address, port) },
      ]),
    ),
  );
}

/** `tcp 0.0.0.0:53`: all of this process's network namespace. */
export function allBoundHere(): ReadonlySet<string> {
  return new Set([...socketsInNamespace("self").values()].map(({ proto, local }) => `${proto} ${local}`));
}
