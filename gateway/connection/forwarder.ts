// The interface of the gateway to its connections, whatever moves their bytes: open a local address, read the
// table, end a connection, wait for the last. connections.ts implements it over a Transport.
import type { Denial } from "../../runtime/host/decision.ts";
import type { HelloOutcome } from "./decider.ts";
import type { End } from "../end.ts";
import type { RemoteFacts, RemoteRelay, ConnectionTable } from "./table.ts";

export interface Local {
  /** `tcp` where it is absent. */
  readonly proto?: "tcp" | "udp";
  readonly host: string;
  readonly port: number;
  /** A socket that listens there already; nothing accepts on it before it is released. */
  readonly inherited?: Inherit;
}

/** A listening socket that this process did not make. */
export interface Inherit {
  readonly fd: number;
  /** It was closed before it was released, and is its giver's again. */
  readonly giveBack: () => void;
  /** Nobody is served there after all; the code is the system's. */
  readonly lost: (code: string) => void;
}

/** A system error's code (`EADDRINUSE`, …). */
export interface ListenFailure {
  readonly code: string;
}

export interface ListeningSocket {
  /** Number that the table's `socket` column and the decider use; unique in a run. */
  readonly number: number;
  /** Decides the peers of a paused socket; those that come later are decided at once. */
  release(): void;
  /** Accepts nothing for now, while others keep the kernel's socket open. */
  suspend(): void;
  /** Accepts again, on another descriptor of the same socket. */
  resume(fd: number): Promise<ListenFailure | null>;
  /** Of the kernel's socket; null where it has none any more. */
  descriptor(): number | null;
  /** Stops listening; peers that are not yet decided are decided with what the decider then says. */
  close(): void;
}

export type Heard = (row: number, end: End | null) => void;

export interface Forwarder {
  readonly table: ConnectionTable;
  /** Connections that have not ended and are admitted, or may be once hello and handshake are over. */
  readonly live: number;
  /**
   * Listens. With `held`, peers are accepted but not decided until `release`; a bounded
   * number is kept, later ones are refused.
   */
  open(local: Local, paused: boolean): Promise<ListeningSocket | ListenFailure>;
  /** The backend of a connection over `proto` whose near end has this port; null where none has. */
  connectedFrom(proto: "tcp" | "udp", port: number): string | null;
  /** Ends one connection at once, on both sides; one whose header or hello is read, or whose handshake continues, is refused. */
  cut(connection: number, end: End): void;
  /** Refuses a connection whose header or hello is read, or whose handshake continues. */
  refuse(connection: number, outcome: Extract<HelloOutcome, { denial: Denial }>): void;
  /** Ends connections whose timers ran out; called on a tick. */
  sweep(monoMs: number): void;
  /** Makes a row of a connection that another process relays. */
  adopt(socket: number, facts: RemoteFacts, relay: RemoteRelay): number;
  /** The process that relays it reports its end. */
  remoteEnded(connection: number, end: End, bytesIn: number, bytesOut: number): void;
  /** A socket that nobody listens on, for the rows of another process's socket. */
  absentSocket(): ListeningSocket;
  /** `heard` gets each connection's end before its row is free. */
  reportEnds(heard: Heard): void;
  /** Resolves when no admitted connection is left. */
  drained(): Promise<void>;
  /** Gives up what it has opened for itself. No connection and no listening socket is left. */
  close(): void;
  /** Bytes buffered in user space for one connection, both directions. */
  buffered(connection: number): number;
}

export function isListenFailure(result: ListeningSocket | ListenFailure): result is ListenFailure {
  return "code" in result;
}
