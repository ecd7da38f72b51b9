// Security groups, as AWS and its Terraform resources have them: a group admits what any of its rules does, and nothing else.
import { ANY4, ANY6 } from "../check/sets/builtin_nets.ts";
import { isEmpty, union } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import { intersect, prefixSet } from "./draft/addresses.ts";
import { exposesOfBoxes, type Box } from "./draft/cells.ts";
import type { Context, Stretch } from "./draft/context.ts";
import { numberOf, textOf, type Doc } from "./draft/document.ts";
import type { DraftExpose } from "./draft/draft.ts";

export interface GroupRule {
  readonly at: Stretch;
  /** For a comment. */
  readonly what: string;
  readonly protocol: Doc | null;
  readonly from: Doc | null;
  readonly to: Doc | null;
  readonly v4: readonly Doc[];
  readonly v6: readonly Doc[];
  /** Sources that are named and not written: other groups, prefix lists. */
  readonly others: readonly string[];
}

const NUMBERS: Readonly<Record<string, string>> = { "6": "tcp", "17": "udp", "1": "icmp", "58": "icmpv6" };

/** The exposes of one group; rules that admit the same sources to some ports are one expose. */
export function groupExposes(context: Context, group: string, rules: readonly GroupRule[]): readonly DraftExpose[] {
  return exposesOfBoxes(
    rules.flatMap((rule) => readRule(context, rule)),
    `${group}_`,
  );
}

function readRule(context: Context, { at, what, protocol, from, to, v4, v6, others }: GroupRule): readonly Box[] {
  for (const other of others) context.omit(at, what, `it admits ${other}, and the file does not say which addresses these are`);
  const word = (textOf(protocol) ?? String(numberOf(protocol) ?? "")).toLowerCase();
  const name = NUMBERS[word] ?? word;
  const isAll = name === "-1" || name === "all";
  if (!isAll && name !== "tcp" && name !== "udp") {
    if (name === "") context.fault("ING874", at, `${what} has no protocol`, "give the whole output of the program, unchanged");
    else context.omit(at, what, `it is about ${name}, and ingressd serves tcp and udp`);
    return [];
  }
  if (isAll) context.omit(at, what, "it admits every protocol, and ingressd serves tcp and udp");
  const [first, last] = isAll ? [1, 65_535] : [numberOf(from), numberOf(to)];
  if (first === null || last === null || !Number.isInteger(first) || !Number.isInteger(last) || first < 0 || last > 65_535 || first > last) {
    context.fault("ING874", at, `${what} has no range of ports`, "give the whole output of the program, unchanged");
    return [];
  }
  const sets = [...v4.map((doc) => read(context, doc, ANY4, "IPv4")), ...v6.map((doc) => read(context, doc, ANY6, "IPv6"))].filter((set) => set !== null);
  const sources = union(sets);
  const ports = { first: Math.max(1, first), last };
  return isEmpty(sources) || ports.first > last ?
      []
    : [{ protocols: isAll ? ["tcp", "udp"] : [name === "udp" ? "udp" : "tcp"], ports, local: null, from: sources }];
}

function read(context: Context, doc: Doc, family: AddressSet, name: string): AddressSet | null {
  const set = prefixSet(textOf(doc) ?? "");
  if (set !== null && !isEmpty(intersect(set, family)) && intersect(set, family).bounds.length === set.bounds.length) return set;
  return context.fault("ING874", doc, `this is no prefix of ${name}`, "a prefix is such as `198.51.100.0/24`");
}

/** Two groups are two hosts or more, and a policy is for one: their exposes would share ports. */
export function oneGroup<T extends { readonly name: string; readonly at: Stretch }>(context: Context, groups: readonly T[], help: string): T | null {
  const [group, other] = groups;
  if (group === undefined) return context.fault("ING875", { at: 0, end: 0 }, "it has no security group, so nothing of it says who may connect", help);
  for (const one of other === undefined ? [] : groups.slice(1))
    context.omit(one.at, `the security group ${one.name}`, `a policy is for one host; this one is of ${group.name}, and ${help}`);
  return group;
}
