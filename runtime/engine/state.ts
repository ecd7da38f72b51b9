// Export and import of limits across a reload. Records identify a limit by its identity and a key by its
// fingerprint, so a module with the same seed finds its own limits, whatever its table sizes.

import {
  CLOCK_MONO,
  DEBT_SHIFT,
  ENTRY_BYTES,
  H_LIMIT_COUNT,
  H_LIMIT_SETS,
  H_LIMIT_TABLE,
  H_SCRATCH,
  H_SCRATCH_BYTES,
  H_SKETCH,
  H_SKETCH_CELLS,
  LIMIT_PER_LISTENER,
  R_LIMIT_BURST,
  R_LIMIT_COUNT,
  R_LIMIT_FROM,
  R_STATE_CELLS,
  R_STATE_DEBT,
  R_STATE_IDENTITY,
  R_STATE_KIND,
  R_STATE_PRINT,
  SKETCH_ROWS,
  STATE_BYTES,
  STATE_LISTENER,
  STATE_SKETCH,
  STATE_SOURCE,
  TABLES_BASE,
  WAYS,
} from "../abi/layout";
import { debtIn, debtOut, entryDebt, isDryrun, kindOf, limitRecord, listenerDebt, setListenerDebt, setSourceDebt, sourceDebt } from "./limits";

function entryCount(): u32 {
  return load<u32>(TABLES_BASE + H_LIMIT_SETS) * WAYS;
}

function put(at: usize, kind: u32, identity: u64, print: u64, debt: u64): void {
  store<u64>(at, identity, R_STATE_IDENTITY);
  store<u64>(at, print, R_STATE_PRINT);
  store<u64>(at, debt, R_STATE_DEBT);
  store<u32>(at, kind, R_STATE_KIND);
  store<u32>(at, load<u32>(TABLES_BASE + H_SKETCH_CELLS), R_STATE_CELLS);
}

/** Sources in the highest 12 bits, burst and count of a limit, in a word whose lowest byte is the kind of a record of state. */
function markOf(record: usize): u64 {
  const burst = load<u32>(record, R_LIMIT_BURST) | ((<u32>load<u16>(record, R_LIMIT_FROM)) << 20);
  return ((<u64>burst) << 32) | (load<u32>(record, R_LIMIT_COUNT) << 8);
}

/** Writes the record of a limit's debt. */
function putDebt(at: usize, kind: u32, record: usize, print: u64, debt: u64): void {
  put(at, kind, load<u64>(record), print, debtOut(record, debt));
  if (isDryrun(record)) store<u64>(at, markOf(record) | kind, R_STATE_KIND);
}

/** Writes the record at `cursor` if it has a debt. */
function exportPlace(cursor: u32, at: usize): bool {
  const limits = load<u32>(TABLES_BASE + H_LIMIT_COUNT);
  if (cursor < limits) {
    const record = limitRecord(cursor);
    if (kindOf(record) != LIMIT_PER_LISTENER) return false;
    const debt = listenerDebt(cursor);
    if (debt == 0) return false;
    putDebt(at, STATE_LISTENER, record, 0, debt);
    return true;
  }
  const entries = entryCount();
  cursor -= limits;
  if (cursor < entries) {
    const entry = load<usize>(TABLES_BASE + H_LIMIT_TABLE) + <usize>cursor * ENTRY_BYTES;
    const debt = entryDebt(entry);
    if (debt == 0) return false;
    const tag = load<u64>(entry);
    const record = limitRecord(<u32>(tag & 0xffff) - 1);
    putDebt(at, STATE_SOURCE, record, tag >> 16, debt);
    return true;
  }
  const cell = cursor - entries;
  const arrival = load<u64>(load<usize>(TABLES_BASE + H_SKETCH) + ((<usize>cell) << 3));
  const now = load<u64>(CLOCK_MONO) << DEBT_SHIFT;
  if (arrival <= now) return false;
  put(at, STATE_SKETCH, 0, cell, arrival - now);
  return true;
}

function places(): u32 {
  return load<u32>(TABLES_BASE + H_LIMIT_COUNT) + entryCount() + load<u32>(TABLES_BASE + H_SKETCH_CELLS) * SKETCH_ROWS;
}

let nextCursor: u32 = 0;

/** Fills scratch with records from `cursor` on and returns their number. */
export function exportRecords(cursor: u32): u32 {
  const room = load<u32>(TABLES_BASE + H_SCRATCH_BYTES) / STATE_BYTES;
  const end = places();
  let at = load<usize>(TABLES_BASE + H_SCRATCH);
  let count: u32 = 0;
  while (cursor < end && count < room) {
    if (exportPlace(cursor, at)) {
      at += STATE_BYTES;
      count++;
    }
    cursor++;
  }
  nextCursor = cursor >= end ? 0 : cursor;
  return count;
}

/** The cursor of the next export; 0 if all records were exported. */
export function exportNext(): u32 {
  return nextCursor;
}

function importSketch(cell: u32, cells: u32, debt: u64): void {
  const own = load<u32>(TABLES_BASE + H_SKETCH_CELLS);
  if (own == 0 || cells == 0) return;
  const row = cell / cells;
  if (row >= <u32>SKETCH_ROWS) return;
  const arrival = (load<u64>(CLOCK_MONO) << DEBT_SHIFT) + debt;
  // Columns are the low bits of one hash, so columns that agree in the smaller number of bits correspond.
  const mask = min(own, cells) - 1;
  const step = min(own, cells);
  for (let column = cell & mask; column < own; column += step) {
    const at = load<usize>(TABLES_BASE + H_SKETCH) + ((<usize>(row * own + column)) << 3);
    if (load<u64>(at) < arrival) store<u64>(at, arrival);
  }
}

/**
 * A debt of every limit that has the identity, and the `mark` if that is not 0, as of a dryrun limit; those of limits that no longer exist are dropped. An import can only add debt,
 * never reduce it.
 */
function importDebt(identity: u64, kind: u32, mark: u64, print: u64, debt: u64): void {
  const limits = load<u32>(TABLES_BASE + H_LIMIT_COUNT);
  for (let limit: u32 = 0; limit < limits; limit++) {
    const record = limitRecord(limit);
    // A record of a listener's debt has the next number after the limit's kind, and so has that of a key's.
    if (load<u64>(record) != identity || kindOf(record) + 1 != kind) continue;
    // INVARIANT: an enforced limit never takes over the debts of a dryrun one of another rate, or of other sources.
    const other = markOf(record) ^ mark;
    if (<u32>mark != 0 && (isDryrun(record) ? other << 12 : other) != 0) continue;
    const owed = debtIn(record, debt);
    if (kind == STATE_LISTENER) setListenerDebt(limit, max(owed, listenerDebt(limit)));
    else if (kind == STATE_SOURCE) setSourceDebt(limit, print, max(owed, sourceDebt(limit, print)));
  }
}

/** Imports `count` records from scratch. */
export function importRecords(count: u32): void {
  let at = load<usize>(TABLES_BASE + H_SCRATCH);
  const room = load<u32>(TABLES_BASE + H_SCRATCH_BYTES) / STATE_BYTES;
  for (let left = min(count, room); left > 0; left--) {
    const kind = load<u64>(at, R_STATE_KIND);
    const debt = load<u64>(at, R_STATE_DEBT) & (u64.MAX_VALUE >> 1);
    if (<u32>kind == STATE_SKETCH) importSketch(load<u32>(at, R_STATE_PRINT), load<u32>(at, R_STATE_CELLS), debt);
    else importDebt(load<u64>(at, R_STATE_IDENTITY), (<u32>kind) & 0xff, kind & ~0xff, load<u64>(at, R_STATE_PRINT), debt);
    at += STATE_BYTES;
  }
}

/** Number of keyed entries that have a debt now. */
export function usedEntries(): u32 {
  let used: u32 = 0;
  let entry = load<usize>(TABLES_BASE + H_LIMIT_TABLE);
  for (let left = entryCount(); left > 0; left--) {
    if (entryDebt(entry) != 0) used++;
    entry += ENTRY_BYTES;
  }
  return used;
}
