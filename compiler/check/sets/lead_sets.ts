// For each expose of a port the set of the names that lead to it.
import type { HostNode, HostSet, LeadNode } from "../../policy/policy.ts";
import { canonicalNode, hostSet } from "./host_trie.ts";

/** Of the member without `for` no set is needed: it gets every other name. */
export function leadSets(leads: LeadNode, nameless: number): readonly { readonly expose: number; readonly set: HostSet }[] {
  const sets = [...masksOf(leads)].filter(([expose]) => expose !== nameless && expose >= 0).map(([expose, root]) => ({ expose, set: hostSet(root) }));
  return sets.sort((x, y) => x.expose - y.expose);
}

/** For each expose the names that lead to it. A node is only in the masks that it changes. */
function masksOf(node: LeadNode): ReadonlyMap<number, HostNode> {
  const below = new Map<number, Map<string, HostNode>>();
  for (const [label, child] of node.children) {
    const masks = masksOf(child);
    for (const expose of new Set([...masks.keys(), node.one, node.deep])) {
      const children = below.get(expose) ?? new Map<string, HostNode>();
      below.set(expose, children);
      children.set(label, masks.get(expose) ?? { self: false, one: false, deep: false, children: new Map() });
    }
  }
  const out = new Map<number, HostNode>();
  for (const expose of new Set([node.self, node.one, node.deep, ...below.keys()])) {
    const mask = canonicalNode({
      self: node.self === expose,
      one: node.one === expose,
      deep: node.deep === expose,
      children: below.get(expose) ?? new Map<string, HostNode>(),
    });
    out.set(expose, mask);
  }
  return out;
}
