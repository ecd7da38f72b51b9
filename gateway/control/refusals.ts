// Refusals on control and registration sockets. Local users can cause as many as they like, so a peer, and
// all peers together, have a bounded number of audit records; the rest is counted, and the next record
// says how many.
import type { Denial } from "../../runtime/host/decision.ts";
import type { Entry, Recorder } from "../audit/recorder.ts";
import type { GatewayClock } from "../clock.ts";
import { Budgets } from "./budgets.ts";
import type { Counters } from "../audit/counters.ts";

export const RECORDS_PER_PEER = { perSecond: 4, burst: 64 } as const;
const RECORDS_OVERALL = { perSecond: 16, burst: 256 } as const;

export interface Refusals {
  /** `peer` is the caller, as the transport proves it. */
  record(peer: string, entry: Omit<Entry, "op" | "decision" | "unrecorded"> & { readonly decision: Denial }): void;
}

export function createRefusals(recorder: Recorder, counters: Counters, clock: GatewayClock): Refusals {
  const ofPeer = new Budgets(RECORDS_PER_PEER);
  const overall = new Budgets(RECORDS_OVERALL);
  let unrecorded = 0;
  return {
    record(peer, entry) {
      const now = clock.monoMs();
      if (ofPeer.waitMs(peer, now) > 0 || overall.waitMs("all", now) > 0) {
        unrecorded++;
        counters.refusalsUnrecorded++;
        recorder.count(entry.decision);
        return;
      }
      ofPeer.spend(peer, 1, now);
      overall.spend("all", 1, now);
      recorder.record([{ ...entry, op: "register", ...(unrecorded > 0 && { unrecorded }) }], null);
      unrecorded = 0;
    },
  };
}
