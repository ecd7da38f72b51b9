// Warnings of a policy that compiles, in the order of its texts. They say what its author may not have meant, and never that it
// does something else than it says.
import { isDated } from "../diagnostics/codes.ts";
import type { Diagnostic } from "../diagnostics/diagnostic.ts";
import { newReport, type Report } from "../diagnostics/report.ts";
import { orderRules } from "../lower/order.ts";
import type { CheckedPolicy } from "../policy/policy.ts";
import type { Profile } from "../../runtime/abi/profiles.ts";
import { MOST_NODES } from "../analysis/budget.ts";
import type { SourceFile, Span } from "../source/source.ts";
import { sayEnds } from "./date_warnings.ts";
import { sayDryrunCaps } from "./dryrun_caps.ts";
import { sayMorePlaces } from "./image_warnings.ts";
import { sayEmptyLists, sayOverlappingBinds, sayRemoteInPlain, saySharedCertificates, sayWithoutReason, sayWithoutTests } from "./policy_warnings.ts";
import { allDecideAlone } from "./plain_rules.ts";
import { writtenRules, type WrittenRule } from "./rule_texts.ts";
import type { Judged } from "./rule_warnings.ts";
import type { LintOff, TextFacts } from "./text_facts.ts";

export interface LintOptions {
  /** Codes of warnings that are not wanted. */
  readonly ignore: ReadonlySet<string>;
  /** UTC seconds: the date for what depends on it. */
  readonly wallSeconds: number;
  /** Where the policy is to run; `host` where it is left out. */
  readonly profile?: Profile;
  /** Of the analysis; MOST_NODES where it is left out. */
  readonly nodes?: number;
}

export interface Linted extends Judged {
  /** Without those that are off or not wanted. */
  readonly warnings: readonly Diagnostic[];
}

/** `module`: that of the policy, which is read only where rules are to be judged. `facts`: those of its texts. */
export async function lint(
  policy: CheckedPolicy,
  module: () => Uint8Array,
  facts: TextFacts,
  { ignore, wallSeconds, profile = "host", nodes = MOST_NODES }: LintOptions,
): Promise<Linted> {
  const report = newReport();
  for (const unused of facts.unused) report.diagnostics.push(unused);
  const texts = writtenRules(policy.exposes, orderRules(policy));
  const judged = await judgedRules(report, policy, module, texts, nodes);
  const [entry] = facts.files;
  if (judged.unjudged > 0 && entry !== undefined) report.say("ING836", { rules: judged.unjudged, nodes }, { file: entry, start: 0, end: 0 });
  sayDryrunCaps(report, policy);
  sayWithoutReason(report, policy, texts);
  sayWithoutTests(report, policy);
  sayEmptyLists(report, policy, facts.lists);
  sayOverlappingBinds(report, policy, facts.binds);
  saySharedCertificates(report, policy);
  sayRemoteInPlain(report, policy);
  if (profile === "os") sayMorePlaces(report, policy);
  sayEnds(report, texts, wallSeconds);

  const used = new Set<LintOff>();
  const shown = report.diagnostics.filter((warning) => {
    const offs = facts.offs.filter(({ code, about }) => code === warning.code && contains(about, warning.span));
    for (const off of offs) used.add(off);
    return offs.length === 0;
  });
  const unused = newReport();
  for (const off of facts.offs) {
    if (!used.has(off) && canBeMissed(off, judged.unjudged, ignore, profile)) unused.say("ING835", { code: off.code }, off.span);
  }
  const warnings = [...shown, ...unused.diagnostics].filter(({ code }) => !ignore.has(code));
  return { warnings: inOrder(facts.files, warnings), ...judged };
}

/** The analysis is loaded only where there may be something to find. */
async function judgedRules(report: Report, policy: CheckedPolicy, module: () => Uint8Array, texts: readonly WrittenRule[], nodes: number): Promise<Judged> {
  if (allDecideAlone(policy.exposes, texts)) return { unjudged: 0, nodes: 0 };
  const { sayRulesWithoutEffect } = await import("./rule_warnings.ts");
  return sayRulesWithoutEffect(report, module(), policy.exposes, texts, nodes);
}

/** Whether it is known that there is no such warning, whatever the date is. */
function canBeMissed({ code }: LintOff, unjudged: number, ignore: ReadonlySet<string>, profile: Profile): boolean {
  if (ignore.has(code) || (code === "ING852" && profile !== "os")) return false;
  return JUDGED.has(code) ? unjudged === 0 : !isDated(code);
}

/** Warnings that need the analysis. */
const JUDGED: ReadonlySet<string> = new Set(["ING818", "ING819", "ING820", "ING821", "ING822", "ING823", "ING824", "ING825", "ING826"]);

function contains(outer: Span, inner: Span): boolean {
  return outer.file.path === inner.file.path && outer.start <= inner.start && inner.end <= outer.end;
}

/** Warnings that come and go with the date, and the others. */
export function byDate(warnings: readonly Diagnostic[]): { readonly dated: number; readonly others: number } {
  const dated = warnings.filter(({ code }) => isDated(code)).length;
  return { dated, others: warnings.length - dated };
}

function inOrder(files: readonly SourceFile[], warnings: readonly Diagnostic[]): readonly Diagnostic[] {
  const ranks = new Map(files.map((file, i) => [file, i]));
  const rank = ({ span }: Diagnostic): number => ranks.get(span.file) ?? files.length;
  return [...warnings].sort((x, y) => rank(x) - rank(y) || x.span.start - y.span.start || (x.code < y.code ? -1 : Number(x.code > y.code)));
}
