// Every decision passes here once: its line is written, it is counted, and a refusal gets its
// marker. With `on_error = "closed"` an allow that could not be recorded becomes a refusal.
import { CODE_AUDIT_CLOSED } from "../../runtime/abi/verdicts.ts";
import type { Decision, Denial } from "../../runtime/host/decision.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import { denial as deny } from "../../runtime/host/ask.ts";
import type { GatewayClock } from "../clock.ts";
import { countDecision, countShadow, type Counters } from "./counters.ts";
import type { Markers } from "./markers.ts";
import type { Audit } from "./audit.ts";
import { auditLine, type AuditFacts } from "./line.ts";

export type Entry = Omit<AuditFacts, "wallMs" | "rule" | "at">;

export interface Recorder {
  /** Returns the decisions that take effect, in the same order; `info` names the rules. */
  record(entries: readonly Entry[], info: PolicyInfo | null): readonly Decision[];
  /** Counts a refusal that gets no record, and prints its marker. */
  count(refusal: Denial): void;
}

export interface RecorderSetup {
  readonly audit: Audit;
  readonly counters: Counters;
  readonly markers: Markers;
  readonly clock: GatewayClock;
  readonly onError: "closed" | "count";
}

export function createRecorder({ audit, counters, markers, clock, onError }: RecorderSetup): Recorder {
  const refused = deny(CODE_AUDIT_CLOSED);
  return {
    record(entries, info) {
      const wallMs = clock.wallMs();
      const monoMs = clock.monoMs();
      const lines = entries.map((entry) => auditLine({ ...entry, wallMs, ...ruleWords(entry.decision, info) }));
      const recorded = audit.write(lines);
      return entries.map((entry, i) => {
        const lost = i >= recorded && onError === "closed";
        const decision = lost && entry.decision.allowed ? refused : entry.decision;
        countDecision(counters, decision);
        if (info !== null && decision.rule >= 0) counters.ruleHits.add(info, decision.rule);
        if (entry.shadow) countShadow(counters, decision, entry.shadow);
        if (!decision.allowed) markers.deny(decision.reason, monoMs);
        return decision;
      });
    },
    count(refusal) {
      countDecision(counters, refusal);
      markers.deny(refusal.reason, clock.monoMs());
    },
  };
}

function ruleWords(decision: Decision, info: PolicyInfo | null): { rule?: string; at?: string } {
  const rule = info?.rules[decision.rule];
  if (rule === undefined) return {};
  const origin = rule.origins[0];
  const name = rule.names[0];
  return {
    ...(name !== undefined && { rule: name }),
    ...(origin !== undefined && { at: `${origin.file}:${origin.line}` }),
  };
}
