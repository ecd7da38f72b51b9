// Exposes that share ports: which they are, that no pattern leads to two of them, and where each name leads.
import { groupsOf, MAX_GROUP_MEMBERS, MAX_GROUPS } from "../../../runtime/abi/groups.ts";
import { MAX_SET_HOSTS } from "../../source/bounds.ts";
import type { AddressSet, CheckedGroup, Mode } from "../../policy/policy.ts";
import type { CheckContext } from "./context.ts";
import type { PartialExpose } from "./partial_expose.ts";
import { leadSets } from "../sets/lead_sets.ts";
import { leadsOf } from "../sets/leads.ts";

/** Whether the gateway reads the client's server name there. */
export function readsNames({ proto, mode }: { readonly proto: "tcp" | "udp" | null; readonly mode: Mode | null }): boolean {
  return proto === "tcp" && (mode === "passthrough" || mode === "tls" || mode === "mtls");
}

/** By name, tcp before udp: the order of listeners. */
export function inOrderOfNames(exposes: readonly PartialExpose[]): readonly PartialExpose[] {
  return [...exposes].sort((a, b) => {
    const [x, y] = [a.node.name.text, b.node.name.text];
    if (x === y) return (a.proto ?? "") < (b.proto ?? "") ? -1 : 1;
    return x < y ? -1 : 1;
  });
}

/** The groups of exposes, whose members are indexes of `exposes`. Exposes of which something is unknown are in none. */
export function checkSharedPorts(context: CheckContext, exposes: readonly PartialExpose[]): readonly CheckedGroup[] {
  const bindKey = bindKeys();
  const groups = groupsOf(
    exposes.map((expose) => {
      const { proto, ports, bind, names, node } = expose;
      const known = readsNames(expose) && bind !== undefined && names !== undefined && !node.broken;
      return {
        proto: proto ?? "udp",
        ports: known ? (ports ?? []) : [],
        bind: bind === undefined || bind === null ? null : bindKey(bind),
        named: names !== null,
      };
    }),
  );
  if (groups === null) {
    const first = exposes.find(({ node }) => node.hosts !== null) ?? exposes[0];
    if (first !== undefined) context.report.say("ING612", { groups: MAX_GROUPS, members: MAX_GROUP_MEMBERS }, first.node.name.span);
    return [];
  }
  const said = new Set<string>();
  for (const { members } of groups) sayTwice(context, exposes, members, said);
  if (said.size > 0) return [];
  return groups.flatMap(({ members, ports }) => {
    const nameless = members.find((i) => exposes[i]?.names === null) ?? -1;
    const leads = leadsOf(
      members.flatMap((i) => [{ expose: i, patterns: exposes[i]?.names ?? [] }]),
      nameless,
      MAX_SET_HOSTS,
    );
    if (leads !== null) return [{ members, ports, leads, nameless, sets: leadSets(leads, nameless) }];
    const [first] = members;
    const node = first === undefined ? undefined : exposes[first]?.node;
    if (node !== undefined) context.report.say("ING610", { bound: "host_work" }, node.hosts?.span ?? node.name.span);
    return [];
  });
}

/** Reports each pattern that two exposes of a port have, once. */
function sayTwice({ report }: CheckContext, exposes: readonly PartialExpose[], members: readonly number[], said: Set<string>): void {
  const first = new Map<string, number>();
  for (const i of members) {
    for (const { text, span } of exposes[i]?.names ?? []) {
      const other = first.get(text);
      if (other === undefined) {
        first.set(text, i);
        continue;
      }
      if (said.has(`${i} ${text}`)) continue;
      said.add(`${i} ${text}`);
      const there = exposes[other];
      const before = there?.names?.find((pattern) => pattern.text === text);
      if (there !== undefined && before !== undefined) {
        report.say("ING429", { pattern: text, expose: there.node.name.text }, span, { related: [before.span] });
      }
    }
  }
}

/** Equal texts for equal sets. */
export function bindKeys(): (bind: AddressSet) => string {
  const known = new WeakMap<AddressSet, string>();
  return (bind) => {
    const key = known.get(bind) ?? bind.bounds.join();
    known.set(bind, key);
    return key;
  };
}
