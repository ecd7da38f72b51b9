// The texts of a hover over a set, an expose or a rule, from the policy as it compiles: sizes, who can reach, and what a rule alone
// admits or refuses. The analysis has a tenth of its usual budget of nodes; past it the text says so.
import { MOST_NODES } from "../../analysis/budget.ts";
import { NEVER, type Diagram } from "../../analysis/diagrams.ts";
import { modelOf, type PolicyModel } from "../../analysis/model.ts";
import { Permitted, withinBudget } from "../../analysis/permitted.ts";
import type { RuleAt } from "../../analysis/redundant.ts";
import { Space } from "../../analysis/space.ts";
import { hostSet } from "../../check/sets/host_trie.ts";
import { orderRules } from "../../lower/order.ts";
import { writtenRules, type WrittenRule } from "../../lint/rule_texts.ts";
import type { CheckedPolicy, NamedSet } from "../../policy/policy.ts";
import { rowSentence, rowsText } from "../../wording/row_text.ts";
import { namedNets } from "../../wording/named_nets.ts";
import { sizeText, sourcesText, listText } from "../../wording/sources_text.ts";
import type { NamedNet } from "../../wording/largest_parts.ts";
import { answers, sentence } from "../commands/who.ts";
import { count } from "../outcome.ts";
import type { Subject } from "./messages.ts";
import { belowRoot } from "./uris.ts";

export const HOVER_NODES = MOST_NODES / 10;
const MOST_RANGES = 8;
const MOST_LISTENERS = 4;
const MOST_WORDS = 6;

/** Null where the policy has no such thing. */
export function describe(subject: Subject, policy: CheckedPolicy, module: Uint8Array, root: string, nodes = HOVER_NODES): readonly string[] | null {
  switch (subject.kind) {
    case "set": {
      const path = belowRoot(root, subject.path) ?? subject.path;
      const set = policy.sets.find(({ kind, name, span }) => kind === subject.set && name === subject.name && span.file.path === path);
      return set === undefined ? null : setLines(set, namedNets(policy));
    }
    case "expose": {
      const model = modelOf(module);
      if (!model.ok) return null;
      const found = withinBudget(() => answers({ model: model.value, nets: namedNets(policy) }, subject, nodes, false, MOST_RANGES));
      if (!found.ok) return [notProven(nodes)];
      return found.value.length === 0 ? null : found.value.flatMap((answer) => `\`${answer.listener}\` (${answer.place}) ${sentence(answer)}`.split("\n"));
    }
    case "rule":
      return ruleLines(belowRoot(root, subject.path) ?? subject.path, subject.offset, policy, module, nodes);
  }
}

function notProven(nodes: number): string {
  return `not computed: it needs more than ${count(nodes, "node")} of the analysis (\`ingressc who\` takes more with \`--nodes\`)`;
}

function setLines(named: NamedSet, nets: readonly NamedNet[]): readonly string[] {
  switch (named.kind) {
    case "net": {
      const others = nets.filter(({ name }) => name !== named.name);
      const { parts, more } = sourcesText(named.set, others, MOST_RANGES);
      return [sizeText(named.set) === "" ? "no addresses" : sizeText(named.set), listText(parts, more)];
    }
    case "ports": {
      const ports = named.set.reduce((n, { first, last }) => n + last - first + 1, 0);
      return [count(ports, "port")];
    }
    case "hosts":
      return wordLines("name or pattern", "names and patterns", hostSet(named.set).words);
    case "ids":
      return wordLines("pattern of identities", "patterns of identities", named.set.words);
  }
}

function wordLines(one: string, several: string, words: readonly string[]): readonly string[] {
  const shown = words.slice(0, MOST_WORDS).map((word) => `\`${word}\``);
  return [`${words.length} ${words.length === 1 ? one : several}`, listText(shown, words.length - shown.length)];
}

function ruleLines(path: string, offset: number, policy: CheckedPolicy, module: Uint8Array, nodes: number): readonly string[] | null {
  const rule = writtenRules(policy.exposes, orderRules(policy)).find(({ span }) => span.file.path === path && span.start <= offset && offset <= span.end);
  const model = modelOf(module);
  if (rule === undefined || !model.ok) return null;
  if (rule.dryrun) return ["`dryrun`: it is never enforced"];
  const verb = rule.action === "allow" ? "admits" : "refuses";
  const found = withinBudget(() => aloneLines(model.value, without(model.value, rule), rule, namedNets(policy), nodes));
  if (!found.ok) return [notProven(nodes)];
  return found.value.length === 0 ? [`alone it ${verb} nobody: without it the policy decides every request alike`] : [`alone it ${verb}`, ...found.value];
}

/** The requests that are decided otherwise without the rule, by listener. */
function aloneLines(model: PolicyModel, less: PolicyModel, rule: WrittenRule, nets: readonly NamedNet[], nodes: number): readonly string[] {
  const space = new Space([model], nodes);
  const [before, after] = [new Permitted(space, model), new Permitted(space, less)];
  const lines: string[] = [];
  let more = 0;
  model.listeners.forEach((listener, i) => {
    const { diagrams } = space;
    const [whole, rest] = [before.listener(i), after.listener(i)];
    const alone: Diagram = rule.action === "allow" ? diagrams.minus(whole, rest) : diagrams.minus(rest, whole);
    if (alone === NEVER) return;
    if (lines.length >= MOST_LISTENERS) {
      more++;
      return;
    }
    const { rows, more: others } = rowsText(space, alone, nets, MOST_RANGES, listener.mode === "mtls");
    const texts = [...rows.map(rowSentence), ...(others > 0 ? [`and ${count(others, "more combination")}`] : [])];
    lines.push(`to \`${listener.name}\` ${texts.join("; ")}`);
  });
  return more > 0 ? [...lines, `and to ${count(more, "more expose")}`] : lines;
}

function without(model: PolicyModel, { action, rules }: WrittenRule): PolicyModel {
  const isGone = (at: number | null, index: number): boolean => rules.some((rule: RuleAt) => rule.listener === at && rule.index === index);
  const kept = <T>(list: readonly T[], at: number | null, isAction: boolean): readonly T[] => (isAction ? list.filter((_, index) => !isGone(at, index)) : list);
  return {
    ...model,
    listeners: model.listeners.map((listener, i) => ({
      ...listener,
      allows: kept(listener.allows, i, action === "allow"),
      denies: kept(listener.denies, i, action === "deny"),
    })),
    denies: kept(model.denies, null, action === "deny"),
  };
}
