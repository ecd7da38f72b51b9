// The document of `nft -j list ruleset`: tables, chains, sets and rules, each with its place.
import type { Context } from "../draft/context.ts";
import { entry, itemsOf, needList, needText, numberOf, readDocument, single, textOf, type Doc } from "../draft/document.ts";
import type { Edges, Reading } from "./conditions.ts";
import type { Chain } from "./evaluate.ts";
import { stepsOf, type Rule } from "./rules.ts";
import { namedSetOf, type NamedSet } from "./values.ts";

export interface Base {
  readonly chain: Chain;
  readonly doc: Doc;
  readonly hook: string;
  readonly family: string;
  readonly accepts: boolean;
}

export interface Ruleset {
  readonly chains: ReadonlyMap<string, Chain>;
  readonly bases: readonly Base[];
  readonly edges: Edges;
}

const HELP = "give the whole output of `nft -j list ruleset`, unchanged";

/** Null after a fault. */
export function readRuleset(context: Context): Ruleset | null {
  const doc = readDocument(context);
  if (doc === null) return null;
  const objects = entry(doc, "nftables");
  if (objects?.kind !== "list")
    return context.fault("ING873", { at: doc.at, end: doc.at + 1 }, "this is not what `nft -j list ruleset` prints: there is no list `nftables`", HELP);
  const sets = new Map<string, NamedSet>();
  const rules: Doc[] = [];
  const chains = new Map<string, { readonly doc: Doc; readonly table: string; readonly name: string; readonly rules: Rule[] }>();
  for (const object of objects.items) {
    const form = single(object);
    if (form === null) {
      context.fault("ING874", { at: object.at, end: object.at + 1 }, "this is no object of one key, such as `rule`", HELP);
      continue;
    }
    const { key, value } = form;
    if (key === "rule") rules.push(value);
    if (key !== "chain" && key !== "set" && key !== "map") continue;
    const [table, name] = [tableOf(context, value, key), needText(context, value, "name", `a ${key}`)];
    if (table === null || name === null) continue;
    if (key === "chain") chains.set(`${table} ${name}`, { doc: value, table, name, rules: [] });
    else sets.set(`${table} ${name}`, namedSet(value));
  }
  const edges: Edges = { ports: new Set<number>(), locals: [] };
  const joined: Reading["joined"] = new Map();
  const isUntracked = rules.some((rule) => itemsOf(entry(rule, "expr")).some((statement) => single(statement)?.key === "notrack"));
  for (const rule of rules) {
    const table = tableOf(context, rule, "rule");
    const name = needText(context, rule, "chain", "a rule");
    const expr = needList(context, rule, "expr", "a rule");
    if (table === null || name === null || expr === null) continue;
    const reading: Reading = { scope: { sets, table }, edges, joined, isUntracked };
    const chain = chains.get(`${table} ${name}`);
    if (chain === undefined) context.fault("ING874", { at: rule.at, end: rule.at + 1 }, "this rule is in a chain that is not there", HELP);
    else chain.rules.push({ doc: rule, name: ruleName(rule, name, table), steps: stepsOf(expr, reading) });
  }
  if (context.faults.length > 0) return null;
  const bases = [...chains.entries()].flatMap(([key, { doc: at, ...chain }]) => baseOf({ key, ...chain }, at));
  return { chains: new Map([...chains].map(([key, { table, name, rules: all }]) => [key, { key, table, name, rules: all }])), bases, edges };
}

function tableOf(context: Context, doc: Doc, kind: string): string | null {
  const [family, table] = [needText(context, doc, "family", `a ${kind}`), needText(context, doc, "table", `a ${kind}`)];
  return family === null || table === null ? null : `${family} ${table}`;
}

function ruleName(rule: Doc, chain: string, table: string): string {
  const [handle, comment] = [numberOf(entry(rule, "handle")), textOf(entry(rule, "comment"))];
  return `rule${handle === null ? "" : ` ${handle}`} of the chain ${chain} (${table})${comment === null ? "" : `, "${comment}"`}`;
}

/** Sets that rules or time change. */
function namedSet(doc: Doc): NamedSet {
  const flags = entry(doc, "flags");
  const words = flags?.kind === "list" ? flags.items.map(textOf) : [textOf(flags)];
  return namedSetOf(itemsOf(entry(doc, "elem")), words.includes("dynamic") || words.includes("timeout"));
}

function baseOf(chain: Chain, doc: Doc): readonly Base[] {
  const hook = textOf(entry(doc, "hook"));
  if (hook === null) return [];
  const policy = textOf(entry(doc, "policy"));
  return [{ chain, doc, hook, family: chain.table.split(" ")[0] ?? "", accepts: policy === null || policy === "accept" }];
}
