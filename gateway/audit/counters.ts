// Everything that the gateway counts since its start. Plain numbers, read by `status`.
import type { Code, Reason } from "../../runtime/abi/names.ts";
import type { Decision, Shadow } from "../../runtime/host/decision.ts";
import { RuleCounts } from "./rule_hits.ts";
import { Traffic } from "./traffic.ts";
import type { End } from "../end.ts";
import type { Drop } from "../drop.ts";

/** Changes of policy in the hands of coordinators, since the start. */
export interface ChangeCounts {
  prepared: number;
  committed: number;
  aborted: number;
  /** Of `prepare` and of `commit`. */
  refused: number;
}

export interface Counters {
  /** Decisions of every kind; each has one audit record or one counted drop. */
  allowed: number;
  denied: number;
  readonly byReason: Map<Reason, number>;
  readonly byCode: Map<Code, number>;
  readonly ruleHits: RuleCounts;
  /** By expose and backend. */
  readonly traffic: Traffic;
  /** Shadow verdicts by what they say, and those in which the rules would have decided otherwise with every dryrun rule enforced. */
  readonly shadow: { allow: number; deny: number; undetermined: number; differs: number };
  /** Admitted connections that a dryrun cap or limit would have refused, by expose and code. */
  readonly dryrunRate: Map<string, Map<Code, number>>;
  /** Audit lines written in full, and decisions whose line was not. */
  auditRecords: number;
  auditDropped: number;
  /** Lines about the ends of connections, written in full and not. */
  endRecords: number;
  endRecordsDropped: number;
  /** Refusals of registrations and messages beyond the rate at which they are recorded. */
  refusalsUnrecorded: number;
  /** Refusals of datagrams and of PROXY headers beyond the rates at which they are recorded. */
  auditSuppressed: number;
  /** Datagrams that were not forwarded, by cause. */
  readonly datagramsDropped: Map<Drop, number>;
  /** Connections to the control and registration sockets and to HTTP that were closed unheard: too many, or too often. */
  clientsTurnedAway: number;
  /** Ends of admitted connections, by cause. */
  readonly ends: Map<End, number>;
  /** Of ended connections; those of open ones are in the connection table. */
  bytesFromClients: number;
  bytesFromBackends: number;
  /** Moments at which no file descriptor was left. */
  descriptorsExhausted: number;
  denyMarkersSuppressed: number;
  /** Outcomes of the changes that coordinators prepare. */
  readonly changes: ChangeCounts;
  reloads: number;
  reloadsRefused: number;
}

export function newCounters(): Counters {
  return {
    allowed: 0,
    denied: 0,
    byReason: new Map(),
    byCode: new Map(),
    ruleHits: new RuleCounts(),
    traffic: new Traffic(),
    shadow: { allow: 0, deny: 0, undetermined: 0, differs: 0 },
    dryrunRate: new Map(),
    auditRecords: 0,
    auditDropped: 0,
    endRecords: 0,
    endRecordsDropped: 0,
    refusalsUnrecorded: 0,
    auditSuppressed: 0,
    datagramsDropped: new Map(),
    clientsTurnedAway: 0,
    ends: new Map(),
    bytesFromClients: 0,
    bytesFromBackends: 0,
    descriptorsExhausted: 0,
    denyMarkersSuppressed: 0,
    changes: { prepared: 0, committed: 0, aborted: 0, refused: 0 },
    reloads: 0,
    reloadsRefused: 0,
  };
}

export function countDecision(counters: Counters, decision: Decision, listener = "", backend = "", times = 1): void {
  bump(counters.byCode, decision.code, times);
  if (decision.allowed) counters.allowed += times;
  else {
    counters.denied += times;
    bump(counters.byReason, decision.reason, times);
    bump(counters.traffic.of(listener, backend).denied, decision.reason, times);
  }
}

export function countShadow({ shadow }: Counters, decision: Decision, { verdict }: Shadow): void {
  shadow[verdict]++;
  if (verdict === "deny" ? decision.allowed : verdict === "allow" && BY_RULES.has(decision.code)) shadow.differs++;
}

/** A connection that is admitted although a dryrun cap or limit would have refused it with `code`. */
export function countWould({ dryrunRate }: Counters, listener: string, code: Code): void {
  const codes = dryrunRate.get(listener);
  if (codes === undefined) dryrunRate.set(listener, new Map([[code, 1]]));
  else bump(codes, code);
}

/** Refusals that a rule, or the lack of one, made: what a cap or a broken hello refuses, no other rule would have admitted. */
const BY_RULES: ReadonlySet<Code> = new Set([
  "no_allow",
  "expired",
  "deny_rule",
  "no_match",
  "deny_name",
  "no_name",
  "deny_identity",
  "no_identity",
] satisfies Code[]);

export function bump<K>(map: Map<K, number>, key: K, times = 1): void {
  map.set(key, (map.get(key) ?? 0) + times);
}
