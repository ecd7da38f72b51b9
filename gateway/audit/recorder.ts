// Every decision passes here once: its line is written, it is counted, and a refusal gets its
// marker. With `on_error = "closed"` an allow that could not be recorded becomes a refusal.
import { CODE_AUDIT_CLOSED } from "../../runtime/abi/verdicts.ts";
import { denial as deny, type Decision, type Denial } from "../../runtime/host/decision.ts";
import type { PolicyInfo } from "../../runtime/host/module.ts";
import type { GatewayClock } from "../clock.ts";
import { countDecision, countShadow, countWould, type Counters } from "./counters.ts";
import type { Markers } from "./markers.ts";
import type { Audit } from "./audit.ts";
import { endLine, type EndFacts } from "./end_line.ts";
import { auditLine, type AuditFacts, type RuleWords } from "./line.ts";

export type Entry = AuditFacts;

export interface Recorder {
  /** Returns the decisions that take effect, in the same order; `info` names the rules. */
  record(entries: readonly Entry[], info: PolicyInfo | null): readonly Decision[];
  /** Counts a refusal that gets no record, and prints its marker. */
  count(refusal: Denial, listener?: string): void;
  /** Notes the end of an admitted connection; its line is written with the next decision, or by `flush`. */
  end(facts: EndFacts): void;
  /** Writes the lines of ends that are due. */
  flush(): void;
  /** Another process writes the file; the lines of ends that wait are its own. */
  handOver(): void;
}

export interface RecorderSetup {
  readonly audit: Audit;
  readonly counters: Counters;
  readonly markers: Markers;
  readonly clock: GatewayClock;
  /** Read at each record. */
  readonly onError: "closed" | "count";
  /** Whether ends have lines; they have none unless it is given. */
  readonly recordsEnds?: boolean;
  /** Ends that come now may be another process's to record; see takeover/giving.ts. */
  readonly keepsEnds?: () => boolean;
}

/** Lines of ends that are written without a decision to write them with. */
const MOST_ENDS = 512;

export function createRecorder(setup: RecorderSetup): Recorder {
  const { audit, counters, markers, clock, keepsEnds = () => false } = setup;
  const refused = deny(CODE_AUDIT_CLOSED);
  const words = new WordsOfRules();
  /** Counts `times` decisions that are alike; `entry` is the first of them. */
  const count = (decision: Decision, entry: Entry, times: number, info: PolicyInfo | null, monoMs: number): void => {
    countDecision(counters, decision, entry.listener, entry.op === "backend" ? entry.backend : undefined, times);
    if (info !== null && decision.rule >= 0) counters.ruleHits.add(info, decision.rule, times);
    if (!decision.allowed) markers.deny(decision.reason, monoMs, times);
  };
  const none: readonly string[] = [];
  let ends: string[] = [];
  let isHandedOver = false;
  const takeEnds = (): readonly string[] => {
    if (ends.length === 0 || keepsEnds()) return none;
    const due = ends;
    ends = [];
    return due;
  };
  return {
    record(entries, info) {
      const wallMs = clock.wallMs();
      const monoMs = clock.monoMs();
      const lines: string[] = [];
      for (const entry of entries) lines.push(auditLine(entry, wallMs, words.of(entry.decision.rule, info)));
      const recorded = audit.write(lines, takeEnds());
      const decisions: Decision[] = [];
      // Many of a batch are decided alike, and are counted together.
      let same = 0;
      let last: { readonly decision: Decision; readonly entry: Entry } | null = null;
      for (const entry of entries) {
        const lost = decisions.length >= recorded && setup.onError === "closed";
        const decision = lost && entry.decision.allowed ? refused : entry.decision;
        if (entry.shadow) countShadow(counters, decision, entry.shadow);
        if (entry.would !== undefined && decision.allowed) countWould(counters, entry.listener ?? "", entry.would);
        decisions.push(decision);
        if (last !== null && isAlike(decision, last.decision) && isOneKind(entry, last.entry)) same++;
        else {
          if (last !== null) count(last.decision, last.entry, same, info, monoMs);
          [last, same] = [{ decision, entry }, 1];
        }
      }
      if (last !== null) count(last.decision, last.entry, same, info, monoMs);
      return decisions;
    },
    count(refusal, listener) {
      countDecision(counters, refusal, listener);
      markers.deny(refusal.reason, clock.monoMs());
    },
    end(facts) {
      // A connection that was handed over is recorded by the process that counts it; a flow has a row in each.
      if (setup.recordsEnds !== true || (isHandedOver && facts.proto !== "udp")) return;
      ends.push(endLine(facts, clock.wallMs()));
      if (ends.length >= MOST_ENDS) audit.write(none, takeEnds());
    },
    flush: () => void audit.write(none, takeEnds()),
    handOver() {
      isHandedOver = true;
      ends = [];
    },
  };
}

/** Whether two decisions are counted as the same. */
function isAlike(a: Decision, b: Decision): boolean {
  return a === b || (a.allowed === b.allowed && a.code === b.code && a.rule === b.rule && (a.allowed || b.allowed || a.reason === b.reason));
}

/** Whether two records are counted under the same labels. */
function isOneKind(a: Entry, b: Entry): boolean {
  return a.op === b.op && a.listener === b.listener && (a.op !== "backend" || a.backend === b.backend);
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
