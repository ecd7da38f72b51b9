// Listening, which the guard does on its own copy of a socket and at the address that it has bound alone.
import { isLoopback } from "../net/address.ts";
import type { Kernel } from "./kernel.ts";
import { readInet, type InetAddress } from "./sockaddr.ts";

/** Where the socket would listen; null where it is not one address. */
export function localOf(kernel: Kernel, fd: number): InetAddress | null {
  const subflows = kernel.subflowAddresses(fd);
  // An MPTCP socket says where it was; its subflow is what is bound.
  const bytes =
    subflows === null ? kernel.localAddress(fd)
    : subflows.length === 1 ? (subflows[0] ?? null)
    : null;
  return bytes === null ? null : readInet(bytes);
}

/** Whether it is where it was bound. A port that the kernel chose at loopback may be another after a disconnect. */
export function isAt(local: InetAddress | null, bound: InetAddress): boolean {
  return local !== null && local.address.every((word, i) => word === bound.address[i]) && (local.port === bound.port || isLoopback(bound.address));
}

/** Listens, and ends that at once where the address is no longer the one that was decided about: null. */
export function listenAt(kernel: Kernel, fd: number, backlog: number, bound: InetAddress): number | null {
  const result = kernel.listen(fd, backlog);
  if (result !== 0 || isAt(localOf(kernel, fd), bound)) return result;
  kernel.shutdown(fd);
  return null;
}
