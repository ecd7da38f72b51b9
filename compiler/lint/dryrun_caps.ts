// `dryrun cap` clauses that never differ. Only caps are judged: which connections a cap counts, a policy says; what a limit has
// counted depends on what happened before, also under earlier policies.
import { isEmpty, subtract } from "../check/sets/intervals.ts";
import type { Report } from "../diagnostics/report.ts";
import type { CheckedCap, CheckedPolicy, DryrunCounts, SourceCap } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";

interface Part {
  /** As a policy writes it. */
  readonly text: string;
  /** Whether a cap in force counts all of its connections, and refuses no later. */
  readonly isCovered: boolean;
}

interface Written {
  readonly span: Span;
  readonly uses: (readonly Part[])[];
}

/** A part is reported where it never differs in any expose that the text is of: one on tcp and udp is two, and a template has many. */
export function sayDryrunCaps(report: Report, { exposes }: CheckedPolicy): void {
  const texts = new Map<string, Written>();
  for (const { cap, dryrun } of exposes) {
    const { span } = dryrun;
    if (span === null) continue;
    const key = `${span.file.path}:${span.start}:${span.end}`;
    const written = texts.get(key) ?? { span, uses: [] };
    written.uses.push(partsOf(cap, dryrun));
    texts.set(key, written);
  }
  for (const { span, uses } of texts.values()) {
    for (const [i, part] of (uses[0] ?? []).entries()) if (uses.every((parts) => parts[i]?.isCovered === true)) report.say("ING826", { cap: part.text }, span);
  }
}

function partsOf(cap: CheckedCap, { connections, perSource, perIdentity }: DryrunCounts): readonly Part[] {
  return [
    ...(connections === null ? [] : [{ text: `${connections} connections`, isCovered: connections >= cap.connections }]),
    ...perSource.map((one) => ({
      text: `${one.connections} per source /${one.v4} /${one.v6}${one.from === null ? "" : " from …"}`,
      isCovered: one.connections >= cap.connections || cap.perSource.some((other) => covers(other, one)),
    })),
    ...(perIdentity === null ?
      []
    : [
        {
          text: `${perIdentity} per identity`,
          isCovered: perIdentity >= cap.connections || (cap.perIdentity !== null && perIdentity >= cap.perIdentity),
        },
      ]),
  ];
}

/** A shorter prefix has more sources share a place, so the count of `cap` is never below that of `other`. */
function covers(cap: SourceCap, other: SourceCap): boolean {
  const counts = cap.from === null || (other.from !== null && isEmpty(subtract(other.from, cap.from)));
  return counts && cap.connections <= other.connections && cap.v4 <= other.v4 && cap.v6 <= other.v6;
}
