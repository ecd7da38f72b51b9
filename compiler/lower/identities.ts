// Identities: every set of them in one trie of parts from the left. Patterns with an open part may
// match one word in several ways, so a node is the set of all that have come so far, as in a
// deterministic automaton; two words are of one class when the same sets contain them. Class 0 is that
// of a word in no set.
import { failed, ok, type Result } from "../../runtime/result/result.ts";
import type { IdPattern, IdSet } from "../policy/policy.ts";
import { excessOf, type Excess } from "./meter.ts";
import type { IdentityTable } from "./tables.ts";
import { WordList } from "./word_list.ts";

/** `classesOf[s]`: the classes whose words are in set s, ascending. */
export interface Identities extends IdentityTable {
  readonly classesOf: readonly Uint32Array[];
}

/** How far a pattern has come: its parts before `at` are matched. */
interface Progress {
  readonly pattern: number;
  readonly at: number;
}

interface Node {
  readonly progress: readonly Progress[];
  /** Patterns that match whatever follows, ascending. */
  readonly matched: readonly number[];
}

/** Fails when the nodes are more than `mostNodes`, or to make them is more than `mostWork` steps. */
export function lowerIdentities(sets: readonly IdSet[], mostNodes: number, mostWork: number): Result<Identities, Excess> {
  const patterns = new Patterns(sets);
  const classes = new Classes(sets, patterns);
  const parents = new WordList();
  const parts: IdentityTable["parts"][number][] = [];
  const endOf = new WordList();
  const ends = new Map<string, number>();
  const endWords = new WordList();
  const nodes: Node[] = [];
  const sizes = new Float64Array(sets.length);
  let work = 0;

  const add = (parent: number, text: string, open: boolean, node: Node): void => {
    nodes.push(node);
    parents.push(parent);
    parts.push({ text, open });
    for (const { pattern } of node.progress) {
      const members = patterns.membersOf(pattern);
      work += 1 + members.length;
      for (const { set } of members) sizes[set] = (sizes[set] ?? 0) + 1;
    }
  };
  add(0, "", false, { progress: patterns.all.map((_, pattern) => ({ pattern, at: 0 })), matched: [] });
  // Nodes are appended while they are walked: parents come before their children.
  for (let number = 0; number < nodes.length; number++) {
    const node = nodes[number];
    if (node === undefined) break;
    if (nodes.length > mostNodes) return failed(excessOf("identityNodes", sets, sizes));
    if (work + classes.work > mostWork) break;
    const { ended, deep, whole, begun } = patterns.sorted(node);
    const self = classes.of([...node.matched, ...ended]);
    const beyond = [...node.matched, ...deep];
    const words = [self, classes.of(beyond), begun.size > 0 ? 1 : 0];
    const key = words.join();
    if (!ends.has(key)) {
      ends.set(key, ends.size);
      for (const word of words) endWords.push(word);
    }
    endOf.push(ends.get(key) ?? 0);
    const opened = [...begun.keys()].sort();
    // Each part that continues from here is compared with each beginning.
    work += (whole.size + opened.length) * opened.length;
    const through = (part: string): readonly Progress[] =>
      opened.flatMap((text) => (part.startsWith(text) && part.length > text.length ? (begun.get(text) ?? []) : []));
    for (const text of [...whole.keys()].sort()) {
      add(number, text, false, { progress: [...(whole.get(text) ?? []), ...through(text)], matched: beyond });
    }
    for (const text of opened) add(number, text, true, { progress: [...(begun.get(text) ?? []), ...through(text)], matched: beyond });
  }
  if (work + classes.work > mostWork) return failed(excessOf("identityWork", sets, sizes));
  return ok({
    parents: parents.all(),
    parts,
    endOf: endOf.all(),
    ends: endWords.all(),
    classCount: classes.count,
    classesOf: classes.lists(),
    work: work + classes.work,
  });
}

/** The patterns of all sets, each once. */
class Patterns {
  readonly all: IdPattern[] = [];
  readonly #numbers = new Map<string, number>();
  readonly #known = new Map<IdPattern, number>();
  readonly #members: Member[][] = [];

  constructor(sets: readonly IdSet[]) {
    sets.forEach(({ members }, set) => {
      members.forEach(({ pattern, included }, place) => {
        this.#members[this.#number(pattern)]?.push({ set, place, included });
      });
    });
  }

  #number(pattern: IdPattern): number {
    const seen = this.#known.get(pattern);
    if (seen !== undefined) return seen;
    const key = JSON.stringify(pattern);
    const number = this.#numbers.get(key) ?? this.all.push(pattern) - 1;
    this.#known.set(pattern, number);
    this.#numbers.set(key, number);
    if (this.#members.length < this.all.length) this.#members.push([]);
    return number;
  }

  /** The sets that say something of a pattern. */
  membersOf(pattern: number): readonly Member[] {
    return this.#members[pattern] ?? [];
  }

  /** A node's patterns by their progress: those that end there, those that match whatever follows, and those that continue with each part. */
  sorted({ progress }: Node): {
    readonly ended: readonly number[];
    readonly deep: readonly number[];
    readonly whole: ReadonlyMap<string, readonly Progress[]>;
    readonly begun: ReadonlyMap<string, readonly Progress[]>;
  } {
    const [ended, deep]: [number[], number[]] = [[], []];
    const [whole, begun] = [new Map<string, Progress[]>(), new Map<string, Progress[]>()];
    for (const { pattern, at } of progress) {
      const next = this.all[pattern]?.parts[at];
      if (next === undefined) {
        (this.all[pattern]?.deep === true ? deep : ended).push(pattern);
        continue;
      }
      const edges = next.open ? begun : whole;
      const on = { pattern, at: at + 1 };
      const known = edges.get(next.text);
      if (known === undefined) edges.set(next.text, [on]);
      else known.push(on);
    }
    return { ended, deep, whole, begun };
  }
}

interface Member {
  readonly set: number;
  /** Among the set's members: of those that match, the last decides. */
  readonly place: number;
  readonly included: boolean;
}

/** Collections of sets, by the patterns that match. */
class Classes {
  readonly #sets: readonly IdSet[];
  readonly #patterns: Patterns;
  readonly #numbers = new Map<string, number>([["", 0]]);
  readonly #collections: (readonly number[])[] = [[]];
  /** Members that were looked at. */
  work = 0;

  constructor(sets: readonly IdSet[], patterns: Patterns) {
    this.#sets = sets;
    this.#patterns = patterns;
  }

  get count(): number {
    return this.#collections.length;
  }

  /** The class of a word that these patterns match. */
  of(matching: readonly number[]): number {
    const last = new Map<number, Member>();
    for (const pattern of matching) {
      const members = this.#patterns.membersOf(pattern);
      this.work += 1 + members.length;
      for (const member of members) if (member.place >= (last.get(member.set)?.place ?? 0)) last.set(member.set, member);
    }
    const sets = [...last.values()].flatMap(({ set, included }) => (included ? [set] : [])).sort((x, y) => x - y);
    const key = sets.join();
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#collections.push(sets) - 1;
    this.#numbers.set(key, number);
    return number;
  }

  lists(): readonly Uint32Array[] {
    const lists = this.#sets.map(() => new WordList());
    this.#collections.forEach((sets, number) => {
      for (const set of sets) lists[set]?.push(number);
    });
    return lists.map((list) => list.all());
  }
}
