// The interface through which flows get decisions and report events. Admission (gateway/admit) implements it; everything
// is about a row of the connection table.
import type { Code } from "../../runtime/abi/names.ts";
import type { Decision } from "../../runtime/host/decision.ts";
import type { BackendFailure, End } from "../end.ts";
import type { Amplify } from "./budget.ts";

/**
 * Ends flows that need not stay, so that the row may have a place in the cap with this code; `full`: the keys of the caps per source that
 * are full. False where there is none for one of them, and then no flow ends.
 */
export type MakeRoom = (code: Code, listener: number, full: readonly string[]) => boolean;

export interface FlowDecider {
  /** Phase 1 of flows whose first datagram came to one bound socket; the answers are in the same order. A Permit's row has its backend. Must not throw. */
  flows(socket: number, rows: readonly number[], makeRoom: MakeRoom): readonly Decision[];
  /** Decides a flow again that the gateway before this one admitted and charged; it stays counted in the caps. The row has its backend where it is admitted. */
  again(row: number): Decision;
  /** A row of such a flow begins to count in the caps. `backend`: where it has gone so far, if that is known. */
  adopted(row: number, backend: string | undefined): void;
  /** The keys under which the caps per source count an admitted row, one for each; empty where a cap does not count it. */
  capKeys(row: number): readonly string[];
  /** The `amplify` of the expose that a bound socket serves now. */
  amplify(socket: number): Amplify;
  /** As Decider.fault. */
  fault(row: number, detail: string): void;
  notOwned(row: number, because: string): void;
  /** As of Decider. */
  backendFailed(row: number, because: BackendFailure): void;
  nextBackend(row: number): boolean;
  /** As Decider.closed. */
  closed(row: number, end: End | null): void;
  /** Generation of the policy in force. */
  generation(): number;
}
