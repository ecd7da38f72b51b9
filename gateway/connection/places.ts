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
/** Connections of a source that are looked at for one decision; others come next time. */
export const MOST_LOOKS = 64;

/** Makes a key of a listener and the sources that its cap counts as one; empty where it has no such cap. */
export type PlaceKey = (listener: number, source: Address, zone: number) => string;

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
  readonly key: string;
  readonly cancel: Cancel;
  /** The last round of looks. */
  round: number;
  /** It is refused if no place is free when it is decided next. */
  isOver: boolean;
}

export class Places {
  readonly #clock: Pick<GatewayClock, "after">;
  #looks: PlaceLooks | null = null;
  /** By row: the key under which it has a place. */
  readonly #keys: (string | undefined)[] = [];
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

  /** The row has a place from now on; none where `key` is empty. */
  take(row: number, key: string): void {
    this.#remove(row);
    if (key === "") return;
    this.#keys[row] = key;
    const rows = this.#rows.get(key);
    if (rows === undefined) this.#rows.set(key, new Set([row]));
    else rows.add(row);
  }

  /** It has none any more: who waits for it is decided again. */
  give(row: number): void {
    const key = this.#remove(row);
    const wait = key === undefined ? undefined : this.#waitOf.get(key);
    if (wait !== undefined) this.#looks?.again(wait.row);
  }

  #remove(row: number): string | undefined {
    const key = this.#keys[row];
    if (key === undefined) return undefined;
    this.#keys[row] = undefined;
    const rows = this.#rows.get(key);
    rows?.delete(row);
    if (rows?.size === 0) this.#rows.delete(key);
    return key;
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

  /** Whether the row, which a full cap per source refuses, waits undecided. If it does, it is decided again. */
  waitsFor(row: number, listener: number, key: string): boolean {
    const wait = this.#waits.get(row) ?? this.#begin(row, listener, key);
    if (wait === null) return false;
    if (wait.key === key && !wait.isOver) this.#look(wait);
    if (wait.key === key && !wait.isOver) return true;
    this.decided(row);
    return false;
  }

  /** It waits no more. */
  decided(row: number): void {
    const wait = this.#waits.get(row);
    if (wait === undefined) return;
    wait.cancel();
    this.#waits.delete(row);
    this.#waitOf.delete(wait.key);
    const left = (this.#waitsAt.get(wait.listener) ?? 0) - 1;
    if (left > 0) this.#waitsAt.set(wait.listener, left);
    else this.#waitsAt.delete(wait.listener);
  }

  #begin(row: number, listener: number, key: string): Wait | null {
    const at = this.#waitsAt.get(listener) ?? 0;
    if (this.#looks === null || key === "" || !this.#rows.has(key) || at >= MOST_WAITS || this.#waitOf.has(key)) return null;
    const wait: Wait = { row, listener, key, cancel: this.#clock.after(WAIT_MS, () => this.#over(wait)), round: 0, isOver: false };
    this.#waits.set(row, wait);
    this.#waitOf.set(key, wait);
    this.#waitsAt.set(listener, at + 1);
    return wait;
  }

  /** Ends the wait where no client of the source has closed. */
  #look(wait: Wait): void {
    const rows = this.#rows.get(wait.key);
    const some: number[] = [];
    for (const row of rows ?? []) if (some.push(row) === MOST_LOOKS) break;
    // Where there are more, the others are the first next time.
    for (const row of some) if (rows?.delete(row) === true) rows.add(row);
    const round = ++wait.round;
    let left = some.length;
    let isSync = true;
    const nobody = (): void => {
      wait.isOver = true;
      if (!isSync) this.#looks?.again(wait.row);
    };
    if (left === 0) nobody();
    for (const row of some) {
      this.#looks?.look(row, (hasClosed) => {
        if (wait.round !== round || this.#waits.get(wait.row) !== wait) return;
        // It waits for this one.
        if (hasClosed) wait.round++;
        else if (--left === 0) nobody();
      });
      if (wait.round !== round) break;
    }
    isSync = false;
  }

  #over(wait: Wait): void {
    if (this.#waits.get(wait.row) !== wait) return;
    wait.isOver = true;
    this.#looks?.again(wait.row);
  }
}
