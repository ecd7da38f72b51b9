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
import { auditLine, type AuditFacts, type RuleWords } from "./line.ts";

export type Entry = AuditFacts;

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
  const words = new WordsOfRules();
  return {
    record(entries, info) {
      const wallMs = clock.wallMs();
      const monoMs = clock.monoMs();
      const lines = entries.map((entry) => auditLine(entry, wallMs, words.of(entry.decision.rule, info)));
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

/** Made once for each rule of the policy that decided last. */
class WordsOfRules {
  #info: PolicyInfo | null = null;
  #words: (RuleWords | undefined)[] = [];

  of(rule: number, info: PolicyInfo | null): RuleWords | undefined {
    if (info === null || rule < 0) return undefined;
    if (info !== this.#info) [this.#info, this.#words] = [info, []];
    return (this.#words[rule] ??= wordsOf(info.rules[rule]));
  }
}

function wordsOf(rule: PolicyInfo["rules"][number] | undefined): RuleWords {
  const origin = rule?.origins[0];
  return { rule: rule?.names[0], at: origin === undefined ? undefined : `${origin.file}:${origin.line}` };
}
