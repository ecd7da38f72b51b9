// Whether a backend belongs to the service that names it. Else one service could publish
// another's database. The check is made when the backend has accepted and before any byte is
// forwarded, so what is checked is what was reached.
import { readFileSync } from "node:fs";
import type { Verify } from "../admit/backends.ts";
import type { BackendAddress } from "../forward/backend.ts";
import { isV4, isWildcard, type Address } from "../../runtime/net/address.ts";
import type { ReadCredentials } from "./peer_credentials.ts";

/** One row of /proc/net/tcp{,6} in state LISTEN. */
export interface ListeningRow {
  readonly address: Address;
  readonly port: number;
  readonly uid: number;
}

export type ReadListening = () => readonly ListeningRow[];

const LISTEN = "0A";

export function listeningSockets(): readonly ListeningRow[] {
  return ["/proc/net/tcp", "/proc/net/tcp6"].flatMap((path) => {
    try {
      return parseListening(readFileSync(path, "latin1"));
    } catch {
      // Without IPv6 there is no tcp6; without /proc nothing is found and nothing is owned.
      return [];
    }
  });
}

/**
 * The list costs time in proportion to the host's sockets, so connects of one turn of the
 * event loop share it.
 */
export function oncePerTurn(read: ReadListening): ReadListening {
  let rows: readonly ListeningRow[] | null = null;
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

/** The text prints each 32-bit word of an address in host order (little-endian here). */
export function parseListening(text: string): readonly ListeningRow[] {
  const rows: ListeningRow[] = [];
  for (const line of text.split("\n")) {
    if (!line.includes(` ${LISTEN} `)) continue;
    const [, local, , state, , , , uid] = line.trim().split(/\s+/);
    if (local === undefined || state !== LISTEN || uid === undefined) continue;
    const [hex, port] = local.split(":");
    if (hex === undefined || port === undefined) continue;
    const words = (hex.match(/.{8}/g) ?? []).map(hostWord);
    const [a, b, c, d] = words.length === 1 ? [0, 0, 0xffff, ...words] : words;
    if (a === undefined || b === undefined || c === undefined || d === undefined) continue;
    rows.push({ address: [a, b, c, d], port: Number.parseInt(port, 16), uid: Number(uid) });
  }
  return rows;
}

function hostWord(hex: string): number {
  return Buffer.from(hex, "hex").readUInt32LE(0);
}

export interface OwnershipSetup {
  readonly credentials: ReadCredentials | null;
  readonly listening: ReadListening;
}

/** A check for a backend that must belong to `uid`. */
export function belongsTo(uid: number, { credentials, listening }: OwnershipSetup): Verify {
  return (socket, backend) => {
    if (backend.kind === "unix") {
      if (credentials === null) return "koffi is not installed, so the owner of a unix socket can't be told";
      const peer = credentials(socket);
      return peer?.uid === uid ? null : `the unix socket's listener runs as uid ${peer?.uid ?? "unknown"}, not ${uid}`;
    }
    return tcpOwner(backend.address, backend.port, uid, listening());
  };
}

/** Null when every socket that could have accepted at the address is the service's. */
export function tcpOwner(address: Address, port: number, uid: number, rows: readonly ListeningRow[]): string | null {
  const candidates = rows.filter((row) => row.port === port && couldAccept(row.address, address));
  if (candidates.length === 0) return "nothing that can be seen listens there";
  const stranger = candidates.find((row) => row.uid !== uid);
  return stranger === undefined ? null : `the listening socket belongs to uid ${stranger.uid}, not ${uid}`;
}

/** A dual-stack [::] takes IPv4 too. */
function couldAccept(listening: Address, target: Address): boolean {
  if (isWildcard(listening)) return !isV4(listening) || isV4(target);
  return listening.every((word, i) => word === target[i]);
}

/** Why a backend can't be claimed at all, before any connect. */
export function claimable(backend: BackendAddress, uid: number | null, setup: OwnershipSetup): string | null {
  if (uid === null) return "this service has no uid in the configuration, so no backend can be told to be its own";
  if (backend.kind === "tcp") return tcpOwner(backend.address, backend.port, uid, setup.listening());
  return setup.credentials === null ? "koffi is not installed, so the owner of a unix socket can't be told" : null;
}
