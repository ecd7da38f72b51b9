// Names: every set of names in one trie. Two names are of one class when the same sets contain them;
// class 0 is that of no name at all. The sets of a place are written as the difference from those
// above, so that the work is that of the sets' own nodes.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { HostNode, HostSet } from "../policy/policy.ts";
import { excessOf, type Excess } from "./meter.ts";
import { PageForest, PageStore } from "./pages.ts";
import type { NameTable } from "./tables.ts";
import { WordList } from "./word_list.ts";

const MEMBER_BITS = 3;

interface Place {
  /** The sets that have a node here, ascending, with that node. */
  readonly own: readonly { readonly set: number; readonly node: HostNode }[];
  /** Collections of sets that contain the names with one label more, and with more than that. */
  readonly one: number;
  readonly deep: number;
}

/** `classesOf[s]`: the classes whose names are in set s, ascending. */
export interface Names extends NameTable {
  readonly classesOf: readonly Uint32Array[];
}

/** Fails when all classes of all sets together are more than `most`. */
export function lowerNames(sets: readonly HostSet[], most: number): Result<Names, Excess> {
  const collections = new Collections(sets.length);
  const parents = new WordList();
  const labels: string[] = [];
  const endOf = new WordList();
  const ends = new PageStore(3);
  const places: Place[] = [];
  const add = (parent: number, label: string, own: Place["own"], self: number, one: number, deep: number): void => {
    places.push({ own, one, deep });
    parents.push(parent);
    labels.push(label);
    endOf.push(ends.intern(Uint32Array.of(collections.classOf(self), collections.classOf(one), collections.classOf(deep))));
  };
  const roots = sets.map(({ root }, set) => ({ set, node: root }));
  const at = (place: Place["own"], part: (node: HostNode) => boolean): readonly number[] => place.flatMap(({ set, node }) => (part(node) ? [set] : []));
  // The root is the empty name, which nobody can send.
  add(
    0,
    "",
    roots,
    0,
    collections.toggled(
      0,
      at(roots, (node) => node.one),
    ),
    collections.toggled(
      0,
      at(roots, (node) => node.deep),
    ),
  );
  // Places are appended while they are walked: parents come before their children.
  for (let number = 0; number < places.length; number++) {
    const place = places[number];
    if (place === undefined) break;
    const children = childrenOf(place);
    for (const label of [...children.keys()].sort()) {
      const own = children.get(label) ?? [];
      const differ = (from: (above: HostNode) => boolean, to: (node: HostNode) => boolean): number[] =>
        own.flatMap(({ set, node, above }) => (from(above) === to(node) ? [] : [set]));
      add(
        number,
        label,
        own,
        collections.toggled(
          place.one,
          differ(
            (above) => above.one,
            (node) => node.self,
          ),
        ),
        collections.toggled(
          place.deep,
          differ(
            (above) => above.deep,
            (node) => node.one,
          ),
        ),
        collections.toggled(
          place.deep,
          differ(
            (above) => above.deep,
            (node) => node.deep,
          ),
        ),
      );
    }
  }
  const { lists: classesOf, over } = collections.classesOf(most);
  if (over)
    return failed(
      excessOf(
        "nameMembers",
        sets,
        classesOf.map(({ length }) => length),
      ),
    );
  return ok({ parents: parents.all(), labels, endOf: endOf.all(), ends: ends.words(), classCount: collections.count, classesOf });
}

/** A node below a place, with the set that has it and the node above it. */
interface Child {
  readonly set: number;
  readonly node: HostNode;
  readonly above: HostNode;
}

/** The nodes right below a place, by label. */
function childrenOf(place: Place): ReadonlyMap<string, readonly Child[]> {
  const children = new Map<string, Child[]>();
  for (const { set, node } of place.own) {
    for (const [label, child] of node.children) {
      const own = { set, node: child, above: node };
      const known = children.get(label);
      if (known === undefined) children.set(label, [own]);
      else known.push(own);
    }
  }
  return children;
}

/** Collections of sets as rows of bits in shared pages; row 0 is the empty one. */
class Collections {
  readonly #setCount: number;
  readonly #forest: PageForest;
  readonly #classes = new Map<number, number>([[0, 0]]);

  constructor(setCount: number) {
    this.#setCount = setCount;
    this.#forest = new PageForest(Math.ceil(setCount / 32), MEMBER_BITS);
    this.#forest.uniform(0);
  }

  get count(): number {
    return this.#classes.size;
  }

  /** A collection with some sets, which rise, put in or taken out. */
  toggled(row: number, sets: readonly number[]): number {
    const indexes: number[] = [];
    const words: number[] = [];
    for (const set of sets) {
      const index = set >>> 5;
      if (indexes.at(-1) !== index) {
        indexes.push(index);
        words.push(this.#forest.word(row, index));
      }
      words[words.length - 1] = ((words.at(-1) ?? 0) ^ (1 << (set & 31))) >>> 0;
    }
    return this.#forest.patch(row, indexes, words, indexes.length);
  }

  classOf(row: number): number {
    const known = this.#classes.get(row);
    if (known !== undefined) return known;
    const number = this.#classes.size;
    this.#classes.set(row, number);
    return number;
  }

  /** For each set the classes that it contains; `over` as soon as they are more than `most`, and then not all of them. */
  classesOf(most: number): { readonly lists: readonly Uint32Array[]; readonly over: boolean } {
    const lists = Array.from({ length: this.#setCount }, () => new WordList());
    let left = most;
    for (const [row, number] of this.#classes) {
      this.#forest.visit(row, (index, bits) => {
        for (let word = bits; word !== 0 && left >= 0; word = (word & (word - 1)) >>> 0, left--) {
          lists[index * 32 + 31 - Math.clz32(word & -word)]?.push(number);
        }
      });
      if (left < 0) break;
    }
    return { lists: lists.map((list) => list.all()), over: left < 0 };
  }
}
