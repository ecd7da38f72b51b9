// Address classes: two addresses are of one class when they have the same row of cells. A sweep
// over all edges toggles the sets that begin or end there and gets the row; stretches with one
// row share a class, and neighbours of one class are one stretch.
import type { AddressSet } from "../policy/policy.ts";
import { sortedEdges } from "./intervals.ts";
import type { Meter } from "./meter.ts";
import { PageForest } from "./pages.ts";
import type { Rows } from "./rows.ts";
import type { Stretches } from "./tables.ts";

/** A toggle that costs no more slots than this is done at once, without a look at the active sets. */
const LIGHT_SLOTS = 4;
const MEMBER_BITS = 3;

/** Numbers the requested rows, and remembers the class of every collection of sets met before. */
export class Classes {
  /** The row of each class. */
  readonly rows: number[] = [];
  readonly #rows: Rows;
  #full = false;
  /** By row: its class + 1. */
  readonly #classOfRow = new Marks();
  readonly #members: Members | null;

  /** `slots`: places that all toggles of the sweeps would touch, `edges` how many toggles there are. */
  constructor(rows: Rows, setCount: number, slots: number, edges: number) {
    this.#rows = rows;
    this.#members = slots <= edges * LIGHT_SLOTS ? null : new Members(setCount);
  }

  /** The rows have more words than a module can contain. */
  get full(): boolean {
    return this.#full;
  }

  toggle(set: number): void {
    if (this.#members === null) this.#rows.toggle(set);
    else this.#members.toggle(set);
  }

  now(): number {
    if (this.#members === null) return this.#number(this.#rows.row());
    return this.#members.classNow((sets) => {
      for (const set of sets) this.#rows.toggle(set);
      return this.#number(this.#rows.row());
    });
  }

  #number(row: number): number {
    const known = this.#classOfRow.at(row);
    if (known !== 0) return known - 1;
    const number = this.rows.push(row) - 1;
    this.#classOfRow.set(row, number + 1);
    this.#full ||= this.#rows.full;
    return number;
  }
}

/** The sets that contain the current address, as a row of bits in shared pages: equal collections are one number. */
class Members {
  readonly #forest: PageForest;
  readonly #bits: Uint32Array;
  #row: number;
  /** Words of bits that changed since the row was made. */
  readonly #changed: number[] = [];
  /** By row: its class + 1. */
  readonly #classOf = new Marks();
  /** Sets whose toggles the rows haven't seen. */
  readonly #pending = new Set<number>();

  constructor(setCount: number) {
    this.#bits = new Uint32Array(Math.ceil(setCount / 32));
    this.#forest = new PageForest(this.#bits.length, MEMBER_BITS);
    this.#row = this.#forest.uniform(0);
  }

  toggle(set: number): void {
    const word = set >>> 5;
    this.#bits[word] = (this.#bits[word] ?? 0) ^ (1 << (set & 31));
    if (!this.#changed.includes(word)) this.#changed.push(word);
    if (!this.#pending.delete(set)) this.#pending.add(set);
  }

  classNow(make: (toggled: Iterable<number>) => number): number {
    this.#changed.sort((x, y) => x - y);
    this.#row = this.#forest.patch(
      this.#row,
      this.#changed,
      this.#changed.map((word) => this.#bits[word] ?? 0),
      this.#changed.length,
    );
    this.#changed.length = 0;
    const known = this.#classOf.at(this.#row);
    if (known !== 0) return known - 1;
    const number = make(this.#pending);
    this.#pending.clear();
    this.#classOf.set(this.#row, number + 1);
    return number;
  }
}

/** Numbers by number; 0 where none was set. */
class Marks {
  #marks = new Uint32Array(64);

  at(i: number): number {
    return this.#marks[i] ?? 0;
  }

  set(i: number, mark: number): void {
    if (i >= this.#marks.length) {
      const wider = new Uint32Array(2 * i);
      wider.set(this.#marks);
      this.#marks = wider;
    }
    this.#marks[i] = mark;
  }
}

/** Stretches of one family with their classes; neighbours differ. Null when the work is too much. */
export function sweep(sets: readonly AddressSet[], words: 1 | 4, classes: Classes, meter: Meter): Stretches | null {
  const { keys, owners, count } = sortedEdges(sets, words);
  const starts = new Uint32Array((count + 1) * words);
  const numbers = new Uint32Array(count + 1);
  const active = new Uint8Array(sets.length);
  let stretches = 0;
  let edge = 0;
  /** Toggles all that begins or ends at the address of the next edge. */
  const pass = (): void => {
    const at = edge;
    do {
      const set = owners[edge++] ?? 0;
      active[set] = (active[set] ?? 0) ^ 1;
      classes.toggle(set);
    } while (edge < count && sameKey(keys, at, edge, words));
  };
  const note = (at: number): void => {
    const number = classes.now();
    if (stretches > 0 && numbers[stretches - 1] === number) return;
    for (let w = 0; w < words; w++) starts[stretches * words + w] = at < 0 ? 0 : (keys[at * words + w] ?? 0);
    numbers[stretches++] = number;
  };
  if (count > 0 && isZero(keys, words)) pass();
  note(-1);
  while (edge < count) {
    const at = edge;
    pass();
    note(at);
    if (meter.over || classes.full) return null;
  }
  // A set that contains the last address has no edge behind it.
  active.forEach((isActive, set) => {
    if (isActive === 1) classes.toggle(set);
  });
  if (meter.over || classes.full) return null;
  return { words, starts: starts.subarray(0, stretches * words), classes: numbers.subarray(0, stretches) };
}

function sameKey(keys: Uint32Array, i: number, j: number, words: number): boolean {
  for (let w = 0; w < words; w++) if (keys[i * words + w] !== keys[j * words + w]) return false;
  return true;
}

function isZero(keys: Uint32Array, words: number): boolean {
  for (let w = 0; w < words; w++) if (keys[w] !== 0) return false;
  return true;
}
