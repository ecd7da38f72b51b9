// Moves the state of limits from one running module to the next. Records through scratch (exportState, importState)
// work between any two modules. Where both have the same layout of their limiter, its memory is copied unchanged, because
// a reload moves full tables in the turn in which it swaps the modules.
import * as abi from "../abi/layout.ts";
import { concatBytes } from "../abi/sections.ts";
import { sameBytes } from "./bytes.ts";
import type { EngineExports } from "./instance.ts";
import type { ListenerInfo } from "./module.ts";

/** The limiter in a module's memory, at the places that the tables' header names. */
class Limiter {
  readonly view: DataView;
  readonly #buffer: ArrayBuffer;

  constructor({ memory }: EngineExports) {
    this.#buffer = memory.buffer;
    this.view = new DataView(memory.buffer);
  }

  head(field: number): number {
    return this.view.getUint32(abi.TABLES_BASE + field, true);
  }

  bytes(field: number, count: number, size: number): Uint8Array {
    return new Uint8Array(this.#buffer, this.head(field), count * size);
  }

  words(field: number, count: number, size: number): Uint32Array {
    return new Uint32Array(this.#buffer, this.head(field), (count * size) / 4);
  }

  get limits(): number {
    return this.head(abi.H_LIMIT_COUNT);
  }

  /** A limit's record. */
  record(limit: number): Uint8Array {
    return this.bytes(abi.H_LIMITS, this.limits, abi.LIMIT_BYTES).subarray(limit * abi.LIMIT_BYTES, (limit + 1) * abi.LIMIT_BYTES);
  }

  identity(limit: number): bigint {
    return this.view.getBigUint64(this.head(abi.H_LIMITS) + limit * abi.LIMIT_BYTES + abi.R_LIMIT_IDENTITY, true);
  }
}

/** A running module, and what its policy says of its listeners. */
export interface WithListeners {
  readonly exports: EngineExports;
  readonly listeners: readonly Pick<ListenerInfo, "name" | "proto" | "limits">[];
}

/**
 * Copies the state of every limit that both modules have with the same record into `to`, which has not served yet. Both
 * have this release's layout, the same seed and the same time. Returns the identities of limits whose records differ, which
 * have to go through records of state, or null where all limits have to.
 */
export function copyLimits(from: WithListeners, to: WithListeners): ReadonlySet<bigint> | null {
  const [before, after] = [new Limiter(from.exports), new Limiter(to.exports)];
  const sets = before.head(abi.H_LIMIT_SETS);
  const cells = before.head(abi.H_SKETCH_CELLS);
  if (sets !== after.head(abi.H_LIMIT_SETS) || cells !== after.head(abi.H_SKETCH_CELLS)) return null;
  const { moves, changed } = matched(before, after, ownersOf(before, from.listeners), ownersOf(after, to.listeners));
  copyListenerLimits(before, after, moves);
  copyEntries(before, after, moves, sets * abi.WAYS);
  after.bytes(abi.H_SKETCH, cells, abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES).set(before.bytes(abi.H_SKETCH, cells, abi.SKETCH_ROWS * abi.SKETCH_CELL_BYTES));
  return changed;
}

const GONE = -1;

interface Matched {
  /** For each limit of the previous module its number in the new one, or GONE where no limit there has the same record. */
  readonly moves: Int32Array;
  readonly changed: ReadonlySet<bigint>;
}

/**
 * Limits that only their sources or rates distinguish share an identity. Where the listener has the same limits as before, each keeps its own
 * debts; otherwise each takes over the largest debt under any of the others, which only records can.
 */
function matched(before: Limiter, after: Limiter, wasOf: readonly string[], isOf: readonly string[]): Matched {
  const moves = new Int32Array(before.limits).fill(GONE);
  const changed = new Set<bigint>();
  const [was, is] = [before, after].map(byIdentity);
  for (const [identity, limits] of was ?? []) {
    const now = is?.get(identity);
    if (now === undefined) continue;
    const isAlone = limits.length === 1 && now.length === 1;
    const isSame = (limit: number, i: number): boolean => {
      const other = now[i] ?? GONE;
      return other !== GONE && (isAlone || wasOf[limit] === isOf[other]) && isSameLimit(before.record(limit), after.record(other));
    };
    if (limits.length === now.length && limits.every(isSame)) limits.forEach((limit, i) => (moves[limit] = now[i] ?? GONE));
    else changed.add(identity);
  }
  return { moves, changed };
}

/** For each limit the listener that has it, with all its limits as the policy has them. */
function ownersOf(limiter: Limiter, listeners: WithListeners["listeners"]): readonly string[] {
  const owners: string[] = [];
  const [view, at] = [limiter.view, limiter.head(abi.H_LISTENERS)];
  listeners.forEach(({ name, proto, limits }, id) => {
    const record = at + id * abi.LISTENER_BYTES;
    const first = view.getUint32(record + abi.R_LISTENER_LIMIT_FIRST, true);
    const count = view.getUint32(record + abi.R_LISTENER_LIMIT_COUNT, true);
    owners.length = Math.max(owners.length, Math.min(first + count, limiter.limits));
    owners.fill(`${name} ${proto} ${limits}`, first, first + count);
  });
  return owners;
}

/** Its sources may be others; the engine knows them by R_LISTENER_COUNTED. */
function isSameLimit(before: Uint8Array, after: Uint8Array): boolean {
  const end = abi.R_LIMIT_FROM + 2;
  return sameBytes(before.subarray(0, abi.R_LIMIT_FROM), after.subarray(0, abi.R_LIMIT_FROM)) && sameBytes(before.subarray(end), after.subarray(end));
}

function byIdentity(limiter: Limiter): Map<bigint, number[]> {
  const numbers = new Map<bigint, number[]>();
  for (let limit = 0; limit < limiter.limits; limit++) {
    const known = numbers.get(limiter.identity(limit));
    if (known === undefined) numbers.set(limiter.identity(limit), [limit]);
    else known.push(limit);
  }
  return numbers;
}

function copyListenerLimits(before: Limiter, after: Limiter, moves: Int32Array): void {
  const [was, is] = [before, after].map((limiter) => limiter.words(abi.H_LIMIT_STATE, limiter.limits, abi.LIMIT_STATE_BYTES));
  if (was === undefined || is === undefined) return;
  const size = abi.LIMIT_STATE_BYTES / 4;
  moves.forEach((now, limit) => {
    if (now !== GONE) is.set(was.subarray(limit * size, (limit + 1) * size), now * size);
  });
}

/** An entry keeps its place, because its fingerprint determines it; the number of its limit may change. */
function copyEntries(before: Limiter, after: Limiter, moves: Int32Array, entries: number): void {
  const was = before.words(abi.H_LIMIT_TABLE, entries, abi.ENTRY_BYTES);
  const is = after.words(abi.H_LIMIT_TABLE, entries, abi.ENTRY_BYTES);
  is.set(was);
  if (moves.every((now, limit) => now === limit)) return;
  const size = abi.ENTRY_BYTES / 4;
  for (let at = 0; at < is.length; at += size) {
    const tag = is[at] ?? 0;
    const number = tag & 0xffff;
    if (number === 0) continue;
    const now = moves[number - 1] ?? GONE;
    if (now === GONE) is.fill(0, at, at + size);
    else is[at] = ((tag & 0xffff0000) | (now + 1)) >>> 0;
  }
}

/** The records of exportState that belong to the limits with these identities. */
export function recordsOf(state: Uint8Array, identities: ReadonlySet<bigint>): Uint8Array {
  const view = new DataView(state.buffer, state.byteOffset, state.byteLength);
  const kept = new Uint8Array(state.length);
  let length = 0;
  for (let at = 0; at + abi.STATE_BYTES <= state.length; at += abi.STATE_BYTES) {
    if (view.getUint32(at + abi.R_STATE_KIND, true) === abi.STATE_SKETCH) continue;
    if (!identities.has(view.getBigUint64(at + abi.R_STATE_IDENTITY, true))) continue;
    kept.set(state.subarray(at, at + abi.STATE_BYTES), length);
    length += abi.STATE_BYTES;
  }
  return kept.subarray(0, length);
}

/** More than the longest debt; the engine lowers it to that. */
const MOST_DEBT = (1n << 63n) - 1n;

/**
 * Records of state by which every limit counts as exhausted. A limit per listener has a record of its own. Those per source
 * or identity share the sketch, which has no keys, so that the longest of them decides how long each is exhausted.
 */
export function exhausted(exports: EngineExports): { readonly records: Uint8Array; readonly longestMs: number } {
  const limiter = new Limiter(exports);
  const records: Uint8Array[] = [];
  let keyed = 0n;
  let longestMs = 0;
  for (let limit = 0; limit < limiter.limits; limit++) {
    const record = limiter.record(limit);
    const view = new DataView(record.buffer, record.byteOffset, record.byteLength);
    const [count, period, burst] = [abi.R_LIMIT_COUNT, abi.R_LIMIT_PERIOD_MS, abi.R_LIMIT_BURST].map((at) => BigInt(view.getUint32(at, true)));
    if (count === undefined || period === undefined || burst === undefined || count === 0n) continue;
    const debt = (((burst * period) << BigInt(abi.DEBT_SHIFT)) + count - 1n) / count;
    const kind = view.getUint16(abi.R_LIMIT_KIND, true);
    // A dryrun limit bounds nothing, and the sketch is shared with those that do. Caps have no debts.
    if (kind !== abi.LIMIT_PER_LISTENER && kind !== abi.LIMIT_PER_KEY) continue;
    longestMs = Math.max(longestMs, Number(debt >> BigInt(abi.DEBT_SHIFT)));
    if (kind === abi.LIMIT_PER_LISTENER) records.push(stateRecord(abi.STATE_LISTENER, limiter.identity(limit), 0n, MOST_DEBT));
    else if (debt > keyed) keyed = debt;
  }
  // With one cell per row, each counts for all cells of its row.
  if (keyed > 0n) for (let row = 0n; row < BigInt(abi.SKETCH_ROWS); row++) records.push(stateRecord(abi.STATE_SKETCH, 0n, row, keyed));
  return { records: concatBytes(records), longestMs };
}

function stateRecord(kind: number, identity: bigint, print: bigint, debt: bigint): Uint8Array {
  const bytes = new Uint8Array(abi.STATE_BYTES);
  const view = new DataView(bytes.buffer);
  view.setBigUint64(abi.R_STATE_IDENTITY, identity, true);
  view.setBigUint64(abi.R_STATE_PRINT, print, true);
  view.setBigUint64(abi.R_STATE_DEBT, debt, true);
  view.setUint32(abi.R_STATE_KIND, kind, true);
  view.setUint32(abi.R_STATE_CELLS, 1, true);
  return bytes;
}
