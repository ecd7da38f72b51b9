// The rules of a policy as their author wrote them, in canonical order: one text may be several rules of the module (in a template,
// or of an expose on tcp and udp), and one rule of the module may be written several times.
import type { RuleAt, RuleText } from "../analysis/redundant.ts";
import type { OrderedRule } from "../lower/tables.ts";
import type { Annotations, CheckedExpose } from "../policy/policy.ts";
import type { Span } from "../source/source.ts";

export interface WrittenRule extends RuleText {
  /** Where it takes effect first. */
  readonly span: Span;
  readonly annotations: Annotations;
  readonly ordered: readonly OrderedRule[];
}

interface Draft {
  /** Of the last rule that it became. */
  rank: number;
  readonly rules: RuleAt[];
  readonly ordered: OrderedRule[];
  readonly span: Span;
  readonly annotations: Annotations;
}

/** `rules` in canonical order. The one rule of an expose `as direct` is nobody's text. */
export function writtenRules(exposes: readonly CheckedExpose[], rules: readonly OrderedRule[]): readonly WrittenRule[] {
  const counts = new Map<string, number>();
  const drafts = new Map<string, Draft>();
  for (const rule of rules) {
    const { listener, action } = rule;
    const owner = `${listener ?? "top"} ${action}`;
    const index = counts.get(owner) ?? 0;
    counts.set(owner, index + 1);
    if (listener !== null && exposes[listener]?.mode === "direct") continue;
    const places = new Set<string>();
    rule.spans.forEach((span, i) => {
      const place = `${span.start} ${span.end} ${span.file.path}`;
      if (places.has(place)) return;
      places.add(place);
      const known = drafts.get(place);
      const draft = known ?? { rank: 0, rules: [], ordered: [], span, annotations: rule.annotations[i] ?? NO_ANNOTATIONS };
      if (known === undefined) drafts.set(place, draft);
      draft.rank = rule.id;
      draft.rules.push({ listener, index });
      draft.ordered.push(rule);
    });
  }
  return [...drafts.values()]
    .sort((x, y) => x.rank - y.rank)
    .map(({ rules: at, ordered, span, annotations }) => {
      const [first] = ordered;
      return { action: first?.action ?? "deny", dryrun: first?.dryrun ?? false, rules: at, span, annotations, ordered };
    });
}

const NO_ANNOTATIONS: Annotations = { owner: null, ticket: null, why: null };
