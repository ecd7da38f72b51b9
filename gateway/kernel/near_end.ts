// The gateway's end of a connection to a backend, as the checks of a backend's owner read it.
import { formatAddress } from "../../runtime/net/address.ts";
import type { NearEnd } from "../forward/backends.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import { AF_UNIX, EINTR, MSG_NOSIGNAL, type KernelCalls } from "./calls.ts";
import { familyOf, PEER_BYTES, peerFrom, portOf } from "./sockaddr.ts";

/** The longest header of the PROXY protocol fits into what a socket takes that has sent nothing yet. */
export function sendPreface(calls: KernelCalls, client: number, upstream: number, header: (local: Endpoint) => Uint8Array | null): boolean {
  if (calls.getsockname(client, address) < 0) return false;
  const { source, port } = peerFrom(address, calls);
  const bytes = typeof source === "number" ? null : header({ address: source, port });
  if (bytes === null) return false;
  let sent: number;
  do sent = calls.send(upstream, bytes, bytes.length, MSG_NOSIGNAL);
  while (sent === -EINTR);
  return sent === bytes.length;
}

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
