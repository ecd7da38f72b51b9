// Sockets by the kernel's own names for them. A port is closed in the processes that have it, since the guard keeps no
// descriptor of it: that would keep a port open which its program has closed.
import { close, type Kernel } from "./kernel.ts";
import { numbersIn, read, socketInode, socketRows, TCP_LISTEN } from "../shell/procfs.ts";

export interface SocketName {
  /** SO_COOKIE: never given twice. */
  readonly cookie: bigint;
  /** As /proc has it; given again once the socket is gone. */
  readonly inode: number;
}

/** A descriptor of the socket, taken from a process that has it, for the length of `use`; null where none seems to have it. */
function withSocket<T>(kernel: Kernel, { cookie, inode }: SocketName, use: (fd: number) => T): T | null {
  for (const process of numbersIn("/proc")) {
    // Threads may have descriptors of their own.
    for (const thread of numbersIn(`/proc/${process}/task`)) {
      for (const fd of numbersIn(`/proc/${process}/task/${thread}/fd`)) {
        if (socketInode(`/proc/${process}/task/${thread}/fd/${fd}`) !== inode) continue;
        const pidfd = kernel.openThread(thread, process);
        const taken = pidfd < 0 ? pidfd : kernel.takeDescriptor(pidfd, fd);
        close(pidfd);
        if (taken < 0) continue;
        try {
          if (kernel.cookieOf(taken) === cookie) return use(taken);
        } finally {
          close(taken);
        }
      }
    }
  }
  return null;
}

/** The inodes of all sockets that any process has. */
export function socketInodes(): ReadonlySet<number> {
  const found = new Set<number>();
  for (const process of numbersIn("/proc"))
    for (const thread of numbersIn(`/proc/${process}/task`))
      for (const fd of numbersIn(`/proc/${process}/task/${thread}/fd`)) {
        const inode = socketInode(`/proc/${process}/task/${thread}/fd/${fd}`);
        if (inode !== null) found.add(inode);
      }
  return found;
}

/** Whether any process has it. */
export function isOpenSomewhere(kernel: Kernel, name: SocketName): boolean {
  return withSocket(kernel, name, () => true) ?? isBound(name.inode);
}

/** True once nobody can reach the socket, because the socket is gone or no longer listens. A UDP socket can't be closed from outside. */
export function shut(kernel: Kernel, proto: "tcp" | "udp", name: SocketName): boolean {
  if (proto === "udp") return !isOpenSomewhere(kernel, name);
  const closed = withSocket(kernel, name, (fd) => {
    kernel.shutdown(fd);
    return !kernel.accepts(fd);
  });
  // One that is on its way over a unix socket is in no process.
  return closed ?? !isBound(name.inode);
}

/** A TCP socket that listens, or a UDP socket, of this inode. */
function isBound(inode: number): boolean {
  return ["tcp", "tcp6", "udp", "udp6"].some((table) =>
    socketRows(read(`/proc/self/net/${table}`), table.startsWith("udp") ? undefined : TCP_LISTEN).some((row) => row.inode === inode),
  );
}
