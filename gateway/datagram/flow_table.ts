// The columns of a flow beside its row in the connection table: which datagrams are its own, what came and went, and whether
// its client has proven that it gets the answers.
//
// A flow is *fresh* until its client has sent a second datagram after an answer, then *proven*. A client that forges
// its address doesn't get the answers, so a flood of forged sources makes fresh flows, and they make room for one another.
import type { ConnectionTable } from "../connection/table.ts";
import { RowLists } from "./row_lists.ts";
import type { Traffic } from "./budget.ts";

/** Datagrams of one flow, and bytes of all of them, that wait for a decision or a socket. */
export const PENDING_DATAGRAMS = 64;
export const PENDING_BYTES = 8 * 1024 * 1024;

const NO_KEYS: readonly string[] = [];

/** The one list that all fresh flows are in. */
const ALL = 0;

/** `A` is what the transport knows of a datagram's way, to send answers back on it. */
export class FlowTable<A> {
  readonly table: ConnectionTable;
  /** The way of the first datagram; none where a flow of the gateway before waits for its client: see handed_flows.ts. */
  readonly way: (A | undefined)[] = [];
  /** The local address of such a flow. */
  readonly waitsAt: (string | undefined)[] = [];
  /** Number of such flows. */
  silentCount = 0;
  /** The keys under which the caps per source count it: see FlowDecider. */
  readonly capKeys: (readonly string[])[] = [];
  readonly datagramsIn: number[] = [];
  readonly datagramsOut: number[] = [];
  readonly #rows = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #pending: (Buffer[] | undefined)[] = [];
  #pendingBytes = 0;
  readonly #fresh = new RowLists<number>();
  readonly #freshOfListener = new RowLists<number>();
  /** One for each cap per source of a listener, by its place among them. */
  readonly #freshOfSource: RowLists<string>[] = [];
  freshCount = 0;

  constructor(table: ConnectionTable) {
    this.table = table;
  }

  get count(): number {
    return this.#rows.size;
  }

  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  rowOf(key: string): number | undefined {
    return this.#rows.get(key);
  }

  rows(): Iterable<number> {
    return this.#rows.values();
  }

  take(key: string, way: A): number {
    const row = this.#taken(key);
    this.way[row] = way;
    return row;
  }

  /** The row of a flow whose way its client's next datagram has. */
  wait(key: string, to: string): number {
    const row = this.#taken(key);
    this.waitsAt[row] = to;
    this.silentCount++;
    return row;
  }

  /** It has come. */
  come(row: number, key: string, way: A): void {
    this.#rows.delete(this.#keys[row] ?? "");
    this.#rows.set(key, row);
    this.#keys[row] = key;
    this.way[row] = way;
    this.waitsAt[row] = undefined;
    this.silentCount--;
  }

  #taken(key: string): number {
    const row = this.table.take();
    this.table.isFlow[row] = 1;
    this.#rows.set(key, row);
    this.#keys[row] = key;
    this.way[row] = undefined;
    this.capKeys[row] = NO_KEYS;
    this.datagramsIn[row] = 0;
    this.datagramsOut[row] = 0;
    return row;
  }

  /** Everything that it was charged has been given back. */
  give(row: number): void {
    this.takePending(row);
    this.endFresh(row);
    this.#rows.delete(this.#keys[row] ?? "");
    if (this.waitsAt[row] !== undefined) this.silentCount--;
    this.waitsAt[row] = undefined;
    this.way[row] = undefined;
    this.table.give(row);
  }

  /** Copies the bytes. False where there are too many already. */
  addPending(row: number, bytes: Buffer): boolean {
    const pending = (this.#pending[row] ??= []);
    if (pending.length >= PENDING_DATAGRAMS || this.#pendingBytes + bytes.length > PENDING_BYTES) return false;
    pending.push(Buffer.from(bytes));
    this.#pendingBytes += bytes.length;
    return true;
  }

  takePending(row: number): readonly Buffer[] {
    const pending = this.#pending[row] ?? [];
    this.#pending[row] = undefined;
    for (const { length } of pending) this.#pendingBytes -= length;
    return pending;
  }

  isFresh(row: number): boolean {
    return this.#fresh.has(row);
  }

  /** The row's listener and `capKeys` are set. */
  addFresh(row: number): void {
    this.freshCount++;
    this.#fresh.add(row, ALL);
    this.#file(row);
  }

  /** It is proven, or ends. */
  endFresh(row: number): void {
    if (!this.#fresh.has(row)) return;
    this.freshCount--;
    this.#fresh.remove(row);
    this.#freshOfListener.remove(row);
    for (const lists of this.#freshOfSource) lists.remove(row);
  }

  /** After a reload: listeners have other numbers, caps other keys. */
  refile(capKeysOf: (row: number) => readonly string[]): void {
    this.#freshOfListener.clear();
    this.#freshOfSource.length = 0;
    for (const row of this.#fresh.all(ALL)) {
      this.capKeys[row] = capKeysOf(row);
      this.#file(row);
    }
  }

  #file(row: number): void {
    this.#freshOfListener.add(row, this.table.listener[row] ?? -1);
    this.capKeys[row]?.forEach((key, cap) => {
      if (key !== "") (this.#freshOfSource[cap] ??= new RowLists()).add(row, key);
    });
  }

  oldestFresh(): number | null {
    return this.#fresh.oldest(ALL);
  }

  oldestFreshOfListener(listener: number): number | null {
    return this.#freshOfListener.oldest(listener);
  }

  oldestFreshOfSource(cap: number, key: string): number | null {
    return this.#freshOfSource[cap]?.oldest(key) ?? null;
  }

  trafficOf(row: number): Traffic {
    const { bytesIn, bytesOut } = this.table;
    return {
      bytesIn: bytesIn[row] ?? 0,
      bytesOut: bytesOut[row] ?? 0,
      datagramsIn: this.datagramsIn[row] ?? 0,
      datagramsOut: this.datagramsOut[row] ?? 0,
    };
  }
}
