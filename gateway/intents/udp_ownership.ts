// Whether a udp backend belongs to the service whose it is to be. A datagram has no connection whose far end could be
// looked at, so the sockets that could get it are: all of them must be an owner's. That is looked at before a flow begins
// and again while there are flows, because another program may bind the port when the service has left it.
import type { BackendAddress } from "../forward/backend.ts";
import type { OwnerCheck } from "../forward/backends.ts";
import type { Address } from "../../runtime/net/address.ts";
import { read, socketRows } from "../../runtime/shell/procfs.ts";
import { couldAccept, tcpOwner, type OwnershipSetup } from "./ownership.ts";
import type { Listener, SockDiag } from "./sock_diag.ts";

/** Flows that begin in one turn of the event loop share what was found. */
export function udpBelongsTo(owners: readonly number[], { sockets }: Pick<OwnershipSetup, "sockets">): OwnerCheck {
  const found = new Map<string, string | null>();
  return (backend) => {
    const known = found.get(backend.key);
    if (known !== undefined) return known;
    const wrong = backend.kind === "tcp" ? tcpOwner(udpSocketsOf(sockets, backend.port, backend.address), owners) : "a unix socket is no backend of udp";
    if (found.size === 0) setImmediate(() => found.clear());
    found.set(backend.key, wrong);
    return wrong;
  };
}

/** Why a registration can't claim a backend. */
export function udpClaimable(backend: BackendAddress, uid: number | null, setup: Pick<OwnershipSetup, "sockets">): string | null {
  return uid === null ? "this service has no uid in the configuration, so no backend can be proved to be its own" : udpBelongsTo([uid], setup)(backend, null);
}

/** Null where the kernel gives no answer. */
function udpSocketsOf(sockets: SockDiag | null, port: number, to: Address): readonly Listener[] | null {
  const rows = sockets === null ? boundInProc() : sockets.udpSockets(port, to);
  return rows?.filter((row) => row.port === port && couldAccept(row, to)) ?? null;
}

function boundInProc(): readonly Listener[] {
  return ["/proc/self/net/udp", "/proc/self/net/udp6"]
    .flatMap((path) => socketRows(read(path)))
    .map(({ address, port, uid }) => ({ address, port, uid, cookie: "", ipv6Only: false }));
}
