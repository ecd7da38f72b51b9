// Everything that the gateway counts since its start. Plain numbers, read by `status`.
import type { Code, Reason } from "../runtime/abi/names.ts";
import type { Decision } from "../runtime/host/decision.ts";
import type { End } from "./listen/listener.ts";

export interface Counters {
  /** Decisions of every kind; each has one audit record or one counted drop. */
  allowed: number;
  denied: number;
  readonly byReason: Map<Reason, number>;
  readonly byCode: Map<Code, number>;
  /** Audit lines written in full, and decisions whose line was not. */
  auditRecords: number;
  auditDropped: number;
  /** Ends of admitted connections, by cause. */
  readonly ends: Map<End, number>;
  bytesFromClients: number;
  bytesFromBackends: number;
  /** Moments at which no file descriptor was left. */
  descriptorsExhausted: number;
  denyMarkersSuppressed: number;
  reloads: number;
  reloadsRefused: number;
}

export function newCounters(): Counters {
  return {
    allowed: 0,
    denied: 0,
    byReason: new Map(),
    byCode: new Map(),
    auditRecords: 0,
    auditDropped: 0,
    ends: new Map(),
    bytesFromClients: 0,
    bytesFromBackends: 0,
    descriptorsExhausted: 0,
    denyMarkersSuppressed: 0,
    reloads: 0,
    reloadsRefused: 0,
  };
}

export function countDecision(counters: Counters, decision: Decision): void {
  bump(counters.byCode, decision.code);
  if (decision.allowed) counters.allowed++;
  else {
    counters.denied++;
    bump(counters.byReason, decision.reason);
  }
}

export function bump<K>(map: Map<K, number>, key: K): void {
  map.set(key, (map.get(key) ?? 0) + 1);
}
