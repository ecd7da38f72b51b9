// The counts of a replay: how many records are decided as before, and of the others which, in groups that are bounded.
import { canonicalPlace } from "./request_text.ts";
import type { Again, Missing } from "./decide_again.ts";
import type { AuditLine, DecisionRecord } from "./audit_record.ts";

/** `opens`: refused before, allowed now. `moves`: allowed as before, and led to another service. */
export type Effect = "opens" | "closes" | "moves";

/** Changes that have everything in common but the client. */
export interface Group {
  readonly effect: Effect;
  /** The first of them. */
  readonly record: DecisionRecord;
  readonly again: Extract<Again, { decided: true }>;
  readonly file: string;
  readonly line: number;
  count: number;
}

export interface Tally {
  /** Lines that are decisions, which is the sum of `same` and everything up to `undecidable`. */
  decisions: number;
  same: number;
  /** Of `same`: refused as before, for another reason. */
  otherReason: number;
  opens: number;
  closes: number;
  moves: number;
  /** By what was not decided by rules. */
  stays: Map<string, number>;
  undecidable: Map<Missing, number>;
  ends: number;
  messages: number;
  torn: number;
  tooLong: number;
  foreign: Map<string, number>;
  /** Where the first lines are that could not be read. */
  unread: { readonly file: string; readonly line: number; readonly what: string }[];
  groups: Map<string, Group>;
  /** Changed records of further groups. */
  ungrouped: number;
}

export const MOST_GROUPS = 1_000;
const MOST_UNREAD = 10;

export function newTally(): Tally {
  return {
    decisions: 0,
    same: 0,
    otherReason: 0,
    opens: 0,
    closes: 0,
    moves: 0,
    stays: new Map(),
    undecidable: new Map(),
    ends: 0,
    messages: 0,
    torn: 0,
    tooLong: 0,
    foreign: new Map(),
    unread: [],
    groups: new Map(),
    ungrouped: 0,
  };
}

export function countTooLong(t: Tally, file: string, line: number): void {
  t.tooLong++;
  noteUnread(t, file, line, "it is longer than any record");
}

/** Counts what is no decision of a policy; a decision is the caller's. */
export function countLine(t: Tally, read: Exclude<AuditLine, DecisionRecord>, file: string, line: number): void {
  switch (read.kind) {
    case "message":
      t.messages++;
      return;
    case "end":
      t.ends++;
      return;
    case "stays":
      t.decisions++;
      bump(t.stays, read.op);
      return;
    case "torn":
      t.torn++;
      noteUnread(t, file, line, "it is a part of a record");
      return;
    case "foreign":
      bump(t.foreign, read.what);
      noteUnread(t, file, line, read.what);
  }
}

function noteUnread(t: Tally, file: string, line: number, what: string): void {
  if (t.unread.length < MOST_UNREAD) t.unread.push({ file, line, what });
}

export function countDecision(t: Tally, record: DecisionRecord, again: () => Again, file: string, line: number): void {
  t.decisions++;
  if (!record.byRules) {
    bump(t.stays, record.code);
    return;
  }
  const answer = again();
  if (!answer.decided) {
    bump(t.undecidable, answer.missing);
    return;
  }
  const effect = effectOf(record, answer);
  if (effect === null) {
    t.same++;
    if (!record.allowed && codeOf(answer) !== record.code && record.op !== "recheck") t.otherReason++;
    return;
  }
  t[effect]++;
  const key = groupKey(effect, record, answer);
  const group = t.groups.get(key);
  if (group !== undefined) group.count++;
  else if (t.groups.size < MOST_GROUPS) t.groups.set(key, { effect, record, again: answer, file, line, count: 1 });
  else t.ungrouped++;
}

function codeOf({ decision }: Extract<Again, { decided: true }>): string {
  return decision.code;
}

function effectOf(record: DecisionRecord, { decision, listener }: Extract<Again, { decided: true }>): Effect | null {
  if (record.allowed !== decision.allowed) return decision.allowed ? "opens" : "closes";
  if (!decision.allowed || listener === null || record.service === null) return null;
  return listener.service === record.service ? null : "moves";
}

function groupKey(effect: Effect, record: DecisionRecord, { decision, listener }: Extract<Again, { decided: true }>): string {
  return [effect, record.op, record.code, record.listener, canonicalPlace(record), decision.code, decision.rule, listener?.id].join(" ");
}

function bump<K>(counts: Map<K, number>, key: K): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
