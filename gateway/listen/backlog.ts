// The kernel's queue of a listening socket.
import { read } from "../../runtime/shell/procfs.ts";

/** Peers that the kernel keeps until they are accepted; net.core.somaxconn may be lower. */
export const BACKLOG = 4096;

/** net.core.somaxconn, by which the kernel bounds the queue of every socket; null where it does not say. */
export function longestBacklog(): number | null {
  const text = read("/proc/sys/net/core/somaxconn");
  return /^[0-9]+\n$/.test(text) ? Number(text) : null;
}
