// Caps and limits of a connection that the rules admit. All caps and limits of a phase are checked first; then
// either all are charged or none. Caps are checked before limits, so a cap is reported when both are full. Phase 1
// charges the listener and the source, phase 4 the identity, whose key has the format of a source address. `countedBits` says
// which records of the listener count a source. A dryrun cap or limit refuses nothing; the charge only says what it would have refused.

import {
  CAP_LOST,
  CAP_PER_KEY,
  CAP_PER_LISTENER,
  DETAIL_BASE,
  DETAIL_WOULD,
  H_LISTENER_STATE,
  LIMIT_BYTES,
  LIMIT_PER_KEY,
  LIMIT_PER_LISTENER,
  LISTENER_STATE_BYTES,
  NO_RULE,
  R_LIMIT_COUNT,
  R_LIMIT_PERIOD_MS,
  R_LISTENER_CAP,
  R_LISTENER_LIMIT_COUNT,
  R_LISTENER_LIMIT_FIRST,
  TABLES_BASE,
  WORK_DEBTS,
  WORK_PRINTS,
} from "../abi/layout";
import {
  CODE_ALLOWED,
  CODE_BAD_LISTENER,
  CODE_BAD_TABLES,
  CODE_CAP_IDENTITY,
  CODE_CAP_LISTENER,
  CODE_CAP_SOURCE,
  CODE_CAP_TABLE,
  CODE_LIMIT_IDENTITY,
  CODE_LIMIT_LISTENER,
  CODE_LIMIT_SOURCE,
  REASON_POLICY,
  REASON_RATE,
} from "../abi/verdicts";
import { capCount, capEntry, dropCap, keepCap } from "./caps";
import { countedBits, listenerCount, listenerRecord, valid } from "./decide";
import { allow, deny } from "./detail";
import { conforms, isDryrun, keyPrint, kindOf, limitRecord, listenerDebt, setListenerDebt, setSourceDebt, sourceDebt } from "./limits";

function connectionsAt(listener: u32): usize {
  return load<usize>(TABLES_BASE + H_LISTENER_STATE) + <usize>listener * LISTENER_STATE_BYTES;
}

export function connections(listener: u32): u32 {
  return valid() && listener < listenerCount() ? load<u32>(connectionsAt(listener)) : 0;
}

/**
 * Checks and charges a phase's caps and limits for one connection that the allow `rule` admitted. `zone` is the interface number of a link-local source, else 0.
 * Where a dryrun cap or limit would have refused it, it is charged to no dryrun limit; dryrun caps count it, because it is open.
 */
export function charge(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32, rule: i32, ofIdentity: bool): i32 {
  store<u32>(DETAIL_BASE, 0, DETAIL_WOULD);
  if (!valid()) return deny(REASON_POLICY, CODE_BAD_TABLES, NO_RULE);
  if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);
  const record = listenerRecord(listener);
  const state = connectionsAt(listener);
  if (!ofIdentity && load<u32>(state) >= load<u32>(record, R_LISTENER_CAP)) return deny(REASON_RATE, CODE_CAP_LISTENER, rule);

  const counted = countedBits(record, a, b, c, d, ofIdentity);
  const first = load<u32>(record, R_LISTENER_LIMIT_FIRST);
  const count = load<u32>(record, R_LISTENER_LIMIT_COUNT);
  let would: i32 = 0;
  for (let i: u32 = 0; i < count; i++) {
    if (((counted >>> i) & 1) == 0) continue;
    const limit = limitRecord(first + i);
    const kind = kindOf(limit);
    let debt: u64 = 0;
    let full: i32 = 0;
    if (kind == LIMIT_PER_LISTENER) {
      debt = listenerDebt(first + i);
      if (!conforms(limit, debt)) full = CODE_LIMIT_LISTENER;
    } else if (kind == CAP_PER_LISTENER) {
      if (load<u32>(state) >= load<u32>(limit, R_LIMIT_COUNT)) full = CODE_CAP_LISTENER;
    } else {
      const print = keyPrint(limit, a, b, c, d, zone);
      store<u64>(WORK_PRINTS + (i << 3), print);
      if (kind == CAP_PER_KEY) {
        const entry = capEntry(print, isDryrun(limit));
        if (entry == 0 || load<u32>(CAP_LOST) != 0) full = CODE_CAP_TABLE;
        else if (capCount(entry) >= load<u32>(limit, R_LIMIT_COUNT)) full = ofIdentity ? CODE_CAP_IDENTITY : CODE_CAP_SOURCE;
      } else {
        debt = sourceDebt(first + i, print >>> 16);
        if (!conforms(limit, debt)) full = ofIdentity ? CODE_LIMIT_IDENTITY : CODE_LIMIT_SOURCE;
      }
    }
    if (full != 0) {
      if (!isDryrun(limit)) return deny(REASON_RATE, full, rule);
      if (would == 0) would = full;
    }
    store<u64>(WORK_DEBTS + (i << 3), debt + load<u32>(limit, R_LIMIT_PERIOD_MS));
  }
  store<u32>(DETAIL_BASE, would, DETAIL_WOULD);

  if (!ofIdentity) store<u32>(state, load<u32>(state) + 1);
  for (let i: u32 = 0; i < count; i++) {
    if (((counted >>> i) & 1) == 0) continue;
    const at = limitRecord(first + i);
    const kind = kindOf(at);
    const dryrun = isDryrun(at);
    const print = load<u64>(WORK_PRINTS + (i << 3));
    const debt = load<u64>(WORK_DEBTS + (i << 3));
    // Two caps may have found the same free entry, so each is looked up again.
    if (kind == CAP_PER_KEY) keepCap(print, dryrun);
    else if (dryrun && (would != 0 || kind == CAP_PER_LISTENER)) continue;
    else if (kind == LIMIT_PER_LISTENER) setListenerDebt(first + i, debt);
    else setSourceDebt(first + i, print >>> 16, debt);
  }
  return allow(CODE_ALLOWED, rule);
}

/** Takes a token of each limit per source of a listener, where there is one. */
export function spend(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32): void {
  if (!valid() || listener >= listenerCount()) return;
  const record = listenerRecord(listener);
  let counted = countedBits(record, a, b, c, d, false);
  let limit = load<u32>(record, R_LISTENER_LIMIT_FIRST);
  for (let left = load<u32>(record, R_LISTENER_LIMIT_COUNT); left > 0; left--, limit++, counted >>>= 1) {
    const at = limitRecord(limit);
    if ((counted & 1) == 0 || kindOf(at) != LIMIT_PER_KEY) continue;
    const key = keyPrint(at, a, b, c, d, zone) >>> 16;
    const debt = sourceDebt(limit, key);
    if (conforms(at, debt)) setSourceDebt(limit, key, debt + load<u32>(at, R_LIMIT_PERIOD_MS));
  }
}

/**
 * Counts a connection that an earlier policy admitted, even if that exceeds its caps; or, with `back`, releases the caps of one connection. Limits
 * are never refunded.
 */
export function recount(listener: u32, a: u32, b: u32, c: u32, d: u32, zone: u32, ofIdentity: bool, back: bool): void {
  if (!valid() || listener >= listenerCount()) return;
  const record = listenerRecord(listener);
  const state = connectionsAt(listener);
  const open = load<u32>(state);
  if (!ofIdentity && (!back || open > 0)) store<u32>(state, back ? open - 1 : open + 1);
  let counted = countedBits(record, a, b, c, d, ofIdentity);
  let at = limitRecord(load<u32>(record, R_LISTENER_LIMIT_FIRST));
  for (let left = load<u32>(record, R_LISTENER_LIMIT_COUNT); left > 0; left--, at += LIMIT_BYTES, counted >>>= 1) {
    if ((counted & 1) == 0 || kindOf(at) != CAP_PER_KEY) continue;
    const print = keyPrint(at, a, b, c, d, zone);
    if (back) dropCap(print, isDryrun(at));
    else keepCap(print, isDryrun(at));
  }
}
