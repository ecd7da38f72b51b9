// Counts of concurrent connections per source or identity, in an open-addressed table with four times as many
// entries as there can be keys, so a source finds no free entry only when a bound is reached, not by chance.

import { CAP_LOST, CAP_PROBE_SETS, ENTRY_BYTES, H_CAP_SETS, H_CAP_TABLE, SET_BYTES, TABLES_BASE, WAYS } from "../abi/layout";

/**
 * The entry of a source, else a free entry, else 0. The count of a free entry is 0. INVARIANT: an enforced cap takes the entry of a dryrun one
 * where no entry is free, so that a dryrun cap never has a connection refused.
 */
export function capEntry(print: u64, dryrun: bool): usize {
  const table = load<usize>(TABLES_BASE + H_CAP_TABLE);
  const sets = load<u32>(TABLES_BASE + H_CAP_SETS);
  let free: usize = 0;
  let spare: usize = 0;
  for (let probe: u32 = 0; probe < <u32>(CAP_PROBE_SETS * WAYS); probe++) {
    const set = (<u32>(print >>> 32) + probe / <u32>WAYS) & (sets - 1);
    const entry = table + <usize>(set * SET_BYTES + (probe % <u32>WAYS) * ENTRY_BYTES);
    if (load<u32>(entry, 8) == 0) {
      if (free == 0) free = entry;
    } else if (load<u64>(entry) == print) return entry;
    else if (load<u32>(entry, 12) != 0) spare = entry;
  }
  if (free != 0 || dryrun) return free;
  if (spare != 0) store<u32>(spare, 0, 8);
  return spare;
}

export function capCount(entry: usize): u32 {
  return load<u32>(entry, 8);
}

export function addCap(entry: usize, print: u64, dryrun: bool): void {
  store<u64>(entry, print);
  store<u32>(entry, u32(dryrun), 12);
  store<u32>(entry, load<u32>(entry, 8) + 1, 8);
}

/** Counts one connection of a source regardless of its cap, in the table or, if that is full, in CAP_LOST. A dryrun cap does not count what finds no entry. */
export function keepCap(print: u64, dryrun: bool): void {
  const entry = capEntry(print, dryrun);
  if (entry != 0) addCap(entry, print, dryrun);
  else if (!dryrun) store<u32>(CAP_LOST, load<u32>(CAP_LOST) + 1);
}

/**
 * Subtracts one connection. INVARIANT: while CAP_LOST is above 0 no source gets a new entry, so a source
 * without an entry was counted in CAP_LOST, and all counts are exact again when CAP_LOST is 0.
 */
export function dropCap(print: u64, dryrun: bool): void {
  // It takes no entry from another, whatever it is.
  const entry = capEntry(print, true);
  if (entry != 0 && load<u32>(entry, 8) > 0) store<u32>(entry, load<u32>(entry, 8) - 1, 8);
  else if (!dryrun && load<u32>(CAP_LOST) > 0) store<u32>(CAP_LOST, load<u32>(CAP_LOST) - 1);
}
