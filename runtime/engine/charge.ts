// Caps and limits of a connection that the rules admit: all are checked, then all are charged
// or none. Caps come first, so that they are named when both are full.

import {
  CAP_LOST, H_LISTENER_STATE, LIMIT_PER_LISTENER, LISTENER_STATE_BYTES, NO_RULE, R_LIMIT_KIND, R_LIMIT_PERIOD_MS,
  R_LISTENER_CAP, R_LISTENER_CAP_SOURCE, R_LISTENER_LIMIT_COUNT, R_LISTENER_LIMIT_FIRST, TABLES_BASE,
  WORK_DEBTS, WORK_PRINTS,
} from "../abi/layout";
import {
  CODE_ALLOWED, CODE_BAD_LISTENER, CODE_BAD_TABLES, CODE_CAP_LISTENER, CODE_CAP_SOURCE, CODE_CAP_TABLE,
  CODE_LIMIT_LISTENER, CODE_LIMIT_SOURCE, REASON_POLICY, REASON_RATE,
} from "../abi/verdicts";
import { addCap, capCount, capEntry, capPrint, dropCap, keepCap } from "./caps";
import { listenerCount, listenerRecord, valid } from "./decide";
import { allow, deny } from "./detail";
import {
  conforms, limitPrint, limitRecord, listenerDebt, setListenerDebt, setSourceDebt, sourceDebt,
} from "./limits";

function connectionsAt(listener: u32): usize {
  return load<usize>(TABLES_BASE + H_LISTENER_STATE) + <usize>listener * LISTENER_STATE_BYTES;
}

export function connections(listener: u32): u32 {
  return valid() && listener < listenerCount() ? load<u32>(connectionsAt(listener)) : 0;
}

/** Phase 1's caps and limits for one connection; `rule` is the allow that admitted it. */
export function charge(listener: u32, a: u32, b: u32, c: u32, d: u32, rule: i32): i32 {
  if (!valid()) return deny(REASON_POLICY, CODE_BAD_TABLES, NO_RULE);
  if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);
  const record = listenerRecord(listener);
  const state = connectionsAt(listener);
  if (load<u32>(state) >= load<u32>(record, R_LISTENER_CAP)) return deny(REASON_RATE, CODE_CAP_LISTENER, rule);

  const capSource = load<u32>(record, R_LISTENER_CAP_SOURCE);
  let print: u64 = 0;
  let entry: usize = 0;
  if (capSource != 0) {
    print = capPrint(record, a, b, c, d);
    entry = capEntry(print);
    if (entry == 0 || load<u32>(CAP_LOST) != 0) return deny(REASON_RATE, CODE_CAP_TABLE, rule);
    if (capCount(entry) >= capSource) return deny(REASON_RATE, CODE_CAP_SOURCE, rule);
  }

  const first = load<u32>(record, R_LISTENER_LIMIT_FIRST);
  const count = load<u32>(record, R_LISTENER_LIMIT_COUNT);
  for (let i: u32 = 0; i < count; i++) {
    const limit = limitRecord(first + i);
    let debt: u64 = 0;
    if (load<u32>(limit, R_LIMIT_KIND) == LIMIT_PER_LISTENER) {
      debt = listenerDebt(first + i);
      if (!conforms(limit, debt)) return deny(REASON_RATE, CODE_LIMIT_LISTENER, rule);
    } else {
      const key = limitPrint(limit, a, b, c, d);
      store<u64>(WORK_PRINTS + (i << 3), key);
      debt = sourceDebt(first + i, key);
      if (!conforms(limit, debt)) return deny(REASON_RATE, CODE_LIMIT_SOURCE, rule);
    }
    store<u64>(WORK_DEBTS + (i << 3), debt + load<u32>(limit, R_LIMIT_PERIOD_MS));
  }

  store<u32>(state, load<u32>(state) + 1);
  if (capSource != 0) addCap(entry, print);
  for (let i: u32 = 0; i < count; i++) {
    const debt = load<u64>(WORK_DEBTS + (i << 3));
    if (load<u32>(limitRecord(first + i), R_LIMIT_KIND) == LIMIT_PER_LISTENER) setListenerDebt(first + i, debt);
    else setSourceDebt(first + i, load<u64>(WORK_PRINTS + (i << 3)), debt);
  }
  return allow(CODE_ALLOWED, rule);
}

/** Gives the caps of one connection back; limits are never refunded. */
export function release(listener: u32, a: u32, b: u32, c: u32, d: u32): void {
  if (!valid() || listener >= listenerCount()) return;
  const record = listenerRecord(listener);
  const state = connectionsAt(listener);
  if (load<u32>(state) > 0) store<u32>(state, load<u32>(state) - 1);
  if (load<u32>(record, R_LISTENER_CAP_SOURCE) != 0) dropCap(capPrint(record, a, b, c, d));
}

/** Counts a connection that an earlier policy admitted: it holds its caps, full or not. */
export function recount(listener: u32, a: u32, b: u32, c: u32, d: u32): void {
  if (!valid() || listener >= listenerCount()) return;
  const record = listenerRecord(listener);
  const state = connectionsAt(listener);
  store<u32>(state, load<u32>(state) + 1);
  if (load<u32>(record, R_LISTENER_CAP_SOURCE) != 0) keepCap(capPrint(record, a, b, c, d));
}
