// Incoming segments (RFC 9293 section 3.10, with the checks of RFC 5961). To reset a connection or to inject bytes, a blind
// attacker has to send the one number of 2^32 that is due, or one in the window with an acknowledgement in another.
// No answer that it sees says whether a forged segment was near (send.ts, challengeOf).

import { before, count, get16, get32, notAfter } from "./bytes";
import { find, halfEnds, has, set, take } from "./connection";
import { beginHandshake, dropHalfOpen, findHalfOpen, isRecent, OWN_MSS, sendSynAck } from "./half_open";
import { begin, end, isOver, pump } from "./ingress";
import { peek } from "./kernel";
import {
  C_MAC,
  C_MOVED_AT,
  C_MSS,
  C_PHASE_AT,
  C_RECEIVE_NEXT,
  C_RECEIVE_READ,
  C_RECEIVE_ANNOUNCED,
  C_SEND_END,
  C_SEND_NEXT,
  C_SEND_UNACKED,
  C_SEND_WINDOW,
  C_STATE,
  C_TRIES,
  C_WINDOW_ACK,
  C_WINDOW_SEQ,
  FLAG_ACK_DUE,
  FLAG_FIN_ACKED,
  FLAG_FIN_RECEIVED,
  FLAG_FIN_SENT,
  N_ESTABLISHED,
  N_NO_SLOT,
  N_REFUSED,
  N_RESETS_TAKEN,
  N_SYNS,
  O_MSS,
  O_OURS,
  O_THEIRS,
  RING_BYTES,
  STATE_OPEN,
  STATE_TIME_WAIT,
} from "./layout";
import { TCP_BYTES } from "./out";
import { receive } from "./receive";
import { now } from "./self";
import { ACK, calmTimer, challengeOf, FIN, push, refuse, RST, sendAgain, SYN } from "./send";

const LEAST_MSS: u32 = 64;
const MSS_WITHOUT_OPTION: u32 = 536;
const OPTION_END: u32 = 0;
const OPTION_NOTHING: u32 = 1;
const OPTION_MSS: u32 = 2;

/** The current segment; set once, before anything reads these. */
let at: usize = 0;
let headerBytes: u32 = 0;
let dataBytes: u32 = 0;
let seq: u32 = 0;
let ack: u32 = 0;
let flags: u32 = 0;
let peer: u32 = 0;
let ports: u32 = 0;
let sender: usize = 0;

/** Parses a segment of `length` bytes (at least 20) with a correct checksum. Returns false if it is malformed. */
export function segment(from: usize, length: u32, source: u32, mac: usize): bool {
  at = from;
  headerBytes = ((<u32>load<u8>(at, 12)) >>> 4) << 2;
  flags = load<u8>(at, 13);
  if (headerBytes < TCP_BYTES || headerBytes > length || !hasValidFlags()) return false;
  dataBytes = length - headerBytes;
  seq = get32(at + 4);
  ack = get32(at + 8);
  peer = source;
  ports = (get16(at) << 16) | get16(at + 2);
  sender = mac;
  if (ports >>> 16 == 0 || (ports & 0xffff) == 0) return false;
  const c = find(peer, ports);
  if (c != 0 && load<u32>(c, C_STATE) == STATE_OPEN) known(c);
  else if (c == 0 || !ended(c)) unknown();
  return true;
}

/** Whether the flags are valid. No TCP sends SYN with FIN or RST, nor a segment without any of SYN, ACK and RST. */
function hasValidFlags(): bool {
  if ((flags & SYN) != 0 && (flags & (FIN | RST)) != 0) return false;
  return (flags & (SYN | ACK | RST)) != 0;
}

/** Handles a segment for an ended connection. Returns false if the segment starts a new one. */
function ended(c: usize): bool {
  if ((flags & (SYN | ACK)) == SYN && before(load<u32>(c, C_RECEIVE_NEXT), seq)) {
    store<u32>(c, 0, C_STATE);
    return false;
  }
  if ((flags & RST) == 0) challengeOf(c);
  return true;
}

function refuseThis(): void {
  count(N_REFUSED);
  refuse(sender, peer, ports, seq, ack, flags, dataBytes + u32((flags & SYN) != 0) + u32((flags & FIN) != 0));
}

function unknown(): void {
  const o = findHalfOpen(peer, ports);
  if (o != 0) handshake(o);
  else if ((flags & (SYN | ACK | RST)) != SYN) {
    // Silence for a client whose handshake was replaced: its next segments after the 7 s get the reset.
    if ((flags & (SYN | ACK)) != ACK || !isRecent(peer, ports, ack - 1)) refuseThis();
  } else {
    count(N_SYNS);
    if (peek(ports & 0xffff, peer) != 0) beginHandshake(sender, peer, ports, seq, mssOption());
    else refuseThis();
  }
}

/** The largest segment that the peer accepts (RFC 9293 section 3.7.1), within our own bounds. */
function mssOption(): u32 {
  const last = at + headerBytes;
  let option = at + TCP_BYTES;
  while (option < last) {
    const kind = <u32>load<u8>(option);
    if (kind == OPTION_END) break;
    if (kind == OPTION_NOTHING) {
      option++;
      continue;
    }
    if (last - option < 2) break;
    const length = <u32>load<u8>(option, 1);
    if (length < 2 || length > <u32>(last - option)) break;
    if (kind == OPTION_MSS && length == 4) return max(LEAST_MSS, min(OWN_MSS, get16(option + 2)));
    option += length;
  }
  return MSS_WITHOUT_OPTION;
}

/**
 * Handles a segment for a half-open handshake. Nothing is challenged: challenges would need a bound that all handshakes share, and
 * an attacker would see at its own how often others were challenged. A client that has begun anew answers the next SYN-ACK
 * with the reset that is due.
 */
function handshake(o: usize): void {
  const next = load<u32>(o, O_THEIRS) + 1;
  if ((flags & RST) != 0) {
    if (seq == next) dropHalfOpen(o);
  } else if ((flags & SYN) != 0) {
    if (seq + 1 == next && (flags & ACK) == 0) sendSynAck(o);
  } else if (ack != load<u32>(o, O_OURS) + 1) refuseThis();
  else if (seq - next < <u32>RING_BYTES) establish(o, next);
}

function establish(o: usize, next: u32): void {
  dropHalfOpen(o);
  const c = take(peer, ports, sender);
  if (c == 0) {
    count(N_NO_SLOT);
    refuseThis();
    return;
  }
  count(N_ESTABLISHED);
  const ours = load<u32>(o, O_OURS) + 1;
  store<u32>(c, STATE_OPEN, C_STATE);
  store<u32>(c, load<u32>(o, O_MSS), C_MSS);
  store<u32>(c, ours, C_SEND_UNACKED);
  store<u32>(c, ours, C_SEND_NEXT);
  store<u32>(c, ours, C_SEND_END);
  store<u32>(c, next, C_RECEIVE_NEXT);
  store<u32>(c, next, C_RECEIVE_READ);
  store<u32>(c, next + RING_BYTES, C_RECEIVE_ANNOUNCED);
  // Makes the window of the first segment newer.
  store<u32>(c, seq - 1, C_WINDOW_SEQ);
  store<u32>(c, ack, C_WINDOW_ACK);
  store<u32>(c, now(), C_MOVED_AT);
  store<u32>(c, now(), C_PHASE_AT);
  calmTimer(c);
  if (begin(c)) known(c);
}

/** Whether part of the segment is in the window (RFC 9293 section 3.4). */
function isAcceptable(c: usize): bool {
  const next = load<u32>(c, C_RECEIVE_NEXT);
  const open = load<u32>(c, C_RECEIVE_READ) + RING_BYTES + u32(has(c, FLAG_FIN_RECEIVED)) - next;
  const span = dataBytes + u32((flags & FIN) != 0);
  if (span == 0) return open == 0 ? seq == next : seq - next < open;
  return open > 0 && (seq - next < open || seq + span - 1 - next < open);
}

function known(c: usize): void {
  if ((flags & RST) != 0) {
    if (seq == load<u32>(c, C_RECEIVE_NEXT)) {
      count(N_RESETS_TAKEN);
      end(c, false);
    } else if (isAcceptable(c)) challengeOf(c);
    return;
  }
  if ((flags & SYN) != 0) {
    challengeOf(c);
    return;
  }
  if (!isAcceptable(c)) {
    // Duplicate data is acknowledged at once. A segment without data is not, because two hosts could answer each other for ever.
    if (dataBytes != 0 || (flags & FIN) != 0) {
      set(c, FLAG_ACK_DUE);
      push(c);
    } else challengeOf(c);
    return;
  }
  const lowest = load<u32>(c, C_SEND_UNACKED) - RING_BYTES;
  if (before(ack, lowest) || before(load<u32>(c, C_SEND_NEXT), ack)) {
    challengeOf(c);
    return;
  }
  acknowledged(c);
  taken(c);
  settle(c);
}

/** Called after a change: exchanges bytes with the service, then sends what is due. */
export function settle(c: usize): void {
  if (!pump(c)) return;
  push(c);
  if (isOver(c)) end(c, true);
}

/** Processes the acknowledgement and the window of the peer. */
function acknowledged(c: usize): void {
  const unacked = load<u32>(c, C_SEND_UNACKED);
  if (before(load<u32>(c, C_WINDOW_SEQ), seq) || (load<u32>(c, C_WINDOW_SEQ) == seq && notAfter(load<u32>(c, C_WINDOW_ACK), ack))) {
    store<u32>(c, get16(at + 14), C_SEND_WINDOW);
    store<u32>(c, seq, C_WINDOW_SEQ);
    store<u32>(c, ack, C_WINDOW_ACK);
    // A peer that answers with a closed window is alive; only the idle bound ends the connection.
    if (get16(at + 14) == 0) store<u32>(c, 0, C_TRIES);
  }
  if (!before(unacked, ack)) return;
  const lost = load<u32>(c, C_TRIES) != 0;
  const whole = has(c, FLAG_FIN_SENT) && ack == load<u32>(c, C_SEND_NEXT);
  store<u32>(c, ack, C_SEND_UNACKED);
  store<u32>(c, now(), C_MOVED_AT);
  calmTimer(c);
  if (whole) set(c, FLAG_FIN_ACKED);
  // Segments after the lost one may be lost as well.
  else if (lost && before(ack, load<u32>(c, C_SEND_NEXT))) sendAgain(c);
}

/** Data and FIN. */
function taken(c: usize): void {
  if (dataBytes == 0 && (flags & FIN) == 0) return;
  set(c, FLAG_ACK_DUE);
  if (has(c, FLAG_FIN_RECEIVED)) return;
  if (receive(c, seq, at + headerBytes, dataBytes)) store<u32>(c, now(), C_MOVED_AT);
  // The peer retransmits a FIN that arrived before the data that precedes it.
  if ((flags & FIN) != 0 && seq + dataBytes == load<u32>(c, C_RECEIVE_NEXT)) {
    store<u32>(c, seq + dataBytes + 1, C_RECEIVE_NEXT);
    halfEnds(c);
    set(c, FLAG_FIN_RECEIVED);
  }
}
