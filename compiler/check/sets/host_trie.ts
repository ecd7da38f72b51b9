// The algebra of sets of host names, on tries of labels from the right. The meaning of a node and
// the canonical form are defined in policy.ts: a name is decided by the deepest node on its way, and a
// child that says what its parent says of it is left out. Everything here is pure; results share
// what they can, and nothing is changed once it is made.
import type { HostNode, HostSet } from "../../policy/policy.ts";

type Children = ReadonlyMap<string, HostNode>;

const NO_CHILDREN: Children = new Map();

function leaf(self: boolean, one: boolean, deep: boolean): HostNode {
  return { self, one, deep, children: NO_CHILDREN };
}

const NOTHING = leaf(false, false, false);
export const NO_HOSTS = NOTHING;

/** The node that a parent implies for a child that it does not name. */
function implied(parent: HostNode): HostNode {
  return leaf(parent.one, parent.deep, parent.deep);
}

/** `labels` from the right; `wild`: the names one label below, or all below, instead of the name. */
export function hostPattern(labels: readonly string[], wild: "none" | "one" | "deep"): HostNode {
  let node = leaf(wild === "none", wild !== "none", wild === "deep");
  for (let i = labels.length - 1; i >= 0; i--) node = { ...NOTHING, children: new Map([[labels[i] ?? "", node]]) };
  return node;
}

interface Growing {
  self: boolean;
  one: boolean;
  deep: boolean;
  children: Map<string, Growing> | null;
}

/** Collects patterns in any order; `done` makes the set of them, the union of `hostPattern` of each. */
export class HostSetBuilder {
  readonly #root: Growing = growing();

  /** As `hostPattern` takes it. */
  add(labels: readonly string[], wild: "none" | "one" | "deep"): void {
    let node = this.#root;
    for (const label of labels) {
      const children = (node.children ??= new Map<string, Growing>());
      let child = children.get(label);
      if (child === undefined) children.set(label, (child = growing()));
      node = child;
    }
    if (wild === "none") node.self = true;
    else node.one = true;
    if (wild === "deep") node.deep = true;
  }

  done(): HostNode {
    return settled(this.#root, NOTHING);
  }
}

function growing(): Growing {
  return { self: false, one: false, deep: false, children: null };
}

/** `said`: what the patterns above a node say of it. */
function settled(node: Growing, said: HostNode): HostNode {
  const parent = leaf(node.self || said.self, node.one || said.one, node.deep || said.deep);
  if (node.children === null) return parent;
  const children = new Map<string, HostNode>();
  const inside = implied(parent);
  for (const [label, child] of node.children) {
    const value = settled(child, inside);
    if (!isImplied(parent, value)) children.set(label, value);
  }
  return children.size === 0 ? parent : { ...parent, children };
}

export function isEmptyHosts(node: HostNode): boolean {
  // An empty node in canonical form has no children, because each would say what is implied.
  return !node.self && !node.one && !node.deep && node.children.size === 0;
}

export function nodeCount(node: HostNode): number {
  let n = 1;
  for (const child of node.children.values()) n += nodeCount(child);
  return n;
}

/** The union of many sets in one walk, so that a list of 100,000 names costs what its labels cost. */
export function unionHosts(nodes: readonly HostNode[]): HostNode {
  const [first] = nodes;
  if (first === undefined) return NOTHING;
  if (nodes.length === 1) return first;
  const self = nodes.some((n) => n.self);
  const one = nodes.some((n) => n.one);
  const deep = nodes.some((n) => n.deep);
  let ones = 0;
  let deeps = 0;
  const named = new Map<string, { readonly nodes: HostNode[]; ones: number; deeps: number }>();
  for (const node of nodes) {
    if (node.one) ones++;
    if (node.deep) deeps++;
    for (const [label, child] of node.children) {
      let row = named.get(label);
      if (row === undefined) named.set(label, (row = { nodes: [], ones: 0, deeps: 0 }));
      row.nodes.push(child);
      if (node.one) row.ones++;
      if (node.deep) row.deeps++;
    }
  }
  const parent = leaf(self, one, deep);
  const children = new Map<string, HostNode>();
  for (const [label, row] of named) {
    // The union of what the nodes that don't name this child imply of it.
    const rest = leaf(ones > row.ones, deeps > row.deeps, deeps > row.deeps);
    const child = unionHosts(isEmptyHosts(rest) ? row.nodes : [...row.nodes, rest]);
    if (!isImplied(parent, child)) children.set(label, child);
  }
  return { self, one, deep, children };
}

export function subtractHosts(a: HostNode, b: HostNode): HostNode {
  if (isEmptyHosts(a) || isEmptyHosts(b)) return a;
  const parent = leaf(a.self && !b.self, a.one && !b.one, a.deep && !b.deep);
  const children = new Map<string, HostNode>();
  for (const label of new Set([...a.children.keys(), ...b.children.keys()])) {
    const child = subtractHosts(a.children.get(label) ?? implied(a), b.children.get(label) ?? implied(b));
    if (!isImplied(parent, child)) children.set(label, child);
  }
  return { ...parent, children };
}

export function intersectHosts(a: HostNode, b: HostNode): HostNode {
  return subtractHosts(a, subtractHosts(a, b));
}

/** The part of a set below some labels from the right: the node there, or what the nodes above imply of it. */
export function nodeBelow(root: HostNode, labels: readonly string[]): HostNode {
  let node = root;
  for (const label of labels) node = node.children.get(label) ?? implied(node);
  return node;
}

/** A node with these children, without those that it implies. */
export function canonicalNode({ self, one, deep, children }: HostNode): HostNode {
  const parent = leaf(self, one, deep);
  const kept = new Map([...children].filter(([, child]) => !isImplied(parent, child)));
  return kept.size === 0 ? parent : { ...parent, children: kept };
}

function isImplied(parent: HostNode, child: HostNode): boolean {
  return child.self === parent.one && child.one === parent.deep && child.deep === parent.deep && child.children.size === 0;
}

/** Whether a canonical name is in a set. */
export function hasHost(root: HostNode, name: string): boolean {
  const labels = name.split(".").reverse();
  let node = root;
  for (const [i, label] of labels.entries()) {
    const child = node.children.get(label);
    if (child === undefined) return labels.length - i === 1 ? node.one : node.deep;
    node = child;
  }
  return node.self;
}

const sets = new WeakMap<HostNode, HostSet>();

/** A set with its words; made once for each trie. */
export function hostSet(root: HostNode): HostSet {
  let set = sets.get(root);
  if (set === undefined) {
    const words: string[] = [];
    collect(root, "", NOTHING, words);
    sets.set(root, (set = { root, words: words.sort() }));
  }
  return set;
}

/** Says where a node differs from what its parent implies; a wider word first, so that a narrower one corrects it. */
function collect(node: HostNode, name: string, said: HostNode, words: string[]): void {
  const below = name === "" ? "" : `.${name}`;
  const word = (text: string, included: boolean): void => {
    words.push(included ? text : `!${text}`);
  };
  if (node.self !== said.self) word(name, node.self);
  if (node.deep !== said.deep) word(`**${below}`, node.deep);
  if (node.one !== (node.deep === said.deep ? said.one : node.deep)) word(`*${below}`, node.one);
  const inside = implied(node);
  for (const [label, child] of node.children) collect(child, `${label}${below}`, inside, words);
}
