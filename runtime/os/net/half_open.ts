// Half-open handshakes, in a separate table, so a SYN flood takes no slot of a connection. Each port has a part of it
// (places.ts). Where a port has no slot left, its oldest handshake is replaced. To keep a client out, a flood has to
// refill the slots of that client's own port within its round trip.

import { copy, count } from "./bytes";
import {
  HALF_OPEN,
  HANDSHAKE_MS,
  SEQUENCE_PER_MS,
  HALF_OPEN_BYTES,
  HALF_OPEN_COUNT,
  N_HALF_OPEN_EVICTED,
  N_HALF_OPEN_TIMEOUT,
  O_MAC,
  O_MSS,
  O_OURS,
  O_PEER,
  O_PORTS,
  O_SINCE,
  O_THEIRS,
  O_TIMER_AT,
  O_TRIES,
  O_USED,
  RETRANSMIT_MS,
  RING_BYTES,
  SYN_TRIES,
} from "./layout";
import { putSegment, SEGMENT, sendSegment, TCP_BYTES } from "./out";
import { hasRoom } from "./places";
import { firstSequence, now } from "./self";
import { ACK, SYN } from "./send";

/** The largest segment in one Ethernet frame: 1500 bytes minus two headers. */
export const OWN_MSS: u32 = 1460;
const OPTION_MSS: u32 = 0x02040000;

function slotAt(index: u32): usize {
  return <usize>HALF_OPEN + <usize>index * HALF_OPEN_BYTES;
}

export function findHalfOpen(peer: u32, ports: u32): usize {
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) {
    const o = slotAt(i);
    if (load<u32>(o, O_USED) != 0 && load<u32>(o, O_PEER) == peer && load<u32>(o, O_PORTS) == ports) return o;
  }
  return 0;
}

/**
 * Whether `ours` is the first sequence number of a SYN-ACK to this peer that may have been sent in the last 7 s: its handshake was
 * replaced, or its connection has ended. No table is needed, because the number is a hash plus 250 per millisecond.
 */
export function isRecent(peer: u32, ports: u32, ours: u32): bool {
  const since = firstSequence(peer, ports) - ours;
  return since % SEQUENCE_PER_MS == 0 && since / SEQUENCE_PER_MS < <u32>HANDSHAKE_MS;
}

export function dropHalfOpen(o: usize): void {
  store<u32>(o, 0, O_USED);
}

export function halfOpenCount(): u32 {
  let used: u32 = 0;
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) used += load<u32>(slotAt(i), O_USED);
  return used;
}

/** A free slot, else that of the oldest handshake at this port, else 0. */
function slot(port: u32): usize {
  const isFull = !hasRoom(HALF_OPEN, HALF_OPEN_BYTES, HALF_OPEN_COUNT, port);
  let oldest: usize = 0;
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) {
    const o = slotAt(i);
    if (load<u32>(o, O_USED) == 0) {
      if (isFull) continue;
      return o;
    }
    if (!isFull || (load<u32>(o, O_PORTS) & 0xffff) != port) continue;
    if (oldest == 0 || <i32>(load<u32>(o, O_SINCE) - load<u32>(oldest, O_SINCE)) < 0) oldest = o;
  }
  if (oldest != 0) count(N_HALF_OPEN_EVICTED);
  return oldest;
}

/** Allocates a slot for a SYN that may be answered, and answers it. */
export function beginHandshake(mac: usize, peer: u32, ports: u32, theirs: u32, mss: u32): void {
  const o = slot(ports & 0xffff);
  if (o == 0) return;
  store<u32>(o, 1, O_USED);
  store<u32>(o, peer, O_PEER);
  store<u32>(o, ports, O_PORTS);
  copy(o + O_MAC, mac, 6);
  store<u32>(o, theirs, O_THEIRS);
  store<u32>(o, firstSequence(peer, ports), O_OURS);
  store<u32>(o, mss, O_MSS);
  store<u32>(o, now(), O_SINCE);
  store<u32>(o, now() + RETRANSMIT_MS, O_TIMER_AT);
  store<u32>(o, 0, O_TRIES);
  sendSynAck(o);
}

export function sendSynAck(o: usize): void {
  putSegment(load<u32>(o, O_PORTS), load<u32>(o, O_OURS), load<u32>(o, O_THEIRS) + 1, SYN | ACK, RING_BYTES, TCP_BYTES + 4);
  store<u32>(SEGMENT + TCP_BYTES, bswap<u32>(OPTION_MSS | OWN_MSS));
  sendSegment(o + O_MAC, load<u32>(o, O_PEER), TCP_BYTES + 4);
}

/** Retransmits SYN-ACKs that are due, and frees slots that have timed out. */
export function tickHalfOpen(): void {
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) {
    const o = slotAt(i);
    if (load<u32>(o, O_USED) == 0 || <i32>(now() - load<u32>(o, O_TIMER_AT)) < 0) continue;
    const tries = load<u32>(o, O_TRIES);
    if (tries == <u32>SYN_TRIES) {
      count(N_HALF_OPEN_TIMEOUT);
      dropHalfOpen(o);
    } else {
      store<u32>(o, tries + 1, O_TRIES);
      store<u32>(o, now() + (RETRANSMIT_MS << (tries + 1)), O_TIMER_AT);
      sendSynAck(o);
    }
  }
}
