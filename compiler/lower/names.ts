// Names: every set of names in one trie, and each place in it with the sets that hold it. Two
// names are of one class when the same sets hold them; class 0 is that of no name at all.
import type { HostNode, HostSet } from "../check/policy.ts";
import type { NameNode, NameTable } from "./tables.ts";

interface Place {
  readonly parent: number;
  readonly label: string;
  /** In each set: the node there, or what the nearest one above says of all below it. */
  readonly nodes: readonly HostNode[];
}

/** `classesOf[s]`: the classes whose names are in set s, ascending. */
export interface Names extends NameTable {
  readonly classesOf: readonly (readonly number[])[];
}

export function lowerNames(sets: readonly HostSet[]): Names {
  const classes = new Map<string, number>([["", 0]]);
  const classesOf: number[][] = sets.map(() => []);
  const classOf = (holds: (node: HostNode) => boolean, place: Place): number => {
    const members = place.nodes.flatMap((node, set) => (holds(node) ? [set] : []));
    const key = members.join();
    const known = classes.get(key);
    if (known !== undefined) return known;
    const number = classes.size;
    classes.set(key, number);
    for (const set of members) classesOf[set]?.push(number);
    return number;
  };
  const places: Place[] = [{ parent: 0, label: "", nodes: sets.map((set) => set.root) }];
  const nodes: NameNode[] = [];
  // Places are appended while they are walked: parents stand before their children.
  for (let number = 0; number < places.length; number++) {
    const place = places[number];
    if (place === undefined) break;
    const { parent, label, nodes: own } = place;
    nodes.push({
      parent, label,
      // The root is the empty name, which nobody can send.
      self: number === 0 ? 0 : classOf((node) => node.self, place),
      one: classOf((node) => node.one, place),
      deep: classOf((node) => node.deep, place),
    });
    const labels = [...new Set(own.flatMap((node) => [...node.children.keys()]))].sort();
    for (const child of labels) {
      places.push({ parent: number, label: child, nodes: own.map((node) => node.children.get(child) ?? below(node)) });
    }
  }
  return { nodes, classCount: classes.size, classesOf };
}

/** What a node says of the names that end at, and stand below, a label it has no child for. */
function below({ one, deep }: HostNode): HostNode {
  return { self: one, one: deep, deep, children: new Map() };
}
