// The interface through which the stages of a connection get decisions and report events. Admission (gateway/admit) implements it; everything is about a row
// of the table, which has the facts that were learned so far.
import type { Answer, Decision, Denial } from "../../runtime/host/decision.ts";
import type { Identity } from "../../runtime/host/identity.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import type { Endpoint } from "../forward/proxy_header.ts";
import type { ProxyHeader } from "../forward/proxy_reading.ts";
import type { HelloNames } from "../tls/hello_body.ts";
import type { TlsContext } from "../tls/secure.ts";
import type { SaidName } from "../tls/server_name.ts";
import type { BackendFailure, End } from "../end.ts";

/** The policy that decided, where it is not the one in force. */
export interface DecidedBy {
  readonly info: PolicyInfo;
  readonly generation: number;
}

/** A refusal that did not come from the policy in force; `detail` is for the record. */
export interface Refusal {
  readonly denial: Denial;
  readonly by: DecidedBy | null;
  readonly detail?: string;
}

/** The outcome of reading a ClientHello; a refusal came before it could be decided. */
export type HelloOutcome = { readonly hello: SaidName & Partial<Pick<HelloNames, "alpn">> } | Refusal;

/** Instead of an answer of phase 1: the peer begins with a PROXY header, and phase 1 follows it. */
export const HEADER: unique symbol = Symbol("header");
export type Arrival = Answer | typeof HEADER;

/** The outcome of reading a PROXY header; `gone`: the peer left without a byte, as health checks do. `again`: its header was read before, and it waited for a place of its source. */
export type HeaderOutcome = { readonly header: ProxyHeader } | Refusal | "gone" | "again";

/** The outcome of the handshake; `identity` is null where no certificate is requested. */
export type SecuredOutcome = { readonly identity: Identity | null; readonly certificate?: string } | Refusal;

/** In place of a decision: the connection waits for a place of its source, and is decided again (places.ts). Nothing is charged or recorded yet. */
export const WAITS_FOR_PLACE = "waits_for_place";
export type WaitsForPlace = typeof WAITS_FOR_PLACE;

export interface Decider {
  /**
   * Phase 1 of peers that wait on one listening socket. `connections` are rows whose source is filled in. The answers
   * are in the same order; a pending one needs its hello, and one with HEADER its PROXY header first. A Permit's row has its backend. Must not throw.
   */
  accept(socket: number, connections: readonly number[]): readonly (Arrival | WaitsForPlace)[];
  /** Phase 1 of a row whose PROXY header was read, or its refusal. Called once, and again where the row waits for a place. Must not throw. */
  headed(connection: number, outcome: HeaderOutcome): Answer | WaitsForPlace;
  /**
   * Phase 2 of a row that phase 1 left open, or its refusal. With a context, the gateway does the handshake. Called once, and
   * again where the row waits for a place. Must not throw.
   */
  named(connection: number, outcome: HelloOutcome): Decision | TlsContext | WaitsForPlace;
  /** Phases 3 and 4 of a row whose context `named` gave, or its refusal. Called once. Must not throw. */
  secured(connection: number, context: TlsContext, outcome: SecuredOutcome): Decision;
  /** The backend of an admitted row accepted, so the row is no longer under way. */
  connected(connection: number): void;
  /** The PROXY header for the backend of an admitted row; `local` is where the client connected to. Null if none can be made. */
  preface(connection: number, local: Endpoint): Buffer | null;
  /** Charges a row that another process admitted: its caps here, and at the next swap those of the policy. */
  adopted(connection: number): void;
  /** The backend accepted and is not who it must be. Another one is tried, or the end follows. */
  notOwned(connection: number, because: string): void;
  /** The backend of an admitted row can't serve it, and got no byte of it. */
  backendFailed(connection: number, because: BackendFailure): void;
  /** Gives the row another backend of its expose, that it has not tried. False where there is none: then it has the last one still. */
  nextBackend(connection: number): boolean;
  /** The backend of an admitted row requested a second hello, and the client's can't be let through. The end follows. */
  secondHello(connection: number, detail: string): void;
  /** An event came that the row's state does not have. The end follows where there is a connection. */
  fault(connection: number, detail: string): void;
  /**
   * A connection is gone; its row still has its facts and counts. Gives back all that it was charged. `end` is null
   * where it was never admitted.
   */
  closed(connection: number, end: End | null): void;
}

export function isContext(answer: Decision | TlsContext): answer is TlsContext {
  return "server" in answer;
}
