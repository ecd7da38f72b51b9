// The gateway's end of a connection to a backend, as the checks of a backend's owner read it.
import { formatAddress } from "../../runtime/net/address.ts";
import type { NearEnd } from "../forward/backends.ts";
import { AF_UNIX, type KernelCalls } from "./calls.ts";
import { familyOf, PEER_BYTES, peerFrom, portOf } from "./sockaddr.ts";

const address = Buffer.alloc(PEER_BYTES);

export function nearEnd(calls: KernelCalls, fd: number): NearEnd {
  if (calls.getsockname(fd, address) < 0 || familyOf(address) === AF_UNIX) return { fd };
  const { source, port } = peerFrom(address, calls);
  return typeof source === "number" ? { fd } : { fd, localAddress: formatAddress(source), localPort: port };
}

/** Null for a unix socket. */
export function nearPortOf(calls: KernelCalls, fd: number): number | null {
  return calls.getsockname(fd, address) < 0 || familyOf(address) === AF_UNIX ? null : portOf(address);
}
