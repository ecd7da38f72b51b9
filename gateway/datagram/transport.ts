// The interface of a transport of datagrams: it binds, receives, connects and sends, reports events, and decides nothing.
// Node's sockets are behind node_datagrams.ts, the kernel's own calls behind kernel/kernel_datagrams.ts.
//
// INVARIANT: after `close(row)` no event of that row comes any more, whatever its descriptor still reports.
import type { ListenFailure, Local } from "../connection/forwarder.ts";
import type { PeerAddress } from "../connection/transport.ts";
import type { Drop } from "../drop.ts";
import type { BackendAddress } from "../forward/backend.ts";
import type { UdpPlaces } from "../listen/addresses.ts";

/** Why a flow got no socket to its backend. */
export type ConnectFailure = "no_descriptor" | "refused";

/** The local address and port of a flow's socket. */
export interface FlowEnd {
  readonly host: string;
  readonly port: number;
}

/** `A` is the way of a datagram: where it came from, and to which address. */
export interface DatagramTransport<A> {
  readonly udpPlaces: UdpPlaces;
  /** An inherited socket is bound already; it is the transport's from now on. */
  bind(number: number, local: Local): Promise<ListenFailure | null>;
  /** Receives nothing until `resume`, and answers are still sent. */
  suspend(number: number): void;
  resume(number: number): ListenFailure | null;
  /** Of the kernel's socket; null where it can't be shared with another process. */
  descriptorOf(number: number): number | null;
  /** The kernel's socket is gone when this returns. */
  unbind(number: number): void;
  peerOf(way: A): PeerAddress;
  /** The local address that the datagram came to, the same in every process. */
  localOf(way: A): string;
  /** Makes a socket of the flow's own; reports `connected` or `connectFailed` once, at once or later. */
  connect(row: number, address: BackendAddress): void;
  toBackend(row: number, bytes: Buffer): void;
  /** The answer is sent from the address and port that the datagram of `way` came to. */
  toClient(number: number, way: A, bytes: Buffer): void;
  close(row: number): void;
  /** The near end of the backend's side; null where there is none. */
  nearEnd(row: number): FlowEnd | null;
  /** Bytes that wait to be sent to the backend. */
  buffered(row: number): number;
  /** Gives up what it has opened for itself; no flow and no bound socket is left. */
  shut(): void;
}

export interface DatagramEvents<A> {
  /** `key` is the same for all datagrams of a flow, and for those of no other one. The transport may use `bytes` again afterwards. */
  received(number: number, key: string, way: () => A, bytes: Buffer): void;
  connected(row: number): void;
  connectFailed(row: number, failure: ConnectFailure): void;
  answered(row: number, bytes: Buffer): void;
  /** The backend's host says that nothing has the port. */
  unreachable(row: number): void;
  dropped(because: Drop): void;
  /** The transport failed at this flow alone, by a bug of ours; NO_ROW where it has no row yet. */
  faulted(row: number, detail: string): void;
}
