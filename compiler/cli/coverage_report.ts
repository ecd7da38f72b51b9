// Coverage as text for people, as JSON, and as an lcov trace for editors and build servers.
import { positionOf } from "../source/source.ts";
import { printable } from "../diagnostics/quote.ts";
import { grouped } from "../../runtime/text/number.ts";
import { shownPath } from "./compiled.ts";
import { lineCounts, type Coverage } from "./coverage.ts";
import { count } from "./outcome.ts";
import { rows, type Paint } from "./terminal.ts";
import { ruleText } from "./test_report.ts";

/** Gaps shown to people; --json has all of them. */
const MOST_GAPS = 50;

export function coverageText(coverage: Coverage, root: string, p: Paint): string {
  const { rules, members, counts } = coverage;
  const decisive = rules.filter(({ decides }) => decides > 0).length;
  const met = members.filter((m) => m.met > 0).length;
  const gaps = [
    ...rules
      .filter(({ decides }) => decides === 0)
      .map(
        ({ rule, matches }) =>
          `${p.bad(matches === 0 ? "never met " : "overridden")}  ${ruleText(rule, root)}${matches === 0 ? "" : `: ${count(matches, "line")} met it, and another rule decided`}`,
      ),
    ...members
      .filter((m) => m.met === 0)
      .map(({ kind, set, text, span }) => {
        const { line, column } = positionOf(span.file, span.start);
        return `${p.bad("never met ")}  \`${text}\` of \`${kind} ${set}\`, ${shownPath(root, span.file.path)}:${line}:${column}`;
      }),
    ...counts
      .filter((c) => c.met === 0)
      .map(({ kind, dryrun, expose, span, most }) => {
        const { line, column } = positionOf(span.file, span.start);
        const word = `${dryrun ? "dryrun " : ""}${kind} ${most}`;
        return `${p.bad("never met ")}  a source that \`${word} … from\` of \`${expose}\` counts, ${shownPath(root, span.file.path)}:${line}:${column}`;
      }),
  ];
  const more = gaps.length - MOST_GAPS;
  return [
    p.bold("coverage"),
    rows([
      ["rules", share(decisive, rules.length, "decide a line")],
      ["members of sets", share(met, members.length, "are met by a line")],
      // Any other cap or limit counts every source.
      ...(counts.length === 0 ?
        []
      : [["caps and limits from nets", share(counts.filter((c) => c.met > 0).length, counts.length, "count the source of a line")] as const]),
    ]),
    ...gaps.slice(0, MOST_GAPS).map((gap) => `  ${gap}`),
    ...(more > 0 ? [`  … and ${grouped(more)} more; \`--json\` has all`] : []),
  ].join("\n");
}

function share(part: number, whole: number, what: string): string {
  if (whole === 0) return "none";
  return `${grouped(part)} of ${grouped(whole)} ${what} (${Math.floor((100 * part) / whole)}%)`;
}

export function coverageJson({ rules, members, counts }: Coverage): unknown {
  return {
    rules: rules.map(({ rule: { id, action, listener, proto, dryrun, names, origins }, decides, matches }) => ({
      id,
      action,
      listener,
      proto,
      dryrun,
      names,
      origins,
      decides,
      matches,
    })),
    members: members.map(({ kind, set, text, span, met }) => ({ kind, set, text, file: span.file.path, ...positionOf(span.file, span.start), met })),
    capsAndLimits: counts.map(({ kind, dryrun, expose, most, span, met }) => ({
      kind,
      dryrun,
      expose,
      most,
      file: span.file.path,
      ...positionOf(span.file, span.start),
      met,
    })),
  };
}

/** The trace format of geninfo(1): one record a file, `DA` for each line with a rule or a member. */
export function lcovText(coverage: Coverage, root: string): string {
  const records = [...lineCounts(coverage)].map(([file, lines]) => {
    const counts = [...lines].sort(([x], [y]) => x - y);
    return [
      "TN:",
      `SF:${printable(shownPath(root, file))}`,
      ...counts.map(([line, hits]) => `DA:${line},${hits}`),
      `LF:${counts.length}`,
      `LH:${counts.filter(([, hits]) => hits > 0).length}`,
      "end_of_record",
    ].join("\n");
  });
  return records.map((record) => `${record}\n`).join("");
}
