// Whether a backend belongs to the service whose it is to be. Else one service could publish another's
// database, and another local user could play a service that is down. The check is made when the connection
// to the backend is there and before any byte is forwarded.
import { statSync } from "node:fs";
import { AGAIN, type Verify } from "../forward/backends.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { isV4, isWildcard, parseAddress, type Address } from "../../runtime/net/address.ts";
import { read, socketRows, TCP_LISTEN } from "../../runtime/shell/procfs.ts";
import type { ReadCredentials } from "./peer_credentials.ts";
import type { Endpoint, FarEnd, Listener, SockDiag } from "./sock_diag.ts";

/** The rows of /proc/net/tcp{,6} in state LISTEN, for hosts on which the kernel can't be queried for single sockets. */
export type ReadListening = () => readonly Listener[];

export function listeningSockets(): readonly Listener[] {
  // Without IPv6 there is no tcp6; without /proc nothing is found and nothing is owned.
  return ["/proc/self/net/tcp", "/proc/self/net/tcp6"].flatMap((path) => parseListening(read(path)));
}

/**
 * The list costs time in proportion to the host's sockets, so connects of one turn of the
 * event loop share it.
 */
export function oncePerTurn(read: ReadListening): ReadListening {
  let rows: readonly Listener[] | null = null;
  return () => {
    if (rows === null) {
      rows = read();
      setImmediate(() => {
        rows = null;
      });
    }
    return rows;
  };
}

export function parseListening(text: string): readonly Listener[] {
  return socketRows(text, TCP_LISTEN).map(({ address, port, uid }) => ({ address, port, uid, cookie: "", ipv6Only: false }));
}

export interface OwnershipSetup {
  readonly credentials: ReadCredentials | null;
  /** Null: `listening` is read instead. */
  readonly sockets: SockDiag | null;
  readonly listening: ReadListening;
}

/** Root's sockets are a service's own where the policy names the backend: systemd, nginx and HAProxy open them as root. */
export const ROOT = 0;

/** A check of a unix socket by the owner of its file, where koffi is missing and the kernel can't be queried for the listener. */
export function fileBelongsTo(owners: readonly number[]): Verify {
  return (_socket, backend) => {
    const uid = backend.kind === "unix" ? statSync(backend.path, { throwIfNoEntry: false })?.uid : undefined;
    return uid !== undefined && owners.includes(uid) ? null : `the file of the unix socket belongs to uid ${uid ?? "unknown"}, not ${owners.join(" or ")}`;
  };
}

/** A check for a backend that must belong to one of `owners`. */
export function belongsTo(owners: readonly number[], setup: OwnershipSetup): Verify {
  /** Cookies of the listening sockets that were found to be the service's last. */
  let known = "";
  return (socket, backend) => {
    if (backend.kind === "unix") {
      if (setup.credentials === null) return "koffi is not installed, so the owner of a unix socket can't be found";
      const peer = setup.credentials(socket);
      return peer !== null && owners.includes(peer.uid) ? null : `the unix socket's listener runs as uid ${peer?.uid ?? "unknown"}, not ${owners.join(" or ")}`;
    }
    const far = farEndOf(setup, backend, { address: socket.localAddress, port: socket.localPort });
    // INVARIANT: this lookup comes after that of the far end, so a connection that was queued then is in one of these.
    const rows = candidates(setup, backend);
    const wrong = tcpOwner(rows, owners);
    if (wrong !== null || rows === null) return wrong;
    const now = rows
      .map(({ cookie }) => cookie)
      .sort()
      .join();
    const unchanged = now === known;
    known = now;
    // Whichever process took the connection, the same sockets have listened since before it was made.
    if (setup.sockets === null || unchanged) return null;
    const certain = far?.state === "queued" || (far?.state === "accepted" && owners.includes(far.uid));
    return certain ? null : AGAIN;
  };
}

function farEndOf(
  { sockets }: OwnershipSetup,
  backend: Endpoint,
  near: { readonly address?: string | undefined; readonly port?: number | undefined },
): FarEnd | null {
  const address = parseAddress(near.address ?? "");
  return sockets === null || address === null || near.port === undefined ? null : sockets.farEnd(backend, { address, port: near.port });
}

/** The listening sockets that could have taken a connection to the backend; null where the kernel gives no answer. */
function candidates({ sockets, listening }: OwnershipSetup, { address, port }: Endpoint): readonly Listener[] | null {
  const rows = sockets === null ? listening() : sockets.listeners(port, address);
  return rows?.filter((row) => row.port === port && couldAccept(row, address)) ?? null;
}

/** Null when every one of them belongs to an owner. */
export function tcpOwner(rows: readonly Listener[] | null, owners: readonly number[]): string | null {
  if (rows === null) return "the kernel does not say who listens there";
  if (rows.length === 0) return "nothing that can be seen listens there";
  const stranger = rows.find((row) => !owners.includes(row.uid));
  return stranger === undefined ? null : `the listening socket belongs to uid ${stranger.uid}, not ${owners.join(" or ")}`;
}

/** A dual-stack [::] takes IPv4 too. */
export function couldAccept({ address, ipv6Only }: Listener, target: Address): boolean {
  if (isWildcard(address)) return isV4(address) ? isV4(target) : !isV4(target) || !ipv6Only;
  return address.every((word, i) => word === target[i]);
}

/** Why a registration can't claim a backend at all, before any connect. */
export function claimable(backend: BackendAddress, uid: number | null, setup: OwnershipSetup): string | null {
  if (uid === null) return "this service has no uid in the configuration, so no backend can be proved to be its own";
  if (backend.kind === "tcp") return tcpOwner(candidates(setup, backend), [uid]);
  return setup.credentials === null ? "koffi is not installed, so the owner of a unix socket can't be found" : null;
}
