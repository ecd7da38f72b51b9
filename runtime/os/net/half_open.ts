// Half-open handshakes, in a separate table, so a SYN flood takes no slot of a connection. When all slots are
// in use the oldest is replaced. To keep a client out, a flood has to refill the table within that client's
// round trip.

import { copy, count } from "./bytes";
import {
  HALF_OPEN,
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

export function dropHalfOpen(o: usize): void {
  store<u32>(o, 0, O_USED);
}

export function halfOpenCount(): u32 {
  let used: u32 = 0;
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) used += load<u32>(slotAt(i), O_USED);
  return used;
}

function slot(): usize {
  let oldest = slotAt(0);
  for (let i: u32 = 0; i < <u32>HALF_OPEN_COUNT; i++) {
    const o = slotAt(i);
    if (load<u32>(o, O_USED) == 0) return o;
    if (<i32>(load<u32>(o, O_SINCE) - load<u32>(oldest, O_SINCE)) < 0) oldest = o;
  }
  count(N_HALF_OPEN_EVICTED);
  return oldest;
}

/** Allocates a slot for a SYN that may be answered, and answers it. */
export function beginHandshake(mac: usize, peer: u32, ports: u32, theirs: u32, mss: u32): void {
  const o = slot();
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
