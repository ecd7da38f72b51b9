// Lists of rows, oldest first, one for each key. A row is in one list at most; adding, removing and finding the oldest
// take the same time however many there are.

const NONE = -1;

interface Ends {
  first: number;
  last: number;
}

export class RowLists<K> {
  readonly #ends = new Map<K, Ends>();
  readonly #previous: number[] = [];
  readonly #next: number[] = [];
  /** Undefined where the row is in no list. */
  readonly #key: (K | undefined)[] = [];

  /** The row becomes the newest of its list; it is in no list before. */
  add(row: number, key: K): void {
    const ends = this.#ends.get(key);
    this.#key[row] = key;
    this.#next[row] = NONE;
    this.#previous[row] = ends?.last ?? NONE;
    if (ends === undefined) {
      this.#ends.set(key, { first: row, last: row });
      return;
    }
    this.#next[ends.last] = row;
    ends.last = row;
  }

  /** Without effect where the row is in no list. */
  remove(row: number): void {
    const key = this.#key[row];
    const ends = key === undefined ? undefined : this.#ends.get(key);
    if (key === undefined || ends === undefined) return;
    const [previous = NONE, next = NONE] = [this.#previous[row], this.#next[row]];
    this.#key[row] = undefined;
    if (previous === NONE) ends.first = next;
    else this.#next[previous] = next;
    if (next === NONE) ends.last = previous;
    else this.#previous[next] = previous;
    if (ends.first === NONE) this.#ends.delete(key);
  }

  oldest(key: K): number | null {
    return this.#ends.get(key)?.first ?? null;
  }

  has(row: number): boolean {
    return this.#key[row] !== undefined;
  }

  /** Oldest first; the list must not change meanwhile. */
  *all(key: K): Generator<number> {
    for (let row = this.oldest(key) ?? NONE; row !== NONE; row = this.#next[row] ?? NONE) yield row;
  }

  clear(): void {
    this.#ends.clear();
    this.#key.length = 0;
  }
}
