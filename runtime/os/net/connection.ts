// The table of connections: bounded, looked up by peer and ports, with a ring buffer per direction.

import { copy } from "./bytes";
import {
  CONNECTION_BYTES,
  CONNECTION_COUNT,
  CONNECTIONS,
  C_FLAGS,
  C_HALF_AT,
  C_MAC,
  C_PEER,
  C_PHASE_AT,
  C_PORTS,
  C_RECEIVE_NEXT,
  C_RECEIVE_READ,
  C_STATE,
  FLAG_FIN_QUEUED,
  FLAG_FIN_RECEIVED,
  RECEIVED,
  RING_BYTES,
  STATE_FREE,
  STATE_TIME_WAIT,
  TO_SEND,
} from "./layout";
import { hasRoom } from "./places";
import { now } from "./self";

export function connectionAt(index: u32): usize {
  return <usize>CONNECTIONS + <usize>index * CONNECTION_BYTES;
}

/** The connection with these peer and ports, or 0. */
export function find(peer: u32, ports: u32): usize {
  for (let i: u32 = 0; i < <u32>CONNECTION_COUNT; i++) {
    const c = connectionAt(i);
    if (load<u32>(c, C_STATE) != STATE_FREE && load<u32>(c, C_PEER) == peer && load<u32>(c, C_PORTS) == ports) return c;
  }
  return 0;
}

/** A free slot, else the slot of the connection that ended longest ago, else 0; 0 also where the free ones are reserved for other ports. */
export function take(peer: u32, ports: u32, mac: usize): usize {
  if (!hasRoom(CONNECTIONS, CONNECTION_BYTES, CONNECTION_COUNT, ports & 0xffff)) return 0;
  let best: usize = 0;
  for (let i: u32 = 0; i < <u32>CONNECTION_COUNT; i++) {
    const c = connectionAt(i);
    const state = load<u32>(c, C_STATE);
    if (state == STATE_FREE) {
      best = c;
      break;
    }
    if (state == STATE_TIME_WAIT && (best == 0 || <i32>(load<u32>(c, C_PHASE_AT) - load<u32>(best, C_PHASE_AT)) < 0)) best = c;
  }
  if (best == 0) return 0;
  memory.fill(best, 0, CONNECTION_BYTES);
  store<u32>(best, peer, C_PEER);
  store<u32>(best, ports, C_PORTS);
  copy(best + C_MAC, mac, 6);
  return best;
}

function ring(base: usize, c: usize): usize {
  return base + ((c - CONNECTIONS) / CONNECTION_BYTES) * RING_BYTES;
}

export function receiveRing(c: usize): usize {
  return ring(RECEIVED, c);
}

export function sendRing(c: usize): usize {
  return ring(TO_SEND, c);
}

/** Number of bytes from the sequence number `seq` on that are contiguous in the ring, at most `length`. */
export function contiguous(seq: u32, length: u32): u32 {
  return min(length, <u32>RING_BYTES - (seq & (RING_BYTES - 1)));
}

/** Number of bytes that were received in order and not read yet. */
export function unread(c: usize): u32 {
  return load<u32>(c, C_RECEIVE_NEXT) - load<u32>(c, C_RECEIVE_READ) - u32(has(c, FLAG_FIN_RECEIVED));
}

/** The received byte at `offset` after the first unread one. */
export function peekByte(c: usize, offset: u32): u32 {
  return load<u8>(receiveRing(c) + ((load<u32>(c, C_RECEIVE_READ) + offset) & (RING_BYTES - 1)));
}

export function has(c: usize, flag: u32): bool {
  return (load<u32>(c, C_FLAGS) & flag) != 0;
}

export function set(c: usize, flag: u32): void {
  store<u32>(c, load<u32>(c, C_FLAGS) | flag, C_FLAGS);
}

/** Notes the time at which a half ends, if it is the first of the two. */
export function halfEnds(c: usize): void {
  if (!has(c, FLAG_FIN_RECEIVED | FLAG_FIN_QUEUED)) store<u32>(c, now(), C_HALF_AT);
}

export function clear(c: usize, flag: u32): void {
  store<u32>(c, load<u32>(c, C_FLAGS) & ~flag, C_FLAGS);
}
