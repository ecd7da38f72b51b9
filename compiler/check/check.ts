// Abstract tree -> CheckedPolicy: every name resolved, every set computed, every bound held, or
// else diagnostics and no policy. Pure but for the reader of list files. All independent
// errors are told at once; what is unknown because of an error stays silent.
import type { ExposeNode, PolicyNode, RuleNode } from "../ast/nodes.ts";
import { MAX_EXPOSES, MAX_PORT_RANGES, MAX_RULES } from "../bounds.ts";
import { firstErrors, type Diagnostic } from "../diagnostic.ts";
import type { SourceReader } from "../source.ts";
import { checkExpose, type Understood } from "./exposes.ts";
import { declared } from "./names.ts";
import { checkCircles, checkOverlaps } from "./overlap.ts";
import type { CheckedPolicy } from "./policy.ts";
import { newReport, type Report } from "./report.ts";
import { checkTopLevelDeny } from "./rules.ts";
import { openScope } from "./scope.ts";
import { checkServices } from "./services.ts";
import { checkTest } from "./tests.ts";

export interface Checked {
  /** Null if there is any diagnostic, of this phase or of an earlier one. */
  readonly policy: CheckedPolicy | null;
  readonly diagnostics: Diagnostic[];
}

/** `ast` is null where the text could not be read as a policy; that was told already. */
export function check(ast: PolicyNode | null, reader: SourceReader): Checked {
  if (ast === null) return { policy: null, diagnostics: [] };
  const report = newReport();
  if (!withinBounds(ast, report)) return { policy: null, diagnostics: report.diagnostics };
  const scope = openScope(ast, reader, report);
  const names = declared(report, ast.exposes, "an expose");
  const exposes = ast.exposes.map((node) => checkExpose(scope, node));
  if (portsWithinBounds(exposes, report)) {
    checkOverlaps(scope, exposes);
    checkCircles(scope, exposes);
  }
  checkServices(scope, exposes);
  const denies = ast.denies.flatMap((node) => checkTopLevelDeny(scope, node) ?? []);
  const tests = ast.tests.map((node) => checkTest(scope, node, new Set(names.keys())));

  const diagnostics = bounded(report.diagnostics, ast);
  if (diagnostics.length > 0 || ast.incomplete) return { policy: null, diagnostics };
  const checked = exposes.flatMap((e) => e.checked ?? []).sort((a, b) => (a.name < b.name ? -1 : 1));
  // INVARIANT: what has no diagnostic is whole; a part that is missing all the same must not
  // silently become a policy without it.
  if (checked.length !== exposes.length || denies.length !== ast.denies.length) return { policy: null, diagnostics };
  return { policy: { edition: 1, exposes: checked, denies, tests }, diagnostics };
}

function withinBounds(ast: PolicyNode, report: Report): boolean {
  const expose: ExposeNode | undefined = ast.exposes[MAX_EXPOSES];
  if (expose !== undefined) {
    report.say("ING605", `a policy has at most ${MAX_EXPOSES} exposes`, expose.name.span, { help: "give one expose several ports, or split the policy" });
  }
  const rules = [...ast.exposes.flatMap((e) => e.clauses.filter((c): c is RuleNode => c.kind === "rule")), ...ast.denies];
  const rule = rules[MAX_RULES];
  if (rule !== undefined) {
    report.say("ING603", `a policy has at most ${MAX_RULES} rules`, rule.span, { help: "put the addresses of several rules into one net" });
  }
  return expose === undefined && rule === undefined;
}

function portsWithinBounds(exposes: readonly Understood[], report: Report): boolean {
  let ranges = 0;
  for (const { ports, node } of exposes) {
    ranges += ports?.length ?? 0;
    if (ranges <= MAX_PORT_RANGES) continue;
    report.say("ING604", `the exposes of a policy have at most ${MAX_PORT_RANGES} ranges of ports`, node.name.span, { help: "expose whole ranges instead of single ports" });
    return false;
  }
  return true;
}

/** In the order of the text, and not more than a person can use. */
function bounded(diagnostics: readonly Diagnostic[], { file }: PolicyNode): Diagnostic[] {
  const files = [...new Set([file, ...diagnostics.map((d) => d.span.file)])];
  const sorted = [...diagnostics].sort((a, b) => files.indexOf(a.span.file) - files.indexOf(b.span.file) || a.span.start - b.span.start);
  return firstErrors(sorted);
}
