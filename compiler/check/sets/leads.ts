// Where the names of a port lead: the patterns of its exposes are painted over one another in a trie of labels, the least
// specific first, each with the number of its expose and without what it excepts. The colour of a name is then that of
// the most specific pattern that has it.
import type { HostNode, LeadNode, NamePattern } from "../../policy/policy.ts";
import { nodeBelow } from "./host_trie.ts";

interface Growing {
  self: number;
  one: number;
  deep: number;
  readonly children: Map<string, Growing>;
}

const KINDS = { deep: 0, one: 1, none: 2 } as const;

/** `nameless`: where a name leads that no pattern has, or -1. Null where it takes more than `most` steps. */
export function leadsOf(
  exposes: readonly { readonly expose: number; readonly patterns: readonly NamePattern[] }[],
  nameless: number,
  most: number,
): LeadNode | null {
  const root = growing(nameless, nameless, nameless);
  const all = exposes.flatMap(({ expose, patterns }) => patterns.map((pattern) => ({ expose, pattern })));
  // The name itself, then the longest suffix, `*.s` before `**.s`.
  all.sort((x, y) => x.pattern.labels.length - y.pattern.labels.length || KINDS[x.pattern.wild] - KINDS[y.pattern.wild]);
  const painter = { left: most };
  for (const { expose, pattern } of all) {
    let node = root;
    for (const label of pattern.labels) node = childOf(node, label);
    painter.left -= pattern.labels.length;
    if (pattern.wild === "none") node.self = expose;
    else paintBelow(node, pattern.except ?? NOTHING, expose, pattern.wild === "deep", painter);
    if (painter.left < 0) return null;
  }
  return root;
}

const NOTHING: HostNode = { self: false, one: false, deep: false, children: new Map() };

function growing(self: number, one: number, deep: number): Growing {
  return { self, one, deep, children: new Map() };
}

function childOf(node: Growing, label: string): Growing {
  let child = node.children.get(label);
  if (child === undefined) node.children.set(label, (child = growing(node.one, node.deep, node.deep)));
  return child;
}

/** The names below a node, but for those that `except` has. */
function paintBelow(node: Growing, except: HostNode, colour: number, isDeep: boolean, painter: { left: number }): void {
  // Names that are taken out keep the colour that they have now.
  for (const label of except.children.keys()) childOf(node, label);
  painter.left -= node.children.size;
  if (painter.left < 0) return;
  for (const [label, child] of node.children) {
    const out = nodeBelow(except, [label]);
    if (!out.self) child.self = colour;
    if (isDeep) paintBelow(child, out, colour, true, painter);
  }
  if (!except.one) node.one = colour;
  if (isDeep && !except.deep) node.deep = colour;
}

/** Where a canonical name leads; null: the client sends none. */
export function leadOf({ leads, nameless }: { readonly leads: LeadNode; readonly nameless: number }, name: string | null): number {
  if (name === null) return nameless;
  const labels = name.split(".").reverse();
  let node = leads;
  for (const [i, label] of labels.entries()) {
    const child = node.children.get(label);
    if (child === undefined) return labels.length - i === 1 ? node.one : node.deep;
    node = child;
  }
  return node.self;
}
