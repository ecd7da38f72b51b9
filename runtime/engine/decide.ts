// Phases 0 (bind), 1 (accept), 2 (hello) and 3 (identity): pure lookups in the tables.

import {
  BIND_BYTES,
  CLOCK_KNOWN,
  CLOCK_WALL,
  DETAIL_BASE,
  DETAIL_LISTENER,
  DIALER_BYTES,
  H_BINDS,
  H_CELL_TREE,
  H_DIALERS,
  H_DIALER_COUNT,
  H_GROUP_FIRST,
  H_IDENTITY_TREE,
  H_LEAD_TREE,
  H_LISTENERS,
  H_LISTENER_COUNT,
  H_NAME_TREE,
  H_PORT_COUNT,
  H_PORT_ENTRIES,
  H_PORT_KEYS,
  H_PORT_SPANS,
  H_RESIDUALS,
  H_SCRATCH,
  H_TIMES,
  LISTENER_BYTES,
  MAX_IDENTITY_WORDS,
  MAX_IDENTITY_WORD_BYTES,
  NO_RULE,
  PORT_ENTRY_BYTES,
  PORT_SPAN_BYTES,
  PROTO_TCP,
  PROTO_UDP,
  RESIDUAL_BYTES,
  R_ENTRY_BIND_COUNT,
  R_ENTRY_BIND_FIRST,
  R_ENTRY_LISTENER,
  R_LISTENER_BINDER,
  R_LISTENER_BIND_ANY,
  R_LISTENER_COUNTED,
  R_LISTENER_IDENTITIES,
  R_LISTENER_SHADOW,
  R_RESIDUAL_CODE,
  R_RESIDUAL_ROW,
  R_RESIDUAL_RULE,
  R_RESIDUAL_TIME_COUNT,
  R_RESIDUAL_TIME_FIRST,
  R_RESIDUAL_VERDICT,
  R_TIME_RESIDUAL,
  SCRATCH_IDENTITY,
  STATUS_VALID,
  TABLES_BASE,
  TIME_BYTES,
} from "../abi/layout";
import {
  CODE_BAD_IDENTITY,
  CODE_BAD_LISTENER,
  CODE_BAD_NAME,
  CODE_BAD_REQUEST,
  CODE_BAD_TABLES,
  CODE_DENY_IDENTITY,
  CODE_DENY_NAME,
  CODE_DIAL_BIND,
  CODE_DIRECT_BIND,
  CODE_EXPIRED,
  CODE_GATEWAY_BIND,
  CODE_LOOPBACK_BIND,
  CODE_NOT_EXPOSED,
  CODE_NOT_GATEWAY,
  CODE_NO_ALLOW,
  CODE_NO_EXPOSE,
  CODE_NO_IDENTITY,
  CODE_NO_NAME,
  CODE_NO_TOKEN,
  CODE_OPEN,
  CODE_OPEN_IDENTITY,
  REASON_CIDR,
  REASON_MTLS,
  REASON_POLICY,
  REASON_SNI,
  VERDICT_ALLOW,
  VERDICT_IDENTITY,
  VERDICT_OPEN,
} from "../abi/verdicts";
import { cellAt } from "./cells";
import { allow, deny, open } from "./detail";
import { classOfWord } from "./identities";
import { classOfName } from "./names";
import { classOf4, classOf6, searchWord } from "./search";

export function valid(): bool {
  return load<u32>(STATUS_VALID) == 1;
}

export function listenerCount(): u32 {
  return load<u32>(TABLES_BASE + H_LISTENER_COUNT);
}

export function listenerRecord(listener: u32): usize {
  return load<usize>(TABLES_BASE + H_LISTENERS) + <usize>listener * LISTENER_BYTES;
}

/** IPv4 addresses are mapped to ::ffff:0:0/96. */
export function isV4(a: u32, b: u32, c: u32): bool {
  return (a | b) == 0 && c == 0xffff;
}

function residualAt(number: u32): usize {
  return load<usize>(TABLES_BASE + H_RESIDUALS) + <usize>number * RESIDUAL_BYTES;
}

/** The residual record in effect now: that of the next end in the future, or `record` itself after all ends. */
function current(record: usize): usize {
  let left = load<u32>(record, R_RESIDUAL_TIME_COUNT);
  if (left == 0 || load<u32>(CLOCK_KNOWN) == 0) return record;
  const now = load<u64>(CLOCK_WALL);
  const times = load<usize>(TABLES_BASE + H_TIMES) + <usize>load<u32>(record, R_RESIDUAL_TIME_FIRST) * TIME_BYTES;
  const end = left;
  let first: u32 = 0;
  // Binary search for the first entry with a time after now.
  while (left > 0) {
    const half = left >> 1;
    if (load<u64>(times + <usize>(first + half) * TIME_BYTES) <= now) {
      first += half + 1;
      left -= half + 1;
    } else left = half;
  }
  return first == end ? record : residualAt(load<u32>(times + <usize>first * TIME_BYTES, R_TIME_RESIDUAL));
}

/** The residual of a source in a column of cells, whatever the time. */
function cellOf(column: u32, a: u32, b: u32, c: u32, d: u32): usize {
  const class_ = isV4(a, b, c) ? classOf4(d) : classOf6(a, b, c, d);
  return residualAt(cellAt(TABLES_BASE + H_CELL_TREE, class_, column));
}

/** The same of a listener, or of its shadow, now. */
function residualOf(column: u32, a: u32, b: u32, c: u32, d: u32): usize {
  return current(cellOf(column, a, b, c, d));
}

/** A bit for each cap and limit of a listener's record that counts the source, or the identity. */
export function countedBits(record: usize, a: u32, b: u32, c: u32, d: u32, ofIdentity: bool): u32 {
  const identities = load<u32>(record, R_LISTENER_IDENTITIES);
  if (ofIdentity) return identities;
  const column = load<u32>(record, R_LISTENER_COUNTED);
  return column == 0 ? ~identities : load<u32>(cellOf(column, a, b, c, d), R_RESIDUAL_ROW);
}

function reasonOf(code: i32): i32 {
  if (code == CODE_NO_ALLOW || code == CODE_EXPIRED) return REASON_POLICY;
  if (code == CODE_DENY_IDENTITY || code == CODE_NO_IDENTITY) return REASON_MTLS;
  return code == CODE_DENY_NAME || code == CODE_NO_NAME ? REASON_SNI : REASON_CIDR;
}

function answer(residual: usize): i32 {
  const code = load<i32>(residual, R_RESIDUAL_CODE);
  const rule = load<i32>(residual, R_RESIDUAL_RULE);
  const verdict = load<i32>(residual, R_RESIDUAL_VERDICT);
  if (verdict == VERDICT_ALLOW) return allow(code, rule);
  if (verdict == VERDICT_OPEN) return open(verdict, CODE_OPEN);
  return verdict == VERDICT_IDENTITY ? open(verdict, CODE_OPEN_IDENTITY) : deny(reasonOf(code), code, rule);
}

/** The residual that follows one that needs the name, or 0 if the name is not canonical. */
function named(residual: usize, length: u32): usize {
  const class_ = classOfName(length);
  if (class_ < 0) return 0;
  return residualAt(cellAt(TABLES_BASE + H_NAME_TREE, load<u32>(residual, R_RESIDUAL_ROW), class_));
}

/** 0 for a deny by a rule, 1 for an allow, 2 if no rule matches. */
function rank(residual: usize): u32 {
  if (load<i32>(residual, R_RESIDUAL_VERDICT) == VERDICT_ALLOW) return 1;
  return load<i32>(residual, R_RESIDUAL_RULE) == NO_RULE ? 2 : 0;
}

/** Phase 3 for a residual that needs the identity; the words are `length` bytes of scratch. */
function identified(residual: usize, length: u32): i32 {
  const row = load<u32>(residual, R_RESIDUAL_ROW);
  if (length > <u32>(MAX_IDENTITY_WORD_BYTES + 2 * MAX_IDENTITY_WORDS)) return deny(REASON_MTLS, CODE_BAD_IDENTITY, NO_RULE);
  // Class 0 has the outcome for any identity.
  let best = residualAt(cellAt(TABLES_BASE + H_IDENTITY_TREE, row, 0));
  let at = load<usize>(TABLES_BASE + H_SCRATCH) + SCRATCH_IDENTITY;
  const end = at + length;
  for (let words: u32 = 0; at < end; words++) {
    if (words == <u32>MAX_IDENTITY_WORDS || end - at < 2) return deny(REASON_MTLS, CODE_BAD_IDENTITY, NO_RULE);
    const size = <usize>load<u16>(at);
    if (size > end - at - 2) return deny(REASON_MTLS, CODE_BAD_IDENTITY, NO_RULE);
    const own = residualAt(cellAt(TABLES_BASE + H_IDENTITY_TREE, row, classOfWord(at + 2, <u32>size)));
    const order = <i32>rank(own) - <i32>rank(best);
    if (order < 0 || (order == 0 && load<i32>(own, R_RESIDUAL_RULE) < load<i32>(best, R_RESIDUAL_RULE))) best = own;
    at += 2 + size;
  }
  return answer(best);
}

/** The listener to which the name in scratch leads at a group, 0xffffffff if to none, or the group itself if it is not canonical. */
function leadOf(group: u32, length: u32): u32 {
  const class_ = classOfName(length);
  if (class_ < 0) return group;
  return cellAt(TABLES_BASE + H_LEAD_TREE, group - load<u32>(TABLES_BASE + H_GROUP_FIRST), class_) - 1;
}

export function isGroup(listener: u32): bool {
  return listener >= load<u32>(TABLES_BASE + H_GROUP_FIRST);
}

/** Phase 1 on the source alone, at a listener or at a group. */
export function accept(listener: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  if (!valid()) return deny(REASON_POLICY, CODE_BAD_TABLES, NO_RULE);
  if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);
  return answer(residualOf(listener, a, b, c, d));
}

/**
 * Phases 1 to 3, at a listener or at a group, of which the name first chooses the listener. The name is the first `length` bytes of scratch; 0 if none was sent. The words of the
 * certificate are `words` bytes of scratch; -1 if the identity is not yet known.
 */
export function acceptFacts(listener: u32, a: u32, b: u32, c: u32, d: u32, length: u32, words: i32): i32 {
  if (!valid()) return deny(REASON_POLICY, CODE_BAD_TABLES, NO_RULE);
  store<u32>(DETAIL_BASE, listener, DETAIL_LISTENER);
  if (listener >= listenerCount()) return deny(REASON_POLICY, CODE_BAD_LISTENER, NO_RULE);
  let residual = residualOf(listener, a, b, c, d);
  if (isGroup(listener) && load<i32>(residual, R_RESIDUAL_VERDICT) == VERDICT_OPEN) {
    const lead = leadOf(listener, length);
    if (lead == listener) return deny(REASON_SNI, CODE_BAD_NAME, NO_RULE);
    if (lead == 0xffffffff) return deny(REASON_SNI, CODE_NO_EXPOSE, NO_RULE);
    store<u32>(DETAIL_BASE, lead, DETAIL_LISTENER);
    residual = residualOf(lead, a, b, c, d);
  }
  return decided(residual, <i32>length, words);
}

/** Decides a residual of phase 1 with the facts of later phases; -1 for a fact that is not yet known. */
function decided(residual: usize, length: i32, words: i32): i32 {
  if (load<i32>(residual, R_RESIDUAL_VERDICT) == VERDICT_OPEN && length >= 0) {
    residual = named(residual, length);
    if (residual == 0) return deny(REASON_SNI, CODE_BAD_NAME, NO_RULE);
  }
  return load<i32>(residual, R_RESIDUAL_VERDICT) == VERDICT_IDENTITY && words >= 0 ? identified(residual, words) : answer(residual);
}

/** The same at a listener, or phase 1 at a group, with dryrun rules counted; -1 if there are none. */
export function shadowOf(listener: u32, a: u32, b: u32, c: u32, d: u32, length: i32, words: i32): i32 {
  if (!valid() || listener >= listenerCount()) return -1;
  const column = load<u32>(listenerRecord(listener), R_LISTENER_SHADOW);
  // Where a name leads does not depend on dryrun rules, so that at a group there is only phase 1.
  return column == 0 ? -1 : decided(residualOf(column, a, b, c, d), isGroup(listener) ? -1 : length, words);
}

function isLoopback(a: u32, b: u32, c: u32, d: u32): bool {
  if (isV4(a, b, c)) return d >>> 24 == 127;
  return (a | b | c) == 0 && d == 1;
}

/** 0.0.0.0 and ::, which mean every local address. */
function isWildcard(a: u32, b: u32, c: u32, d: u32): bool {
  return (a | b | d) == 0 && (c == 0 || c == 0xffff);
}

function within(entry: usize, a: u32, b: u32, c: u32, d: u32): bool {
  const hi = ((<u64>a) << 32) | b;
  const lo = ((<u64>c) << 32) | d;
  let bind = load<usize>(TABLES_BASE + H_BINDS) + <usize>load<u32>(entry, R_ENTRY_BIND_FIRST) * BIND_BYTES;
  for (let left = load<u32>(entry, R_ENTRY_BIND_COUNT); left > 0; left--) {
    const firstHi = ((<u64>load<u32>(bind)) << 32) | load<u32>(bind, 4);
    const firstLo = ((<u64>load<u32>(bind, 8)) << 32) | load<u32>(bind, 12);
    const lastHi = ((<u64>load<u32>(bind, 16)) << 32) | load<u32>(bind, 20);
    const lastLo = ((<u64>load<u32>(bind, 24)) << 32) | load<u32>(bind, 28);
    if ((hi > firstHi || (hi == firstHi && lo >= firstLo)) && (hi < lastHi || (hi == lastHi && lo <= lastLo))) return true;
    bind += BIND_BYTES;
  }
  return false;
}

/** The listener at a local endpoint, or -1. Only a `bind any` listener matches a wildcard address. */
export function listenerAt(proto: u32, port: u32, a: u32, b: u32, c: u32, d: u32): i32 {
  if (!valid() || port - 1 >= 65535 || (proto != PROTO_TCP && proto != PROTO_UDP)) return -1;
  const keys = load<usize>(TABLES_BASE + H_PORT_KEYS);
  const found = searchWord(keys, load<u32>(TABLES_BASE + H_PORT_COUNT), (proto << 16) | port);
  const span = load<usize>(TABLES_BASE + H_PORT_SPANS) + <usize>found * PORT_SPAN_BYTES;
  let entry = load<usize>(TABLES_BASE + H_PORT_ENTRIES) + <usize>load<u32>(span) * PORT_ENTRY_BYTES;
  const wildcard = isWildcard(a, b, c, d);
  for (let left = load<u32>(span, 4); left > 0; left--) {
    const listener = load<u32>(entry, R_ENTRY_LISTENER);
    if (load<u32>(listenerRecord(listener), R_LISTENER_BIND_ANY) != 0) return listener;
    if (!wildcard && within(entry, a, b, c, d)) return listener;
    entry += PORT_ENTRY_BYTES;
  }
  return -1;
}

/** Whether the service may use udp as a client. */
function dials(subject: u64): bool {
  let at = load<usize>(TABLES_BASE + H_DIALERS);
  for (let left = load<u32>(TABLES_BASE + H_DIALER_COUNT); left > 0; left--) {
    if (load<u64>(at) == subject) return true;
    at += DIALER_BYTES;
  }
  return false;
}

/** FNV-1a-64 of "ingressd". */
const INGRESSD: u64 = 0xbf71cd04b2ec8134;

/**
 * Phase 0: whether the subject (FNV-1a-64 of its name) may bind this local endpoint. `token` is true if there is a
 * valid token for exactly these facts. Only the listener's own binder may bind, and all but ingressd need a token.
 */
export function decideBind(high: u32, low: u32, proto: u32, port: u32, a: u32, b: u32, c: u32, d: u32, token: bool): i32 {
  if (!valid()) return deny(REASON_POLICY, CODE_BAD_TABLES, NO_RULE);
  if (port > 65535 || (proto != PROTO_TCP && proto != PROTO_UDP)) return deny(REASON_POLICY, CODE_BAD_REQUEST, NO_RULE);
  if (isLoopback(a, b, c, d)) return allow(CODE_LOOPBACK_BIND, NO_RULE);
  const subject = ((<u64>high) << 32) | low;
  if (port == 0 && proto == PROTO_UDP && isWildcard(a, b, c, d) && dials(subject)) return allow(CODE_DIAL_BIND, NO_RULE);
  const listener = listenerAt(proto, port, a, b, c, d);
  if (listener < 0 || load<u64>(listenerRecord(listener), R_LISTENER_BINDER) != subject) {
    return deny(REASON_POLICY, subject == INGRESSD ? CODE_NOT_EXPOSED : CODE_NOT_GATEWAY, NO_RULE);
  }
  if (subject == INGRESSD) return allow(CODE_GATEWAY_BIND, NO_RULE);
  return token ? allow(CODE_DIRECT_BIND, NO_RULE) : deny(REASON_POLICY, CODE_NO_TOKEN, NO_RULE);
}
