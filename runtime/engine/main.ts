// The decision engine, the only code in every compiled policy. It reads the tables that the compiler wrote
// at TABLES_BASE and keeps its state after them. All arguments and results are i32. It imports nothing and
// never allocates or grows memory. Everything that is not explicitly allowed is denied. runtime/abi defines
// every number, docs/abi.md explains them.

import {
  ABI_VERSION,
  BATCH_BYTES,
  CLOCK_KNOWN,
  CLOCK_MONO,
  CLOCK_WALL,
  DETAIL_BASE,
  DETAIL_CODE,
  DETAIL_REASON,
  DETAIL_RULE,
  DETAIL_WOULD,
  H_SCRATCH,
  H_SCRATCH_BYTES,
  MONO_BITS,
  NO_RULE,
  R_BATCH_CODE,
  R_BATCH_LISTENER,
  R_BATCH_RULE,
  R_BATCH_SOURCE,
  R_BATCH_VERDICT,
  BATCH_ZONE,
  SEED_BASE,
  STATUS_VALID,
  TABLES_BASE,
} from "../abi/layout";
import { CODE_OPEN, VERDICT_ALLOW, VERDICT_DENY, VERDICT_OPEN } from "../abi/verdicts";
import { charge as chargeOne, connections as connectionsOf, recount as recountOne, spend as spendOne } from "./charge";
import { accept, acceptFacts, decideBind, isGroup, listenerAt as findListener, shadowOf, valid } from "./decide";
import { open } from "./detail";
import { exportNext as nextExport, exportRecords, importRecords, usedEntries } from "./state";
import { checkTables } from "./validate";

/** The layout that this engine reads. */
export function abiVersion(): i32 {
  return ABI_VERSION;
}

/** Checks the tables; 0 if they are valid. Until it has returned 0, every answer is a deny. */
export function validate(): i32 {
  store<u32>(STATUS_VALID, 0);
  const failed = checkTables();
  if (failed == 0) store<u32>(STATUS_VALID, 1);
  return failed;
}

/** Sets the instance's secret, 128 bits. */
export function seed(a: u32, b: u32, c: u32, d: u32): void {
  store<u32>(SEED_BASE, a);
  store<u32>(SEED_BASE, b, 4);
  store<u32>(SEED_BASE, c, 8);
  store<u32>(SEED_BASE, d, 12);
}

/** Sets the time for the following calls: monotonic milliseconds and UTC seconds (0: unknown), u64 each. */
export function clock(monoHigh: u32, monoLow: u32, wallHigh: u32, wallLow: u32): void {
  const mono = min(((<u64>monoHigh) << 32) | monoLow, ((<u64>1) << MONO_BITS) - 1);
  const wall = ((<u64>wallHigh) << 32) | wallLow;
  // Neither clock ever goes backwards.
  store<u64>(CLOCK_MONO, max(mono, load<u64>(CLOCK_MONO)));
  store<u64>(CLOCK_WALL, max(wall, load<u64>(CLOCK_WALL)));
  store<u32>(CLOCK_KNOWN, u32(wall != 0));
}

/** Address of the scratch bytes. */
export function scratch(): u32 {
  return load<u32>(TABLES_BASE + H_SCRATCH);
}

/** Size of scratch in bytes. */
export function scratchBytes(): u32 {
  return valid() ? load<u32>(TABLES_BASE + H_SCRATCH_BYTES) : 0;
}

/** The listener at a local endpoint, or -1; protocols are IP's numbers. */
export function listenerAt(proto: u32, port: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  return findListener(proto, port, a, b, c, d);
}

/** Phase 0. */
export function bind(subjectHigh: u32, subjectLow: u32, proto: u32, port: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  return decideBind(subjectHigh, subjectLow, proto, port, a, b, c, d, false);
}

/** Phase 0 for a subject with a valid token for exactly this bind, which the host has verified. */
export function bindWithToken(subjectHigh: u32, subjectLow: u32, proto: u32, port: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  return decideBind(subjectHigh, subjectLow, proto, port, a, b, c, d, true);
}

/** Phase 1 without caps and limits; VERDICT_OPEN if the name is needed next. */
export function accept4(listener: u32, source: u32): i32 {
  return accept(listener, 0, 0, 0xffff, source);
}

/** The same for an address of either family. */
export function accept6(listener: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  return accept(listener, a, b, c, d);
}

/** Phases 1 and 2 without caps and limits, at a listener or at a group; DETAIL_LISTENER says which listener decided. The name is the first `length` bytes of scratch (0: none was sent). VERDICT_IDENTITY if the client's identity is needed next. */
export function hello(listener: u32, a: u32, b: u32, c: u32, d: u32, length: u32): i32 {
  return acceptFacts(listener, a, b, c, d, length, -1);
}

/** Phases 1 to 3; the words of the client's certificate are the `words` bytes of scratch from SCRATCH_IDENTITY on. */
export function identity(listener: u32, a: u32, b: u32, c: u32, d: u32, length: u32, words: u32): i32 {
  return acceptFacts(listener, a, b, c, d, length, words & 0x7fffffff);
}

/** The verdict with dryrun rules counted (`length` or `words` -1: that fact is unknown), or -1 if there are none. */
export function shadow(listener: u32, a: u32, b: u32, c: u32, d: u32, length: i32, words: i32): i32 {
  return shadowOf(listener, a, b, c, d, length, words);
}

/** Caps and limits of phase 1 for a connection that accept4/6 admitted; `zone` is the interface number of a link-local source (0: not known). */
export function charge(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32): i32 {
  return chargeOne(listener, a, b, c, d, zone, NO_RULE, false);
}

/** Takes a token of each limit per source, where there is one, of a listener to which no name led. */
export function spend(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32): void {
  spendOne(listener, a, b, c, d, zone);
}

/** Caps and limits of phase 4 for a connection that `identity` admitted by `rule`; the key is the identity's hash. */
export function chargeIdentity(listener: u32, a: u32, b: u32, c: u32, d: u32, rule: i32): i32 {
  return chargeOne(listener, a, b, c, d, 0, rule, true);
}

/** Releases the caps of one admitted connection; limits are never refunded. `zone` is the one that was charged. */
export function release(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32): void {
  recountOne(listener, a, b, c, d, zone, false, true);
}

/** Releases the cap of phase 4. */
export function releaseIdentity(listener: u32, a: u32, b: u32, c: u32, d: u32): void {
  recountOne(listener, a, b, c, d, 0, true, true);
}

/** Counts a connection that an earlier policy admitted, regardless of caps. */
export function recount(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32): void {
  recountOne(listener, a, b, c, d, zone, false, false);
}

/** The same for the cap of phase 4. */
export function recountIdentity(listener: u32, a: u32, b: u32, c: u32, d: u32): void {
  recountOne(listener, a, b, c, d, 0, true, false);
}

/** Decides and charges phase 1 for the first `count` records in scratch, in order. Returns the number of records decided. */
export function batch(count: u32): u32 {
  if (!valid()) return 0;
  const room = load<u32>(TABLES_BASE + H_SCRATCH_BYTES) / BATCH_BYTES;
  const done = min(count, room);
  let at = load<usize>(TABLES_BASE + H_SCRATCH);
  for (let left = done; left > 0; left--) {
    const listener = load<u32>(at, R_BATCH_LISTENER);
    const a = load<u32>(at, R_BATCH_SOURCE);
    const b = load<u32>(at, R_BATCH_SOURCE + 4);
    const c = load<u32>(at, R_BATCH_SOURCE + 8);
    const d = load<u32>(at, R_BATCH_SOURCE + 12);
    let verdict = accept(listener, a, b, c, d);
    let would: i32 = 0;
    // At a group nothing is charged before the name has led to a listener.
    if (verdict != VERDICT_DENY && !isGroup(listener)) {
      const waits = verdict != VERDICT_ALLOW;
      verdict = chargeOne(listener, a, b, c, d, load<u32>(at, BATCH_ZONE), load<i32>(DETAIL_BASE, DETAIL_RULE), false);
      would = load<i32>(DETAIL_BASE, DETAIL_WOULD);
      if (waits && verdict != VERDICT_DENY) verdict = open(VERDICT_OPEN, CODE_OPEN);
    }
    store<i32>(at, verdict, R_BATCH_VERDICT);
    store<i32>(at, (would << 24) | (load<i32>(DETAIL_BASE, DETAIL_REASON) << 16) | load<i32>(DETAIL_BASE, DETAIL_CODE), R_BATCH_CODE);
    store<i32>(at, load<i32>(DETAIL_BASE, DETAIL_RULE), R_BATCH_RULE);
    at += BATCH_BYTES;
  }
  return done;
}

/** Writes state records from `cursor` on into scratch; exportNext returns the next cursor (0: done). */
export function exportState(cursor: u32): u32 {
  return valid() ? exportRecords(cursor) : 0;
}

/** The cursor after the last exportState; 0 if all records were exported. */
export function exportNext(): u32 {
  return nextExport();
}

/** Imports `count` state records from scratch. */
export function importState(count: u32): void {
  if (valid()) importRecords(count);
}

/** Concurrent connections of a listener. */
export function connections(listener: u32): u32 {
  return connectionsOf(listener);
}

/** Limit entries in use. */
export function limiterUsed(): u32 {
  return valid() ? usedEntries() : 0;
}
