// Patterns of identities in a trie of their segments from the left, each with what a set says of it:
// finds those that include all of another pattern, and those that have an identity in common with it.
import { MAX_SET_IDS } from "../../source/bounds.ts";
import type { ReadId } from "./id_patterns.ts";

/** Whether a set includes the identities of one pattern. */
export interface IdEntry {
  readonly pattern: ReadId;
  /** The pattern as one word; equal words are equal patterns. */
  readonly word: string;
  readonly included: boolean;
}

/** Steps that the operations on sets of identities have left; below zero they end. */
export interface IdWork {
  left: number;
}

export const allIdWork = (): IdWork => ({ left: MAX_SET_IDS });

/** Characters that are compared in one step. */
const STEP_CHARACTERS = 32;

interface Node {
  /** The pattern that ends here. */
  end: IdEntry | null;
  /** The pattern that continues from here by one segment or more. */
  deep: IdEntry | null;
  whole: Map<string, Node> | null;
  /** Segments of which this is the beginning. */
  begun: Map<string, Node> | null;
  /** Of the beginnings, rising. */
  lengths: number[];
}

const node = (): Node => ({ end: null, deep: null, whole: null, begun: null, lengths: [] });

export class IdIndex {
  readonly #roots = new Map<string, Node>();
  readonly #work: IdWork;

  constructor(entries: readonly IdEntry[], work: IdWork) {
    this.#work = work;
    for (const entry of entries) this.add(entry);
  }

  add(entry: IdEntry): void {
    const { pattern } = entry;
    const key = rootOf(pattern);
    const root = this.#roots.get(key) ?? node();
    this.#roots.set(key, root);
    let at: Node = root;
    for (const { text, open } of pattern.segments) {
      this.#spend(text);
      const edges = open ? (at.begun ??= new Map<string, Node>()) : (at.whole ??= new Map<string, Node>());
      let next = edges.get(text);
      if (next === undefined) {
        edges.set(text, (next = node()));
        if (open && !at.lengths.includes(text.length)) at.lengths = [...at.lengths, text.length].sort((x, y) => x - y);
      }
      at = next;
    }
    if (pattern.deep) at.deep = entry;
    else at.end = entry;
  }

  /** Every entry whose pattern includes all of `pattern`, also that pattern. */
  covering(pattern: ReadId): readonly IdEntry[] {
    const found: IdEntry[] = [];
    const { segments, deep } = pattern;
    const walk = (at: Node, depth: number): void => {
      if (this.#work.left < 0) return;
      const segment = segments[depth];
      if (at.deep !== null && (segment !== undefined || deep)) found.push(at.deep);
      if (segment === undefined) {
        if (at.end !== null && !deep) found.push(at.end);
        return;
      }
      this.#including(at, segment, (next) => {
        walk(next, depth + 1);
      });
    };
    const root = this.#roots.get(rootOf(pattern));
    if (root !== undefined) walk(root, 0);
    return found;
  }

  /** Every entry whose pattern has an identity in common with `pattern`. */
  meeting(pattern: ReadId): readonly IdEntry[] {
    const found: IdEntry[] = [];
    const { segments, deep } = pattern;
    const walk = (at: Node, depth: number): void => {
      this.#work.left--;
      if (this.#work.left < 0) return;
      const segment = segments[depth];
      if (at.deep !== null && (segment !== undefined || deep)) found.push(at.deep);
      if (at.end !== null && (deep ? depth > segments.length : depth === segments.length)) found.push(at.end);
      if (segment === undefined && !deep) return;
      if (segment === undefined || segment.open) {
        const beginning = segment?.text ?? "";
        const continues = (text: string): boolean => segment === undefined || (text.startsWith(beginning) && text.length > beginning.length);
        for (const [text, next] of at.whole ?? []) {
          this.#spend(beginning);
          if (continues(text)) walk(next, depth + 1);
        }
        for (const [text, next] of at.begun ?? []) {
          this.#spend(beginning);
          if (continues(text) || beginning.startsWith(text)) walk(next, depth + 1);
        }
        return;
      }
      this.#including(at, segment, (next) => {
        walk(next, depth + 1);
      });
    };
    const root = this.#roots.get(rootOf(pattern));
    if (root !== undefined) walk(root, 0);
    return found;
  }

  /** Visits the nodes behind the edges that include all of a segment: the same one, then its beginnings, the shortest first. */
  #including(at: Node, { text, open }: ReadId["segments"][number], visit: (next: Node) => void): void {
    this.#spend(text);
    const same = open ? undefined : at.whole?.get(text);
    if (same !== undefined) visit(same);
    for (const length of at.lengths) {
      if (open ? length > text.length : length >= text.length) break;
      const begun = text.slice(0, length);
      this.#spend(begun);
      const next = at.begun?.get(begun);
      if (next !== undefined) visit(next);
    }
  }

  #spend(text: string): void {
    this.#work.left -= 1 + Math.floor(text.length / STEP_CHARACTERS);
  }
}

function rootOf({ type, head }: ReadId): string {
  return `${type}:${head}`;
}
