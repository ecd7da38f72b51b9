// The stages of a connection, as decided by the kernel's policy module. Bytes reach a service only after the
// flow was admitted, and after its name was admitted if the policy requires one.

import { count } from "./bytes";
import { halfEnds, has, receiveRing, sendRing, set, contiguous, unread } from "./connection";
import { FAULT, MORE, readHello } from "./hello";
import { admit, close, connect, finish, hello, read, write } from "./kernel";
import {
  C_FLOW,
  C_MOVED_AT,
  C_PEER,
  C_PHASE,
  C_PHASE_AT,
  C_PORTS,
  C_RECEIVE_READ,
  C_SEND_END,
  C_SEND_UNACKED,
  C_STATE,
  FLAG_END_PASSED,
  FLAG_FIN_ACKED,
  FLAG_FIN_QUEUED,
  FLAG_FIN_RECEIVED,
  FLAG_PEER_FIRST,
  HELLO_MS,
  NAME,
  N_BAD_HELLO,
  N_CLOSED,
  PHASE_FORWARD,
  PHASE_HELLO,
  RING_BYTES,
  STATE_FREE,
  STATE_TIME_WAIT,
} from "./layout";
import { now } from "./self";
import { sendReset, announceWindow } from "./send";

/** Closes the flow and frees the slot, or keeps the slot for a while so that late segments still match it. */
export function end(c: usize, whole: bool): void {
  const flow = load<u32>(c, C_FLOW);
  if (flow != 0) close(flow, i32(whole));
  store<u32>(c, 0, C_FLOW);
  count(N_CLOSED);
  store<u32>(c, whole && !has(c, FLAG_PEER_FIRST) ? STATE_TIME_WAIT : STATE_FREE, C_STATE);
  store<u32>(c, now(), C_PHASE_AT);
}

export function abort(c: usize): void {
  sendReset(c);
  end(c, false);
}

/** Checks caps and limits after the handshake. Returns false if the connection is gone. */
export function begin(c: usize): bool {
  const answer = admit(load<u32>(c, C_PORTS) & 0xffff, load<u32>(c, C_PEER));
  if (answer <= 0) {
    abort(c);
    return false;
  }
  store<u32>(c, (<u32>answer) >>> 1, C_FLOW);
  store<u32>(c, PHASE_HELLO, C_PHASE);
  store<u32>(c, now(), C_PHASE_AT);
  return (answer & 1) != 0 || forward(c);
}

function forward(c: usize): bool {
  store<u32>(c, PHASE_FORWARD, C_PHASE);
  if (connect(load<u32>(c, C_FLOW)) != 0) return true;
  abort(c);
  return false;
}

/** Parses the hello once it is complete, and checks its name. Returns false if the connection is gone. */
function decide(c: usize): bool {
  let length = readHello(c);
  if (length == MORE) {
    const late = now() - load<u32>(c, C_PHASE_AT) >= <u32>HELLO_MS;
    if (!late && !has(c, FLAG_FIN_RECEIVED) && unread(c) < <u32>RING_BYTES) return true;
    length = FAULT;
  }
  if (length == FAULT) count(N_BAD_HELLO);
  if (hello(load<u32>(c, C_FLOW), NAME, length == FAULT ? -1 : length) != 0) return forward(c);
  abort(c);
  return false;
}

/** Copies bytes from the ring to the service. Returns false if the service is gone. */
function passIn(c: usize): bool {
  while (unread(c) > 0) {
    const from = load<u32>(c, C_RECEIVE_READ);
    const taken = write(load<u32>(c, C_FLOW), receiveRing(c) + (from & (RING_BYTES - 1)), contiguous(from, unread(c)));
    if (taken < 0) return false;
    if (taken == 0) break;
    store<u32>(c, from + taken, C_RECEIVE_READ);
    store<u32>(c, now(), C_MOVED_AT);
  }
  if (has(c, FLAG_FIN_RECEIVED) && !has(c, FLAG_END_PASSED) && unread(c) == 0) {
    set(c, FLAG_END_PASSED);
    finish(load<u32>(c, C_FLOW));
  }
  return true;
}

/** Copies bytes from the service to the ring. Returns false if the service is gone. */
function passOut(c: usize): bool {
  while (!has(c, FLAG_FIN_QUEUED)) {
    const end = load<u32>(c, C_SEND_END);
    const space = <u32>RING_BYTES - (end - load<u32>(c, C_SEND_UNACKED));
    if (space == 0) break;
    const got = read(load<u32>(c, C_FLOW), sendRing(c) + (end & (RING_BYTES - 1)), contiguous(end, space));
    if (got == 0) break;
    if (got > 0) store<u32>(c, end + got, C_SEND_END);
    else if (got == -1) {
      halfEnds(c);
      set(c, FLAG_FIN_QUEUED | (has(c, FLAG_FIN_RECEIVED) ? FLAG_PEER_FIRST : 0));
    } else return false;
  }
  return true;
}

/** Advances the connection as far as possible. Returns false if the connection is gone. */
export function pump(c: usize): bool {
  if (load<u32>(c, C_PHASE) == PHASE_HELLO && !decide(c)) return false;
  if (load<u32>(c, C_PHASE) != PHASE_FORWARD) return true;
  if (!passIn(c) || !passOut(c)) {
    abort(c);
    return false;
  }
  announceWindow(c);
  return true;
}

/** Whether both halves have ended and everything was acknowledged. */
export function isOver(c: usize): bool {
  return has(c, FLAG_FIN_ACKED) && has(c, FLAG_END_PASSED);
}
