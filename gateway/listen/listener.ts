// The forwarding interface. It is a listener, not a socket: open a local address with a
// function that decides a batch of new peers in one call, and with an observer of what
// becomes of the admitted ones. How bytes move is behind it; node_forwarder.ts is the default.
import type { Denial, Permit } from "../../runtime/host/decision.ts";
import type { Identity } from "../../runtime/host/identity.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import type { Backend } from "../admit/backends.ts";
import type { TlsContext } from "../tls/secure.ts";
import type { SaidName } from "../tls/server_name.ts";
import type { ConnectionTable } from "./connections.ts";

/** Why an admitted connection ended. */
export type End =
  | "done" | "client_reset" | "backend_reset"
  | "backend_refused" | "backend_timeout" | "backend_not_owned" | "no_descriptor"
  | "idle" | "lifetime" | "rechecked" | "second_hello" | "cut";

/** Leave to forward, with the place to forward to. */
export interface Grant {
  readonly permit: Permit;
  readonly backend: Backend;
}

/** What became of a ClientHello. */
export type HelloOutcome =
  | { readonly hello: SaidName }
  /** It was refused before it could be asked about; `by` where another policy than that in force did, `detail` for the record. */
  | { readonly denial: Denial; readonly by: DecidedBy | null; readonly detail?: string };

export interface DecidedBy {
  readonly info: PolicyInfo;
  readonly generation: number;
}

/** Not refused, and not admitted: the name comes next. */
export interface Awaiting {
  /** Asked exactly once. Must not throw. */
  named(outcome: HelloOutcome): Grant | AwaitingTls | Denial;
}

/** The name is not refused: the gateway is to terminate TLS with this context. */
export interface AwaitingTls {
  readonly context: TlsContext;
  /** Asked exactly once, for each AwaitingTls. Must not throw. */
  secured(outcome: SecuredOutcome): Grant | Denial;
}

/** What became of the handshake. */
export type SecuredOutcome =
  /** Null where no certificate is asked for. */
  | { readonly identity: Identity | null }
  | { readonly denial: Denial; readonly detail?: string; readonly by: DecidedBy | null };

export type Admission = Grant | Awaiting | Denial;

export function isGrant(admission: Admission | AwaitingTls): admission is Grant {
  return "permit" in admission;
}

export function isAwaitingTls(answer: Grant | AwaitingTls | Denial): answer is AwaitingTls {
  return "secured" in answer;
}

export function isAwaiting(admission: Admission): admission is Awaiting {
  return "named" in admission;
}

/**
 * Decides peers that wait on one listening socket. `connections` are rows of the table, whose
 * source is filled in. The answers are in the same order. Must not throw.
 */
export type DecideBatch = (socket: number, connections: readonly number[]) => readonly Admission[];

export interface Observer {
  /** The backend accepted, or never will: it is no longer under way. */
  connected(connection: number, backend: Backend): void;
  /** The backend of an admitted connection asked for a second hello, and the client's can't be let through. `cut` follows. */
  secondHello(connection: number, detail: string): void;
  /** The backend accepted and is not who it must be: the connection ends unforwarded. */
  notOwned(connection: number, backend: Backend, because: string): void;
  /** An admitted connection is gone; its row still holds its state and its counts. */
  closed(connection: number, end: End): void;
}

export interface Local {
  readonly host: string;
  readonly port: number;
}

/** A system error's code (`EADDRINUSE`, …). */
export interface ListenFailure {
  readonly code: string;
}

export interface ListeningSocket {
  /** Number that the table's `socket` column and `decide` use; unique in a run. */
  readonly number: number;
  /** Lets held peers be decided; those that come later are decided at once. */
  release(): void;
  /** Stops listening; peers that still wait are decided with what `decide` then says. */
  close(): void;
}

export interface Forwarder {
  readonly table: ConnectionTable;
  /** Connections that have not ended and are admitted, or may be once hello and handshake are over. */
  readonly live: number;
  /**
   * Listens. With `held`, peers are accepted but not decided until `release`; a bounded
   * number waits, later ones are refused.
   */
  open(local: Local, decide: DecideBatch, held: boolean): Promise<ListeningSocket | ListenFailure>;
  /** The backend of a connection whose near end has this port; null where none has. */
  connectedFrom(port: number): string | null;
  /** Ends one connection at once, on both sides; one whose hello is read, or whose handshake goes on, is refused. */
  cut(connection: number, end: End): void;
  /** Refuses a connection whose hello is read, or whose handshake goes on. */
  refuse(connection: number, outcome: Extract<HelloOutcome, { denial: Denial }>): void;
  /** Ends connections whose timers ran out; called on a tick. */
  sweep(monoMs: number): void;
  /** Resolves when no admitted connection is left. */
  drained(): Promise<void>;
  /** Bytes held in user space for one connection, both directions. */
  buffered(connection: number): number;
}

export function isListenFailure(result: ListeningSocket | ListenFailure): result is ListenFailure {
  return "code" in result;
}
