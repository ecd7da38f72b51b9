// The interface of a transport: it accepts, reads, writes, connects and closes, reports events, and decides nothing. It
// names a connection by its row alone. Node's sockets are behind listen/node_transport.ts; a forwarder that makes the
// kernel's calls itself, or one of datagrams, has the same two interfaces.
//
// INVARIANT: after `drop(row)` no event of that row comes any more but `dropped`, whatever its descriptors still report.
import type { Permit } from "../../runtime/host/decision.ts";
import type { Identity } from "../../runtime/host/identity.ts";
import type { Address } from "../../runtime/net/address.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { Backend, AGAIN } from "../forward/backends.ts";
import type { FirstFlights, SecondHelloFault } from "../tls/first_flights.ts";
import type { TlsContext, TlsRefusal } from "../tls/secure.ts";
import type { ListenFailure, Local } from "./forwarder.ts";
import type { SOURCE_GONE, SOURCE_ODD } from "./table.ts";

export interface PeerAddress {
  readonly source: Address | typeof SOURCE_GONE | typeof SOURCE_ODD;
  readonly port: number;
  /** Empty where there is none. */
  readonly zone: string;
}

/** Instead of a row: the peer is not taken. */
export const NO_ROW = -1;

/** Why a backend did not accept. `busy`: the queue of its unix socket is full, and it may accept later. */
export type DialFailure = "busy" | "no_descriptor" | "refused";

/** `certificate`: of certificateKey in tls/revocation.ts. */
export type Handshake = { readonly identity: Identity | null; readonly certificate?: string } | TlsRefusal;

export interface Transport {
  /** Listens, on an inherited socket where there is one; each peer is accepted unread, and reported with `listening`. */
  listen(listening: number, local: Local): Promise<ListenFailure | null>;
  /** The kernel's socket is gone when this returns; connections live on. */
  unlisten(listening: number): void;
  /** The descriptor of a listening socket; null where it is gone. */
  descriptorOf(listening: number): number | null;
  /** The peer was not refused at its accept: from now on the kernel probes it while it is silent. */
  keep(row: number): void;
  /** The same of the backend of a relayed connection; called from time to time while it lasts. */
  keepBackend(row: number): void;
  /** Reads the client, and reports `clientBytes`, `clientEnded` and `clientGone` until `pause`. */
  read(row: number): void;
  /** The same of a client that begins with a PROXY header. */
  readHeader(row: number): void;
  /** After `pause`: the first `bytes` that were reported since `readHeader` are nobody's any more; `rest` came behind them, and is read again. */
  take(row: number, bytes: number, rest: Uint8Array): void;
  pause(row: number): void;
  /** Sends a fatal alert of TLS to a client of which `read` bytes were read, and closes it without a reset. `drop` follows. */
  alert(row: number, description: number, read: number): void;
  /** Does the server's side of a TLS handshake; `first` was read of the client before. Reports `handshaken` once. */
  secure(row: number, context: TlsContext, said: string | null, first: Buffer): void;
  /** Connects to a backend; reports `connected` or `connectFailed` once. The client is the inside of TLS where there is one. */
  dial(row: number, address: BackendAddress): void;
  /** Reports, at once or later, whether the client has closed its side, as far as the kernel has heard. May not report of a row that is over. */
  look(row: number, report: (hasClosed: boolean) => void): void;
  /** Gives up what `dial` began, without a report. */
  hangUp(row: number): void;
  /** Checks whether the far side of the connection is (still) the right one; see Verify. */
  verify(row: number, backend: Backend): string | typeof AGAIN | null;
  /**
   * Writes to a backend that accepted, before `relay`; `header` makes the bytes (at most 4 KiB) of where the client connected
   * to. False where one of the two has gone, or `header` gives none.
   */
  preface(row: number, header: (local: Endpoint) => Uint8Array | null): boolean;
  /** Moves bytes both ways until both sides are gone; reports `ended` then. `first` goes to the backend before all else. */
  relay(row: number, permit: Permit, first: Buffer | null, flights: FirstFlights | null): void;
  /** Resets both sides of a connection that is dialed or relayed; `connectFailed` or `ended` follows. */
  breakOff(row: number): void;
  /** Resets what is left of a connection and forgets it. */
  drop(row: number): void;
  /** Whether descriptors of a dropped row are still open, in another thread: `dropped` follows, and until then no other connection may have the row. */
  isOpen?(row: number): boolean;
  /** The port at the near end of the backend's side; null where there is none. */
  nearPort(row: number): number | null;
  /** Bytes that were read and are not with the other side: in user space, or in the pipe of a splice. */
  buffered(row: number): number;
  /** Gives up what it has opened for itself; listening sockets are closed with it. No event comes any more. */
  close(): void;
}

export interface TransportEvents {
  /** A peer was accepted; the answer is its row, or NO_ROW, and then the transport resets it. */
  accepted(listening: number, peer: PeerAddress): number;
  /** Gives how many bytes more have to come at least before there is something new to know. */
  clientBytes(row: number, chunk: Uint8Array): number;
  clientEnded(row: number): void;
  clientGone(row: number): void;
  handshaken(row: number, outcome: Handshake): void;
  connected(row: number): void;
  connectFailed(row: number, failure: DialFailure): void;
  /** Bytes of a relayed connection: read from the client, and read from the backend. */
  fromClient(row: number, bytes: number): void;
  fromBackend(row: number, bytes: number): void;
  /** The backend requested a second hello, and the client's can't be let through; both sides are still there. */
  secondHello(row: number, fault: SecondHelloFault): void;
  /** Both sides of a relayed connection are gone; the side that broke off, if one did. */
  ended(row: number, reset: "client" | "backend" | null): void;
  /** Nothing is open any more of a dropped row for which `isOpen` was true. */
  dropped(row: number): void;
  /** The transport failed at this connection alone, by a bug of ours; NO_ROW where it has no row yet. */
  faulted(row: number, detail: string): void;
}
