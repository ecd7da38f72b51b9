// The gateway's own unix sockets are nobody's backend. A path is looked at when a peer is decided
// (Ports.isOwn), but a link in it may be turned between that look and the connect; so the socket
// that was reached is checked for who listens, before any byte is forwarded.
import type { BackendAddress } from "../forward/backend.ts";
import type { ReadCredentials } from "../intents/peer_credentials.ts";
import type { Verify } from "../forward/backends.ts";

/**
 * `pid` is the gateway's own. Without `credentials` the path is looked at once more, which misses
 * a link that was turned back meanwhile.
 */
export function notOwnSocket(pid: number, credentials: ReadCredentials | null, isOwn: (address: BackendAddress) => boolean): Verify {
  return (socket, address) => {
    if (credentials === null) return isOwn(address) ? `${address.key} is one of the gateway's own sockets` : null;
    const peer = credentials(socket);
    if (peer === null) return "the kernel does not say who listens there";
    return peer.pid === pid ? `${address.key} is one of the gateway's own sockets` : null;
  };
}
