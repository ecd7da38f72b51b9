// The findings of a replay, for people and for programs.
import type { RuleInfo } from "../../../runtime/host/module.ts";
import { printable } from "../../diagnostics/quote.ts";
import { count } from "../outcome.ts";
import { timeText } from "../../wording/time_text.ts";
import type { Paint } from "../terminal.ts";
import type { Missing } from "./decide_again.ts";
import { canonicalPlace, requestText } from "./request_text.ts";
import type { Effect, Group, Tally } from "./tally.ts";

/** Groups that people are shown. */
const MOST_SHOWN = 20;

const MISSING_WORDS: Readonly<Record<Missing, string>> = {
  source: "the record has no source",
  local: "the record has no local address, or not the one to which the client came",
  header: "the policy reads a PROXY header of this peer, and the record has none",
  name: "whether the client sent a server name, and which, is not in the record",
  identity: "the certificate of the client is not in the record, or not all of it",
  subject: "the record does not say who binds",
};

const EFFECT_WORDS: Readonly<Record<Effect, string>> = {
  opens: "refused, and would be allowed",
  closes: "allowed, and would be refused",
  moves: "allowed, and would lead to another service",
};

export function changedCount({ opens, closes, moves }: Tally): number {
  return opens + closes + moves;
}

export function total(counts: ReadonlyMap<unknown, number>): number {
  return [...counts.values()].reduce((sum, n) => sum + n, 0);
}

export function replayMessage(t: Tally): string {
  const undecidable = total(t.undecidable);
  const rest = undecidable === 0 ? "" : `; ${count(undecidable, "decision")} can't be judged`;
  const changed = changedCount(t);
  if (changed === 0) return `no decision of ${count(t.decisions, "record")} would change${rest}`;
  return `${count(changed, "decision")} of ${count(t.decisions, "record")} would change${rest}`;
}

export function replayText(t: Tally, rules: readonly RuleInfo[], p: Paint): string {
  const groups = sorted(t);
  const lines = groups.slice(0, MOST_SHOWN).flatMap((group) => groupLines(group, rules, p));
  const more = groups.length - Math.min(MOST_SHOWN, groups.length);
  if (more > 0 || t.ungrouped > 0)
    lines.push(`and ${count(more, "further kind")} of change${t.ungrouped > 0 ? ` and ${count(t.ungrouped, "further record")}` : ""}`);
  if (lines.length > 0) lines.push("");
  lines.push(`${count(t.decisions, "decision")}: ${t.same} as before${t.otherReason > 0 ? ` (${t.otherReason} refused for another reason)` : ""}`);
  const row = (n: number, what: string): void => {
    if (n > 0) lines.push(`  ${n} ${what}`);
  };
  row(t.opens, EFFECT_WORDS.opens);
  row(t.closes, EFFECT_WORDS.closes);
  row(t.moves, EFFECT_WORDS.moves);
  for (const [what, n] of t.stays) row(n, `as recorded: \`${what}\` is not decided by rules`);
  for (const [missing, n] of t.undecidable) row(n, `can't be judged: ${MISSING_WORDS[missing]}`);
  const unread = t.torn + t.tooLong + total(t.foreign);
  if (unread > 0) {
    lines.push(`${count(unread, "line")} could not be read:`);
    for (const { file, line, what } of t.unread) lines.push(`  ${file}:${line}: ${what}`);
    if (unread > t.unread.length) lines.push(`  and ${unread - t.unread.length} more`);
  }
  return lines.join("\n");
}

/** The most frequent first, what opens before the others. */
function sorted({ groups }: Tally): readonly Group[] {
  const order: readonly Effect[] = ["opens", "moves", "closes"];
  return [...groups.values()].sort((a, b) => order.indexOf(a.effect) - order.indexOf(b.effect) || b.count - a.count);
}

function groupLines(group: Group, rules: readonly RuleInfo[], p: Paint): readonly string[] {
  const { effect, record, again, file, line } = group;
  const sign =
    effect === "closes" ? p.good("-")
    : effect === "opens" ? p.bad("+")
    : p.bad("~");
  const now = again.decision.allowed ? `allow${again.listener === null ? "" : ` at \`${again.listener.name}\``}` : `deny ${again.decision.reason}`;
  const by = ruleOf(again.decision.rule, rules);
  const example = requestText(record);
  return [
    `${sign} ${p.bold(printable(record.listener ?? "no expose"))} (${record.op === "bind" ? "bind " : ""}${canonicalPlace(record)}): ${count(group.count, "record")} ${EFFECT_WORDS[effect]}`,
    `    recorded ${record.allowed ? "allow" : `deny ${record.reason}`} (${record.code}${record.at === null ? "" : `, ${printable(record.at)}`}); now ${now} (${again.decision.code}${by === null ? "" : `, ${by}`})`,
    `    ${example === null ? `see ${file}:${line}` : `for example: ${example} (${file}:${line})`}`,
  ];
}

function ruleOf(id: number, rules: readonly RuleInfo[]): string | null {
  const origin = rules.find((rule) => rule.id === id)?.origins[0];
  return origin === undefined ? null : `${origin.file}:${origin.line}`;
}

export function replayJson(t: Tally, rules: readonly RuleInfo[]): unknown {
  const { decisions, same, otherReason, opens, closes, moves, ends, messages, torn, tooLong, unread } = t;
  return {
    decisions,
    same,
    otherReason,
    opens,
    closes,
    moves,
    asRecorded: Object.fromEntries(t.stays),
    undecidable: Object.fromEntries(t.undecidable),
    ends,
    messages,
    unreadable: { torn, tooLong, foreign: total(t.foreign), first: unread },
    changes: sorted(t).map(({ effect, record, again, file, line, count: n }) => ({
      effect,
      count: n,
      listener: record.listener,
      place: canonicalPlace(record),
      op: record.op,
      recorded: { decision: record.allowed ? "allow" : "deny", reason: record.reason, code: record.code, at: record.at },
      now: {
        decision: again.decision.allowed ? "allow" : "deny",
        reason: again.decision.allowed ? "none" : again.decision.reason,
        code: again.decision.code,
        listener: again.listener?.name ?? null,
        at: ruleOf(again.decision.rule, rules),
      },
      example: requestText(record),
      time: timeText(record.seconds),
      file,
      line,
    })),
    moreChanges: t.ungrouped,
  };
}
