// The parts of a ruleset that are not in the policy: rules that accept by something that a policy does not know, rules that drop by it (so that
// whatever they may match is refused), chains for outgoing packets.
import type { Context } from "../draft/context.ts";
import type { Chain } from "./evaluate.ts";
import type { Rule, Step } from "./rules.ts";
import type { Base, Ruleset } from "./ruleset.ts";

export function noteLeftOut(context: Context, { chains, bases }: Ruleset, incoming: readonly Base[]): void {
  for (const chain of reached(chains, incoming)) for (const rule of chain.rules) for (const step of rule.steps) noteStep(context, rule, step);
  for (const { doc, hook, chain, accepts } of bases) {
    if (incoming.some((base) => base.chain.key === chain.key)) continue;
    if (hook === "output" && (!accepts || chain.rules.length > 0))
      context.omit(doc, `the chain ${chain.name} (${chain.table})`, "it is about outgoing packets, and a policy decides about incoming ones");
  }
}

function noteStep(context: Context, { doc, name }: Rule, { conditions, verdict }: Step): void {
  if (verdict.kind === "continue") return;
  const never = conditions.find((condition) => condition.never !== null)?.never ?? null;
  if (never === "silent") return;
  if (never !== null) {
    if (verdict.kind === "accept") context.omit(doc, name, `${never}, and ingressd serves tcp and udp`);
    return;
  }
  if (verdict.kind === "closing") {
    context.omit(doc, name, `${verdict.why}, so what it matches is refused here`);
    return;
  }
  const unknown = conditions.flatMap((condition) => (condition.unknown === null ? [] : [condition.unknown]));
  if (unknown.length === 0) return;
  const why = `it depends on ${[...new Set(unknown)].join(" and ")}, which a policy does not know`;
  context.omit(doc, name, verdict.kind === "drop" ? `${why}, so whatever it may drop is refused here` : `${why}, so it admits nobody here`);
}

/** The chains that incoming packets can come to, each once. */
function reached(chains: ReadonlyMap<string, Chain>, incoming: readonly Base[]): ReadonlySet<Chain> {
  const found = new Set<Chain>();
  const open = incoming.map(({ chain }) => chain);
  for (let chain = open.pop(); chain !== undefined; chain = open.pop()) {
    const known = chains.get(chain.key) ?? chain;
    if (found.has(known)) continue;
    found.add(known);
    for (const { steps } of known.rules)
      for (const { verdict } of steps) {
        if (verdict.kind !== "jump" && verdict.kind !== "goto") continue;
        const target = chains.get(`${known.table} ${verdict.chain}`);
        if (target !== undefined) open.push(target);
      }
  }
  return found;
}
