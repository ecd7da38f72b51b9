// Program -> CheckedPolicy, or diagnostics and no policy. Three folders, each of which imports only
// those before it: names/ (scopes, imports, templates, literals), sets/ (the algebras of nets, ports,
// host names and identities) and rules/ (exposes, rules, tests, budgets, invariants). Pure, except
// for the reader of list files. All independent errors are reported at once; a part that is unknown
// because of an error causes no second one.
import type { SetDeclaration } from "../ast/nodes.ts";
import { MAX_COUNTS, MAX_EXPOSES, MAX_PORT_RANGES, MAX_RULES } from "../source/bounds.ts";
import { firstErrors, type Diagnostic } from "../diagnostics/diagnostic.ts";
import type { SourceReader } from "../source/source.ts";
import { checkAnnotations } from "./rules/annotations.ts";
import { checkBudgets, enforceBudget, writtenPrefixes } from "./rules/budget.ts";
import { checkDials } from "./rules/dial_statements.ts";
import { expand, type Flat } from "./names/expand.ts";
import { checkExpose } from "./rules/exposes.ts";
import type { PartialExpose } from "./rules/partial_expose.ts";
import { Scopes } from "./names/scopes.ts";
import { checkInvariant } from "./rules/invariants.ts";
import { declared } from "./names/declarations.ts";
import { idSet } from "./sets/id_sets.ts";
import { checkCircles, checkOverlaps } from "./rules/overlap.ts";
import type { Annotations, CheckedPolicy, ListFile, NamedSet, NamedSetOf } from "../policy/policy.ts";
import type { Program } from "./names/program.ts";
import { newReport, type Report } from "../diagnostics/report.ts";
import type { Resolver } from "./names/resolver.ts";
import { checkTopLevelDeny, lacking } from "./rules/rules.ts";
import { openContext, type CheckContext } from "./rules/context.ts";
import { checkSharedPorts, inOrderOfNames } from "./rules/shared_ports.ts";
import { checkServices } from "./rules/services.ts";
import { defineTemplates } from "./names/templates.ts";
import { checkTest, type Known } from "./rules/tests.ts";
import { checkSharedVia } from "./rules/via.ts";

export interface Checked {
  /** Null if there is any diagnostic, of this phase or of an earlier one. */
  readonly policy: CheckedPolicy | null;
  readonly diagnostics: Diagnostic[];
  /** As a budget counts them; 0 where there is no policy. */
  readonly prefixes: number;
}

/** `program` is null where the entry file could not be read as a policy; that was reported already. */
export function check(program: Program | null, reader: SourceReader): Checked {
  const [entry] = program?.units ?? [];
  if (program === null || entry === undefined) return { policy: null, diagnostics: [], prefixes: 0 };
  const report = newReport();
  const scopes = new Scopes(program, entry);
  const flat = expand(report, scopes, defineTemplates(report, scopes));
  if (flat === null || !withinBounds(flat, report)) return { policy: null, diagnostics: inOrder(report, program), prefixes: 0 };

  const context = openContext(
    scopes,
    flat.sets,
    reader,
    report,
    flat.exposes.some(({ node }) => node.hosts !== null),
  );
  const sets = flat.sets.flatMap((set) => checkSet(context, set) ?? []);
  const names = declared(
    report,
    flat.exposes.map((e) => e.node),
    "expose",
  );
  const exposes = flat.exposes.flatMap((e) => checkExpose(context, e, flat.whole));
  if (portsWithinBounds(exposes, report)) {
    checkOverlaps(context, exposes);
    checkCircles(context, exposes);
  }
  const ordered = inOrderOfNames(exposes);
  const groups = checkSharedPorts(context, ordered);
  checkSharedVia(context, ordered, groups);
  const dials = checkDials(context, flat.dials);
  checkServices(context, exposes, flat.dials);
  const lack = { tcp: lacking(exposes, "tcp"), udp: lacking(exposes, "udp") };
  const denies = flat.denies.flatMap((node) => checkTopLevelDeny(context, node, lack));
  const deniesDue = flat.denies.reduce((n, { on }) => n + (on?.protos.length ?? 1), 0);
  const shared = { groups, names: ordered.map(({ node }) => node.name.text), patterns: ordered.map(({ names: own }) => own ?? null) };
  const known: Known = { exposes: new Set(names.keys()), rules: context.ruleNames, whole: flat.whole && isWhole(program), shared, balancers: ordered };
  const tests = flat.tests.map((node) => checkTest(context, node, known));
  for (const node of flat.invariants) checkInvariant(context, node, known);
  const budget = checkBudgets(context, flat.budgets);
  if (report.diagnostics.length === 0) enforceBudget(context, budget, exposes, denies.length);

  const diagnostics = inOrder(report, program);
  if (diagnostics.length > 0 || program.incomplete || !flat.whole) return { policy: null, diagnostics, prefixes: 0 };
  const checked = ordered.flatMap((e) => e.checked ?? []);
  // INVARIANT: what has no diagnostic is whole; a part that is missing all the same must not
  // silently become a policy without it.
  const lines = flat.tests.reduce((n, t) => n + t.lines.length, 0);
  const kept = tests.reduce((n, t) => n + t.lines.length, 0);
  if (checked.length !== exposes.length || denies.length !== deniesDue || dials.length !== flat.dials.length || kept !== lines)
    return { policy: null, diagnostics, prefixes: 0 };
  return {
    policy: {
      edition: 1,
      exposes: checked,
      groups,
      dials,
      denies,
      tests,
      budget,
      sets,
      listFiles: listFilesOf(context),
      unenforced: context.unenforced,
      hostOnly: context.hostOnly,
    },
    diagnostics,
    prefixes: writtenPrefixes(context.tally),
  };
}

/** False where an import is missing, which may have had any name. */
function isWhole({ units }: Program): boolean {
  return units.every(({ imports }) => [...imports.values()].every((unit) => unit !== null));
}

function listFilesOf(context: CheckContext): readonly ListFile[] {
  // Files of several folders may name one list.
  const once = new Map(context.listFiles().map((list) => [JSON.stringify([list.path, list.min, list.max]), list]));
  return [...once.values()].sort((x, y) =>
    x.path === y.path ? x.max - y.max || x.min - y.min
    : x.path < y.path ? -1
    : 1,
  );
}

/** Looks at a set's annotations; a set that is declared in a file is shown by name. */
function checkSet(context: CheckContext, node: SetDeclaration): NamedSet | null {
  const annotations = checkAnnotations(context.report, node.annotations);
  if (node.span.origin !== undefined) return null;
  switch (node.kind) {
    case "net":
      return named("net", context.nets, node, annotations);
    case "ports":
      return named("ports", context.ports, node, annotations);
    case "hosts":
      return named("hosts", context.hosts, node, annotations);
    case "ids": {
      const found = named("ids", context.ids, node, annotations);
      if (found === null) return null;
      // The words of a set are only made when they are used.
      return {
        ...found,
        kind: "ids",
        get set() {
          return idSet(found.set);
        },
        members: () => found.members().map((member) => ({ ...member, set: idSet(member.set) })),
      };
    }
  }
}

function named<K, T>(kind: K, sets: Resolver<T>, node: SetDeclaration, annotations: Annotations): NamedSetOf<K, T> | null {
  const set = sets.valueOf(node);
  return set === null ? null : { kind, name: node.name.text, set, members: () => sets.membersOf(node), annotations, span: node.span };
}

function withinBounds({ exposes, denies }: Flat, report: Report): boolean {
  // An expose or a rule for two protocols is two.
  const listeners = exposes.flatMap((e) => (e.node.protos.length > 1 ? [e, e] : [e]));
  const expose = listeners[MAX_EXPOSES];
  if (expose !== undefined) {
    report.say("ING605", { statement: "expose" }, expose.node.name.span);
  }
  const rules = [
    ...listeners.flatMap((e) => e.clauses.filter((c) => c.kind === "rule")),
    ...denies.flatMap((d) => ((d.on?.protos.length ?? 1) > 1 ? [d, d] : [d])),
  ];
  const rule = rules[MAX_RULES];
  if (rule !== undefined) {
    report.say("ING603", null, rule.span);
  }
  const counts = listeners.flatMap((e) => e.clauses.flatMap((c) => Array.from({ length: recordsOf(c) }, () => c)));
  const count = counts[MAX_COUNTS];
  if (count !== undefined) report.say("ING614", null, count.span);
  return expose === undefined && rule === undefined && count === undefined;
}

/** Records that a clause has in the engine's table of limits. */
function recordsOf(clause: Flat["exposes"][number]["clauses"][number]): number {
  if (clause.kind === "limit") return 1;
  if (clause.kind !== "cap") return 0;
  // The listener's own record has the enforced cap of its connections.
  return clause.perSource.length + (clause.perIdentity === null ? 0 : 1) + (clause.dryrun && clause.connections !== null ? 1 : 0);
}

function portsWithinBounds(exposes: readonly PartialExpose[], report: Report): boolean {
  let ranges = 0;
  for (const { ports, node } of exposes) {
    ranges += ports?.length ?? 0;
    if (ranges <= MAX_PORT_RANGES) continue;
    report.say("ING604", { bound: "port_ranges" }, node.name.span);
    return false;
  }
  return true;
}

/** In the order of the text, the entry file first, and not more than a person can use. */
function inOrder({ diagnostics }: Report, { units }: Program): Diagnostic[] {
  const files = new Map(units.map(({ ast }, i) => [ast.file, i]));
  for (const { span } of diagnostics) if (!files.has(span.file)) files.set(span.file, files.size);
  const rank = (d: Diagnostic): number => files.get(d.span.file) ?? 0;
  return firstErrors([...diagnostics].sort((a, b) => rank(a) - rank(b) || a.span.start - b.span.start));
}
