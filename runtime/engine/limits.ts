// GCRA on exact integers. Time is scaled by a limit's count, so its emission interval equals its period in
// milliseconds and nothing is ever rounded. With now' = ms * count, a new connection conforms when
// debt + period <= burst * period, where debt = max(arrival' - now', 0).
//
// Keyed arrival times are stored in sets of four. An entry whose time has passed has no debt and is reused.
// If all four are in use, the key is charged to a sketch without keys, which can only overestimate a debt.
// Traffic of other sources therefore never erases a debt, and new sources are still admitted.

import {
  CLOCK_MONO,
  DEBT_SHIFT,
  ENTRY_BYTES,
  H_LIMITS,
  H_LIMIT_COUNT,
  H_LIMIT_SETS,
  H_LIMIT_STATE,
  H_LIMIT_TABLE,
  H_SKETCH,
  H_SKETCH_CELLS,
  LIMIT_BYTES,
  LINK_LOCAL_BITS,
  R_LIMIT_BURST,
  R_LIMIT_COUNT,
  R_LIMIT_KIND,
  R_LIMIT_PERIOD_MS,
  R_LIMIT_V4,
  R_LIMIT_V6,
  SET_BYTES,
  SKETCH_CELL_BYTES,
  SKETCH_ROWS,
  TABLES_BASE,
  WAYS,
} from "../abi/layout";
import { isV4 } from "./decide";
import { fingerprint } from "./siphash";

export function limitRecord(limit: u32): usize {
  return load<usize>(TABLES_BASE + H_LIMITS) + <usize>limit * LIMIT_BYTES;
}

export function kindOf(record: usize): u32 {
  return load<u8>(record, R_LIMIT_KIND);
}

/** LIMIT_DRYRUN is all of the second byte. */
export function isDryrun(record: usize): bool {
  return load<u8>(record, R_LIMIT_KIND + 1) != 0;
}

function scaledNow(record: usize): u64 {
  return load<u64>(CLOCK_MONO) * load<u32>(record, R_LIMIT_COUNT);
}

/** Maximum debt of a limit, in 1/count ms. */
export function ceiling(record: usize): u64 {
  return <u64>load<u32>(record, R_LIMIT_BURST) * load<u32>(record, R_LIMIT_PERIOD_MS);
}

/** Debt in 2^-20 ms, rounded up. */
export function debtOut(record: usize, debt: u64): u64 {
  const count = <u64>load<u32>(record, R_LIMIT_COUNT);
  return ((debt << DEBT_SHIFT) + count - 1) / count;
}

/** The inverse of debtOut, rounded up and at most the ceiling (also for a limit that has changed). */
export function debtIn(record: usize, debt: u64): u64 {
  const most = ceiling(record);
  if (debt >= debtOut(record, most)) return most;
  return (debt * load<u32>(record, R_LIMIT_COUNT) + (1 << DEBT_SHIFT) - 1) >> DEBT_SHIFT;
}

/** The first `length` of 64 bits of an address; the others are 0. */
export function maskWord(word: u64, length: i32): u64 {
  // INVARIANT: a shift by 64 would be a shift by 0.
  if (length <= 0) return 0;
  return length >= 64 ? word : word & (~(<u64>0) << (64 - length));
}

/**
 * The fingerprint of a key for a limit or cap, by its prefix lengths; limits use its first 48 bits. A link-local address (fe80::/10) is not
 * shortened, and its interface number `zone` is included, because all hosts of a link share the prefix and hosts on
 * two links may have the same address.
 */
export function keyPrint(record: usize, a: u32, b: u32, c: u32, d: u32, zone: u32): u64 {
  const hi = ((<u64>a) << 32) | b;
  const lo = ((<u64>c) << 32) | d;
  let identity = load<u64>(record);
  let length = isV4(a, b, c) ? load<i32>(record, R_LIMIT_V4) + 96 : load<i32>(record, R_LIMIT_V6);
  if (a >>> 22 == <u32>LINK_LOCAL_BITS) {
    length = 128;
    identity ^= (<u64>zone) << 32;
  }
  // The length distinguishes ::/0 from a mapped prefix, and two keys of one address.
  return fingerprint(identity + <u64>length, maskWord(hi, length), maskWord(lo, length - 64));
}

function setOf(print: u64): usize {
  const sets = load<u32>(TABLES_BASE + H_LIMIT_SETS);
  return load<usize>(TABLES_BASE + H_LIMIT_TABLE) + <usize>(((<u32>print) & (sets - 1)) * SET_BYTES);
}

/** The entry of a key, or 0. */
function findEntry(print: u64, limit: u32): usize {
  const tag = (print << 16) | (limit + 1);
  let entry = setOf(print);
  for (let way: u32 = 0; way < <u32>WAYS; way++) {
    if (load<u64>(entry) == tag) return entry;
    entry += ENTRY_BYTES;
  }
  return 0;
}

/** The remaining debt of an entry, in the scale of its own limit; 0 if it may be reused. */
export function entryDebt(entry: usize): u64 {
  const limit = <u32>(load<u64>(entry) & 0xffff);
  if (limit == 0 || limit > load<u32>(TABLES_BASE + H_LIMIT_COUNT)) return 0;
  const now = scaledNow(limitRecord(limit - 1));
  const arrival = load<u64>(entry, 8);
  return arrival > now ? arrival - now : 0;
}

/** INVARIANT: an enforced limit takes the entry of a dryrun one where no entry is free, so that a dryrun limit never changes an answer. */
function freeEntry(print: u64, dryrun: bool): usize {
  let entry = setOf(print);
  let spare: usize = 0;
  for (let way: u32 = 0; way < <u32>WAYS; way++) {
    if (entryDebt(entry) == 0) return entry;
    if (!dryrun && isDryrun(limitRecord(<u32>load<u16>(entry) - 1))) spare = entry;
    entry += ENTRY_BYTES;
  }
  return spare;
}

function sketchCell(row: u32, print: u64): usize {
  const cells = load<u32>(TABLES_BASE + H_SKETCH_CELLS);
  // Bits 14..30 and 31..47, which are not used to choose the set.
  const column = (<u32>(print >> (14 + 17 * row))) & (cells - 1);
  return load<usize>(TABLES_BASE + H_SKETCH) + <usize>(row * cells + column) * SKETCH_CELL_BYTES;
}

function sketchDebt(print: u64): u64 {
  const now = load<u64>(CLOCK_MONO) << DEBT_SHIFT;
  let least: u64 = u64.MAX_VALUE;
  for (let row: u32 = 0; row < <u32>SKETCH_ROWS; row++) least = min(least, load<u64>(sketchCell(row, print)));
  return least > now ? least - now : 0;
}

function raiseSketch(print: u64, debt: u64): void {
  const arrival = (load<u64>(CLOCK_MONO) << DEBT_SHIFT) + debt;
  for (let row: u32 = 0; row < <u32>SKETCH_ROWS; row++) {
    const cell = sketchCell(row, print);
    if (load<u64>(cell) < arrival) store<u64>(cell, arrival);
  }
}

/** Debt of a source under a limit: that of its own entry, else the upper bound from the sketch. */
export function sourceDebt(limit: u32, print: u64): u64 {
  const entry = findEntry(print, limit);
  if (entry != 0) return entryDebt(entry);
  return debtIn(limitRecord(limit), sketchDebt(print));
}

/** Sets the debt of a source. That of a dryrun limit is not kept where no entry is free, because enforced limits read the sketch. */
export function setSourceDebt(limit: u32, print: u64, debt: u64): void {
  const record = limitRecord(limit);
  const dryrun = isDryrun(record);
  let entry = findEntry(print, limit);
  if (entry == 0) entry = freeEntry(print, dryrun);
  if (entry == 0) {
    if (!dryrun) raiseSketch(print, debtOut(record, debt));
    return;
  }
  store<u64>(entry, (print << 16) | (limit + 1));
  store<u64>(entry, scaledNow(record) + debt, 8);
}

export function listenerDebt(limit: u32): u64 {
  const now = scaledNow(limitRecord(limit));
  const arrival = load<u64>(load<usize>(TABLES_BASE + H_LIMIT_STATE) + ((<usize>limit) << 3));
  return arrival > now ? arrival - now : 0;
}

export function setListenerDebt(limit: u32, debt: u64): void {
  store<u64>(load<usize>(TABLES_BASE + H_LIMIT_STATE) + ((<usize>limit) << 3), scaledNow(limitRecord(limit)) + debt);
}

/** Whether one more connection conforms. */
export function conforms(record: usize, debt: u64): bool {
  return debt + load<u32>(record, R_LIMIT_PERIOD_MS) <= ceiling(record);
}
