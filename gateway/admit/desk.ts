// The state that all parts of admission work with.
import { CODE_INTERNAL } from "../../runtime/abi/verdicts.ts";
import { denial, type Denial } from "../../runtime/host/decision.ts";
import type { ListenerInfo, PolicyEngine } from "../../runtime/host/module.ts";
import type { PolicyInForce } from "../../runtime/shell/policy_in_force.ts";
import { bump, type Counters } from "../audit/counters.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { Suppression } from "../audit/suppressed.ts";
import type { Blocks } from "../blocks/blocks.ts";
import type { GatewayClock } from "../clock.ts";
import type { Account } from "../connection/charges.ts";
import type { Places } from "../connection/places.ts";
import type { ConnectionTable } from "../connection/table.ts";
import type { OpenPort, Ports } from "../listen/ports.ts";
import type { TlsContext } from "../tls/secure.ts";
import type { Choosing } from "./choosing.ts";
import type { NameWaits } from "./name_waits.ts";
import type { TopDenied } from "./top_denied.ts";

/** The policy in force; replaced as a whole at a commit. */
export type InForce = Pick<PolicyInForce, "engine" | "generation">;

export interface AdmitSetup {
  readonly table: ConnectionTable;
  readonly inForce: InForce;
  readonly ports: Ports;
  readonly recorder: Recorder;
  readonly counters: Counters;
  readonly topDenied: TopDenied;
  readonly clock: GatewayClock;
  readonly caps: { readonly connections: number; readonly backend_connecting: number };
  readonly nameWaits: NameWaits;
  readonly places: Places;
  /** The TLS context of a listener that terminates TLS; a string is the reason why there is none. */
  readonly contextOf: (info: ListenerInfo) => TlsContext | string;
  readonly suppression: Suppression;
  /** Of refusals of PROXY headers; see headers.ts. */
  readonly headerSuppression: Suppression;
  readonly blocks: Pick<Blocks, "of" | "size">;
  /** Ends a flow of datagrams that need not stay; false where there is none. */
  readonly makeRoom: () => boolean;
  /** A connection that was admitted could not be served for lack of a descriptor. */
  readonly lackedDescriptor: () => void;
}

export interface Desk extends AdmitSetup {
  readonly account: Account;
  readonly choosing: Choosing;
  draining: boolean;
  /** Its connections are handed to another gateway, or may be any moment. */
  isSuspended: boolean;
}

export function portOf({ ports, table }: Desk, row: number): OpenPort | undefined {
  return ports.numbered(table.socket[row] ?? -1);
}

export function setClock({ clock, inForce }: Desk): void {
  inForce.engine?.setClock({ monoMs: clock.monoMs(), wallSeconds: Math.floor(clock.wallMs() / 1000) });
}

export function record({ recorder, counters }: Desk, entry: Entry, engine: PolicyEngine | null): void {
  try {
    recorder.record([entry], engine?.info ?? null);
  } catch {
    counters.auditDropped++;
  }
}

/** The refusal where a failure inside lost the record, too. */
export function lost({ counters }: Desk): Denial {
  counters.denied++;
  counters.auditDropped++;
  bump(counters.byCode, "internal");
  return denial(CODE_INTERNAL);
}
