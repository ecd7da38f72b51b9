// `budget`: the most that a policy may have, of several the smallest. This file counts
// the author's text; the module's size and steps are known when it is made (compile.ts).
import type { BudgetNode, BudgetWord } from "../../ast/nodes.ts";
import { MAX_CAP_CONNECTIONS, MAX_EXPOSES, MAX_PORT_RANGES, MAX_PREFIXES, MAX_RULES } from "../../source/bounds.ts";
import { MAX_PAGES, PAGE_BYTES } from "../../../runtime/abi/layout.ts";
import type { BudgetUse } from "../../diagnostics/bound_words.ts";
import type { Span } from "../../source/source.ts";
import { diagnostic, type Diagnostic } from "../../diagnostics/diagnostic.ts";
import type { PartialExpose } from "./partial_expose.ts";
import type { NetTally } from "../sets/nets.ts";
import { readCount } from "../names/numbers.ts";
import type { Bound, CheckedBudget } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";

/** The values where no budget is written: the bounds of the language itself. The most that a budget may allow. */
export const DEFAULT_BUDGET: Readonly<Record<BudgetWord, number>> = {
  ports: MAX_PORT_RANGES * 65_535,
  rules: MAX_RULES,
  prefixes: MAX_PREFIXES,
  connections: MAX_EXPOSES * MAX_CAP_CONNECTIONS,
  /** KiB. */
  module: (MAX_PAGES * PAGE_BYTES) / 1024,
  steps: 1_000_000_000,
};

export function checkBudgets(context: CheckContext, nodes: readonly BudgetNode[]): CheckedBudget {
  const { report } = context;
  const bounds: Partial<Record<BudgetWord, Bound>> = {};
  for (const { entries } of nodes) {
    const seen = new Map<BudgetWord, Span>();
    for (const { word, value, span } of entries) {
      const first = seen.get(word);
      seen.set(word, first ?? span);
      if (first !== undefined) {
        report.say("ING405", { clause: word, in: "budget" }, span, { related: [{ span: first, label: "first here" }] });
        continue;
      }
      const most = readCount(report, value.text, value, DEFAULT_BUDGET[word], { budget: word }, 0);
      const known = bounds[word];
      if (most !== null && (known === undefined || most < known.most)) bounds[word] = { most, span };
    }
  }
  const { ports = null, rules = null, prefixes = null, connections = null, module: moduleKiB = null, steps = null } = bounds;
  return { ports, rules, prefixes, connections, moduleKiB, steps };
}

/** As written, and the entries of lists; `build` shows the same number. */
export function writtenPrefixes({ written, builtin }: NetTally): number {
  return written + builtin.size;
}

interface Use {
  readonly used: number;
  /** The part that uses the most of it. */
  readonly most: { readonly use: BudgetUse; readonly span: Span } | null;
}

/** Says of each bound that is passed what passes it. */
export function enforceBudget(context: CheckContext, budget: CheckedBudget, exposes: readonly PartialExpose[], denies: number): void {
  const { report, tally } = context;
  const rows: readonly (readonly [word: string, bound: Bound | null, use: () => Use])[] = [
    ["ports", budget.ports, () => largest(exposes, (e) => (e.ports ?? []).reduce((n, r) => n + r.last - r.first + 1, 0), 0)],
    ["rules", budget.rules, () => largest(exposes, (e) => e.clauses.filter((c) => c.kind === "rule").length, denies)],
    [
      "prefixes",
      budget.prefixes,
      () => {
        const { largest: most } = tally;
        return {
          used: writtenPrefixes(tally),
          most: most === null ? null : { use: { by: most.entries === 1 ? "written" : "list", n: most.entries }, span: most.span },
        };
      },
    ],
    ["connections", budget.connections, () => largest(exposes, (e) => (e.mode === "direct" ? 0 : (e.checked?.cap.connections ?? 0)), 0)],
  ];
  for (const [word, bound, use] of rows) {
    if (bound === null) continue;
    const { used, most } = use();
    if (used <= bound.most) continue;
    report.say("ING611", { bound: word, used, most: bound.most, largest: most?.use ?? null }, bound.span, {
      related: most === null ? [] : [{ span: most.span, label: "most of them here" }],
    });
  }
}

function largest(exposes: readonly PartialExpose[], count: (e: PartialExpose) => number, beside: number): Use {
  let used = beside;
  let largestCount = 0;
  let most: Use["most"] = null;
  for (const expose of exposes) {
    const n = count(expose);
    used += n;
    if (n <= largestCount) continue;
    largestCount = n;
    most = { use: { by: "expose", name: expose.node.name.text, n }, span: expose.node.name.span };
  }
  return { used, most };
}

/** For a bound that is known only when the module is made; `largest` is what the module has. */
export function overBudget(word: "module" | "steps", bound: Bound, used: number, largest: BudgetUse): Diagnostic {
  return diagnostic("ING611", { bound: word, used, most: bound.most, largest }, bound.span);
}
