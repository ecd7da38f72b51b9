// The places of sources under `cap … per source`, and the connections that wait for one. A place is free when its
// connection is over on both sides, which is a moment after its client has closed: until then the source's next connection
// would be refused, though its client sees one connection alone. So where only this cap refuses, and the client of
// a connection of the source has closed its side, the new connection waits undecided until one is over, for WAIT_MS at most.
//
// A client's end may also be a half-close, whose connection continues: then the wait ends with the refusal that was due.
// INVARIANT: nobody is admitted by a wait. The connection is decided again, as any other.
import type { Address } from "../../runtime/net/address.ts";
import type { Cancel, GatewayClock } from "../clock.ts";

export const WAIT_MS = 50;
/** Connections that wait at one listener; of a source there is one. */
export const MOST_WAITS = 64;
/** Connections under one key that are looked at for one decision; others come next time. */
export const MOST_LOOKS = 64;

/** For each cap per source of a listener a key of it and the sources that it counts as one; empty where it does not count the source. */
export type PlaceKeys = (listener: number, source: Address, zone: number) => readonly string[];

/** The connections provide this, once there are any. */
export interface PlaceLooks {
  /** Reports, at once or later, whether the client of a row has closed its side. May not report of a row that is over. */
  readonly look: (row: number, report: (hasClosed: boolean) => void) => void;
  /** Has a row decided again, after the events of this turn. */
  readonly again: (row: number) => void;
}

interface Wait {
  readonly row: number;
  readonly listener: number;
  /** Of the caps that were full when it began. */
  readonly keys: readonly string[];
  readonly cancel: Cancel;
  /** The last round of looks. */
  round: number;
  /** It is refused if no place is free when it is decided next. */
  isOver: boolean;
}

export class Places {
  readonly #clock: Pick<GatewayClock, "after">;
  #looks: PlaceLooks | null = null;
  /** By row: the keys under which it has a place. */
  readonly #keys: (readonly string[] | undefined)[] = [];
  readonly #rows = new Map<string, Set<number>>();
  readonly #waits = new Map<number, Wait>();
  readonly #waitOf = new Map<string, Wait>();
  readonly #waitsAt = new Map<number, number>();

  constructor(clock: Pick<GatewayClock, "after">) {
    this.#clock = clock;
  }

  connect(looks: PlaceLooks): void {
    this.#looks = looks;
  }

  /** Connections that wait now. */
  get waits(): number {
    return this.#waits.size;
  }

  /** Connections, and flows, with a place under the key. */
  count(key: string): number {
    return this.#rows.get(key)?.size ?? 0;
  }

  /** The row has a place under each of the keys from now on; keys that are empty are none. */
  take(row: number, keys: readonly string[]): void {
    this.#remove(row);
    const own = keys.filter((key) => key !== "");
    if (own.length === 0) return;
    this.#keys[row] = own;
    for (const key of own) {
      const rows = this.#rows.get(key);
      if (rows === undefined) this.#rows.set(key, new Set([row]));
      else rows.add(row);
    }
  }

  /** It has none any more: who waits for it is decided again. */
  give(row: number): void {
    const waits = this.#remove(row).flatMap((key) => this.#waitOf.get(key) ?? []);
    for (const wait of new Set(waits)) this.#looks?.again(wait.row);
  }

  #remove(row: number): readonly string[] {
    const keys = this.#keys[row] ?? [];
    this.#keys[row] = undefined;
    for (const key of keys) {
      const rows = this.#rows.get(key);
      rows?.delete(row);
      if (rows?.size === 0) this.#rows.delete(key);
    }
    return keys;
  }

  /** All places are counted anew, under another policy, which decides about those that wait. */
  clear(): void {
    this.#keys.length = 0;
    this.#rows.clear();
    this.wake();
  }

  /** Those that wait are decided again, for the last time. */
  wake(): void {
    for (const wait of this.#waits.values()) {
      wait.isOver = true;
      this.#looks?.again(wait.row);
    }
  }

  /** Whether the row, which full caps per source refuse, waits undecided. If it does, it is decided again. `full`: their keys; those that are empty are none. */
  waitsFor(row: number, listener: number, full: readonly string[]): boolean {
    const keys = full.filter((key) => key !== "");
    const wait = this.#waits.get(row) ?? this.#begin(row, listener, keys);
    if (wait === null) return false;
    const isKnown = keys.length > 0 && keys.every((key) => wait.keys.includes(key));
    if (isKnown && !wait.isOver) this.#look(wait, keys);
    if (isKnown && !wait.isOver) return true;
    this.decided(row);
    return false;
  }

  /** It waits no more. */
  decided(row: number): void {
    const wait = this.#waits.get(row);
    if (wait === undefined) return;
    wait.cancel();
    this.#waits.delete(row);
    for (const key of wait.keys) this.#waitOf.delete(key);
    const left = (this.#waitsAt.get(wait.listener) ?? 0) - 1;
    if (left > 0) this.#waitsAt.set(wait.listener, left);
    else this.#waitsAt.delete(wait.listener);
  }

  #begin(row: number, listener: number, keys: readonly string[]): Wait | null {
    const at = this.#waitsAt.get(listener) ?? 0;
    const canWait = keys.length > 0 && keys.every((key) => this.#rows.has(key) && !this.#waitOf.has(key));
    if (this.#looks === null || !canWait || at >= MOST_WAITS) return null;
    const wait: Wait = { row, listener, keys, cancel: this.#clock.after(WAIT_MS, () => this.#over(wait)), round: 0, isOver: false };
    this.#waits.set(row, wait);
    for (const key of keys) this.#waitOf.set(key, wait);
    this.#waitsAt.set(listener, at + 1);
    return wait;
  }

  /** Ends the wait where under one of the keys no client has closed. */
  #look(wait: Wait, keys: readonly string[]): void {
    const round = ++wait.round;
    const isDue = (): boolean => wait.round === round && this.#waits.get(wait.row) === wait;
    let isSync = true;
    let unknown = keys.length;
    const nobody = (): void => {
      wait.round++;
      wait.isOver = true;
      if (!isSync) this.#looks?.again(wait.row);
    };
    for (const key of keys) {
      const some = this.#oldest(key);
      let left = some.length;
      let isFound = false;
      if (left === 0) nobody();
      for (const row of some) {
        this.#looks?.look(row, (hasClosed) => {
          if (!isDue() || isFound) return;
          isFound = hasClosed;
          // It waits for one under each key.
          if (hasClosed && --unknown === 0) wait.round++;
          else if (!hasClosed && --left === 0) nobody();
        });
        if (isFound || !isDue()) break;
      }
      if (!isDue()) break;
    }
    isSync = false;
  }

  /** Some of the rows under a key. Where there are more, the others are the first next time. */
  #oldest(key: string): readonly number[] {
    const rows = this.#rows.get(key);
    const some: number[] = [];
    for (const row of rows ?? []) if (some.push(row) === MOST_LOOKS) break;
    for (const row of some) if (rows?.delete(row) === true) rows.add(row);
    return some;
  }

  #over(wait: Wait): void {
    if (this.#waits.get(wait.row) !== wait) return;
    wait.isOver = true;
    this.#looks?.again(wait.row);
  }
}
