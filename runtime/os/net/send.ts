// The sending half of a connection: transmission, retransmission and the end of the stream. All data in flight
// fits one ring of 4,096 bytes, which is below the initial window of RFC 6928, so there is no congestion window.
// After a loss, one segment is sent per acknowledgement.

import { copy, count, notAfter } from "./bytes";
import { clear, has, sendRing, set, contiguous } from "./connection";
import {
  CHALLENGES_PER_SECOND,
  C_CHALLENGED_AT,
  C_CHALLENGES,
  C_MAC,
  C_MSS,
  C_PEER,
  C_PORTS,
  C_RECEIVE_NEXT,
  C_RECEIVE_READ,
  C_RECEIVE_ANNOUNCED,
  C_SEND_END,
  C_SEND_NEXT,
  C_SEND_UNACKED,
  C_SEND_WINDOW,
  C_TIMER_AT,
  C_TIMER_MS,
  C_TRIES,
  FLAG_ACK_DUE,
  FLAG_FIN_ACKED,
  FLAG_FIN_QUEUED,
  FLAG_FIN_SENT,
  FLAG_FIN_RECEIVED,
  FLAG_TIMER,
  N_CHALLENGES,
  N_RETRANSMITS,
  RETRANSMIT_MOST_MS,
  RETRANSMIT_MS,
  RETRANSMIT_TRIES,
  RING_BYTES,
} from "./layout";
import { putSegment, SEGMENT, sendSegment, TCP_BYTES } from "./out";
import { now } from "./self";

export const FIN: u32 = 1;
export const SYN: u32 = 2;
export const RST: u32 = 4;
export const PSH: u32 = 8;
export const ACK: u32 = 16;

/** The window to announce. Its right edge never moves left, so data that the peer was allowed to send always fits. */
function window(c: usize): u32 {
  const free = <u32>RING_BYTES - (load<u32>(c, C_RECEIVE_NEXT) - u32(has(c, FLAG_FIN_RECEIVED)) - load<u32>(c, C_RECEIVE_READ));
  store<u32>(c, load<u32>(c, C_RECEIVE_NEXT) + free, C_RECEIVE_ANNOUNCED);
  return free;
}

/** Sends `length` bytes of the ring from `seq` on, with an acknowledgement of everything received. */
function emit(c: usize, seq: u32, length: u32, flags: u32): void {
  putSegment(load<u32>(c, C_PORTS), seq, load<u32>(c, C_RECEIVE_NEXT), flags | ACK, window(c), TCP_BYTES);
  const first = contiguous(seq, length);
  copy(SEGMENT + TCP_BYTES, sendRing(c) + (seq & (RING_BYTES - 1)), first);
  copy(SEGMENT + TCP_BYTES + first, sendRing(c), length - first);
  sendSegment(c + C_MAC, load<u32>(c, C_PEER), TCP_BYTES + length);
  clear(c, FLAG_ACK_DUE);
}

export function startTimer(c: usize): void {
  set(c, FLAG_TIMER);
  store<u32>(c, now() + load<u32>(c, C_TIMER_MS), C_TIMER_AT);
}

/** Resets the retransmission timer after the peer has answered. */
export function calmTimer(c: usize): void {
  store<u32>(c, RETRANSMIT_MS, C_TIMER_MS);
  store<u32>(c, 0, C_TRIES);
  clear(c, FLAG_TIMER);
}

/** Whether any data is unacknowledged or unsent. */
function isDue(c: usize): bool {
  if (has(c, FLAG_FIN_ACKED)) return false;
  return has(c, FLAG_FIN_QUEUED) || load<u32>(c, C_SEND_END) != load<u32>(c, C_SEND_UNACKED);
}

/** Sends all data that the peer's window allows, then the FIN, then an acknowledgement if one is still due. */
export function push(c: usize): void {
  const unacked = load<u32>(c, C_SEND_UNACKED);
  const end = load<u32>(c, C_SEND_END);
  const allowed = min(load<u32>(c, C_SEND_WINDOW), <u32>RING_BYTES);
  while (!has(c, FLAG_FIN_SENT)) {
    const next = load<u32>(c, C_SEND_NEXT);
    const flying = next - unacked;
    const length = min(end - next, min(load<u32>(c, C_MSS), flying < allowed ? allowed - flying : 0));
    const last = has(c, FLAG_FIN_QUEUED) && next + length == end;
    // A FIN alone needs no window.
    if (length == 0 && !last) break;
    store<u32>(c, next + length + u32(last), C_SEND_NEXT);
    if (last) set(c, FLAG_FIN_SENT);
    emit(c, next, length, (next + length == end ? PSH : 0) | (last ? FIN : 0));
  }
  if (isDue(c) && !has(c, FLAG_TIMER)) startTimer(c);
  if (has(c, FLAG_ACK_DUE)) emit(c, load<u32>(c, C_SEND_NEXT), 0, 0);
}

/** Retransmits the first segment, or one byte of it if the window is closed (RFC 9293 section 3.8.6.1). */
export function sendAgain(c: usize): void {
  const unacked = load<u32>(c, C_SEND_UNACKED);
  const end = load<u32>(c, C_SEND_END);
  const window = load<u32>(c, C_SEND_WINDOW);
  const length = min(end - unacked, min(load<u32>(c, C_MSS), window == 0 ? 1 : window));
  const last = has(c, FLAG_FIN_SENT) && unacked + length == end;
  const behind = unacked + length + u32(last);
  if (notAfter(load<u32>(c, C_SEND_NEXT), behind)) store<u32>(c, behind, C_SEND_NEXT);
  count(N_RETRANSMITS);
  emit(c, unacked, length, PSH | (last ? FIN : 0));
}

/** Handles the end of the timer. Returns false after the last retransmission. */
export function retry(c: usize): bool {
  const tries = load<u32>(c, C_TRIES);
  if (tries == <u32>RETRANSMIT_TRIES) return false;
  store<u32>(c, tries + 1, C_TRIES);
  store<u32>(c, min(load<u32>(c, C_TIMER_MS) << 1, <u32>RETRANSMIT_MOST_MS), C_TIMER_MS);
  sendAgain(c);
  startTimer(c);
  return true;
}

/** Announces a larger window after the service has read, once it is worth a segment. */
export function announceWindow(c: usize): void {
  const edge = load<u32>(c, C_RECEIVE_READ) + RING_BYTES;
  if (edge - load<u32>(c, C_RECEIVE_ANNOUNCED) >= <u32>RING_BYTES / 2 && !has(c, FLAG_FIN_RECEIVED)) set(c, FLAG_ACK_DUE);
}

/**
 * RFC 5961: answers a segment that could be forged with a challenge ACK, at a limited rate, and otherwise ignores it.
 * Each connection has a budget of its own. With a budget for all of them, an attacker would see at a connection of
 * its own whether a forged segment was challenged at another (CVE-2016-5696).
 */
export function challengeOf(c: usize): void {
  if (now() - load<u32>(c, C_CHALLENGED_AT) >= 1000) {
    store<u32>(c, now(), C_CHALLENGED_AT);
    store<u32>(c, 0, C_CHALLENGES);
  }
  const sent = load<u32>(c, C_CHALLENGES);
  if (sent == <u32>CHALLENGES_PER_SECOND) return;
  store<u32>(c, sent + 1, C_CHALLENGES);
  count(N_CHALLENGES);
  putSegment(load<u32>(c, C_PORTS), load<u32>(c, C_SEND_NEXT), load<u32>(c, C_RECEIVE_NEXT), ACK, window(c), TCP_BYTES);
  sendSegment(c + C_MAC, load<u32>(c, C_PEER), TCP_BYTES);
}

/** Sends a reset with the sequence number that the peer expects, so that the peer accepts it. */
export function sendReset(c: usize): void {
  emit(c, load<u32>(c, C_SEND_NEXT), 0, RST);
}

/** The answer to a segment that belongs to nothing (RFC 9293 section 3.10.7.1). `span`: its bytes, SYN and FIN counted. */
export function refuse(mac: usize, peer: u32, ports: u32, seq: u32, ack: u32, flags: u32, span: u32): void {
  if ((flags & RST) != 0) return;
  if ((flags & ACK) != 0) putSegment(ports, ack, 0, RST, 0, TCP_BYTES);
  else putSegment(ports, 0, seq + span, RST | ACK, 0, TCP_BYTES);
  sendSegment(mac, peer, TCP_BYTES);
}
