// How often each rule has decided since it came into force. Counts go with the policy whose rules they are, so
// that a number never belongs to another policy's rule; a rule that a reload does not change keeps its count.
import type { PolicyInfo } from "../../runtime/host/module.ts";

export interface RuleHits {
  readonly rule_id: number;
  /** The expose, or `*` for a rule of the top level. */
  readonly listener: string;
  readonly rule: string;
  readonly at: string;
  readonly hits: number;
}

export class RuleCounts {
  readonly #counts = new WeakMap<PolicyInfo, Map<number, number>>();

  add(info: PolicyInfo, rule: number, times = 1): void {
    let counts = this.#counts.get(info);
    if (counts === undefined) this.#counts.set(info, (counts = new Map<number, number>()));
    counts.set(rule, (counts.get(rule) ?? 0) + times);
  }

  /** Gives the rules of `to` the counts of those of `from` that say the same. */
  keepCounts(from: PolicyInfo, to: PolicyInfo): void {
    const counts = this.#counts.get(from);
    if (counts === undefined) return;
    const byMeaning = new Map([...counts].map(([rule, hits]) => [from.rules[rule]?.meaning, hits]));
    const kept = this.#counts.get(to) ?? new Map<number, number>();
    for (const { id, meaning } of to.rules) {
      const hits = byMeaning.get(meaning);
      if (hits !== undefined) kept.set(id, hits);
    }
    this.#counts.set(to, kept);
  }

  /** Most hits first, then in canonical order; at most `most`. */
  ofPolicy(info: PolicyInfo, most: number): readonly RuleHits[] {
    const counts = [...(this.#counts.get(info) ?? [])].sort(([a, m], [b, n]) => n - m || a - b).slice(0, most);
    return counts.map(([number, hits]) => {
      const rule = info.rules[number];
      const origin = rule?.origins[0];
      return {
        rule_id: number,
        listener: rule?.listener ?? "*",
        rule: rule?.names[0] ?? "",
        at: origin === undefined ? "" : `${origin.file}:${origin.line}`,
        hits,
      };
    });
  }
}
