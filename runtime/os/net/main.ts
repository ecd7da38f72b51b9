// The network half of ingressd on the OS image: Ethernet, ARP, IPv4, TCP, the ClientHello, and the
// stages of a connection. It runs unprivileged; kernel.ts has its calls to the kernel.
// Integers, fixed memory (layout.ts), no allocation. docs/os.md has the bounds.

import { connectionAt } from "./connection";
import { frame as takeFrame } from "./ethernet";
import { halfOpenCount, tickHalfOpen } from "./half_open";
import { abort } from "./ingress";
import {
  CONNECTION_COUNT,
  COUNTERS,
  COUNTER_COUNT,
  C_HALF_AT,
  C_MOVED_AT,
  C_PHASE_AT,
  C_STATE,
  C_TIMER_AT,
  FLAG_FIN_QUEUED,
  FLAG_FIN_RECEIVED,
  FLAG_TIMER,
  FRAMES_PER_TURN,
  FRAME_BYTES,
  FRAME_IN,
  HALF_CLOSED_MS,
  IDLE_MS,
  N_GIVEN_UP,
  N_HALF_CLOSED,
  N_IDLE,
  STATE_FREE,
  STATE_OPEN,
  STATE_TIME_WAIT,
  TIME_WAIT_MS,
} from "./layout";
import { count } from "./bytes";
import { has } from "./connection";
import { take } from "./kernel";
import { setPorts } from "./places";
import { setNow, setSecret, setSelf } from "./self";
import { retry } from "./send";
import { settle } from "./tcp";

/** Our IPv4 address and hardware address, 128 secret bits for sequence numbers, and the number of open ports, at most 16. */
export function start(address: u32, macHigh: u32, macLow: u32, a: u32, b: u32, c: u32, d: u32, ports: u32): void {
  setPorts(ports);
  setSelf(address, macHigh, macLow);
  setSecret(a, b, c, d);
}

/** Address at which the caller stores a frame before it calls `frame`. */
export function frameAddress(): usize {
  return FRAME_IN;
}

/** Processes the frame of `length` bytes; `now` in milliseconds, which may wrap. */
export function frame(length: u32, now: u32): void {
  setNow(now);
  takeFrame(length);
}

/** Runs timers and services. */
export function tick(now: u32): void {
  setNow(now);
  tickHalfOpen();
  for (let i: u32 = 0; i < <u32>CONNECTION_COUNT; i++) {
    const c = connectionAt(i);
    const state = load<u32>(c, C_STATE);
    if (state == STATE_TIME_WAIT && now - load<u32>(c, C_PHASE_AT) >= <u32>TIME_WAIT_MS) store<u32>(c, STATE_FREE, C_STATE);
    if (state != STATE_OPEN) continue;
    if (now - load<u32>(c, C_MOVED_AT) >= <u32>IDLE_MS) {
      count(N_IDLE);
      abort(c);
    } else if (has(c, FLAG_FIN_RECEIVED | FLAG_FIN_QUEUED) && now - load<u32>(c, C_HALF_AT) >= <u32>HALF_CLOSED_MS) {
      count(N_HALF_CLOSED);
      abort(c);
    } else if (has(c, FLAG_TIMER) && <i32>(now - load<u32>(c, C_TIMER_AT)) >= 0 && !retry(c)) {
      count(N_GIVEN_UP);
      abort(c);
    } else settle(c);
  }
}

/**
 * Processes frames, then runs timers and services: to be called whenever something has happened, and at least every 500 ms while a
 * connection exists. Timers and services are not delayed by frames that keep coming. Returns whether there may be more of them.
 */
export function turn(now: u32): bool {
  let frames: u32 = 0;
  for (; frames < <u32>FRAMES_PER_TURN; frames++) {
    const length = take(FRAME_IN, FRAME_BYTES);
    if (length == 0) break;
    frame(length, now);
  }
  tick(now);
  return frames == <u32>FRAMES_PER_TURN;
}

/** Number of connections in any state. */
export function connections(): u32 {
  let used: u32 = 0;
  for (let i: u32 = 0; i < <u32>CONNECTION_COUNT; i++) used += u32(load<u32>(connectionAt(i), C_STATE) != STATE_FREE);
  return used;
}

export function halfOpen(): u32 {
  return halfOpenCount();
}

/** The counter of number `index` (layout.ts, N_*, divided by 4). */
export function counter(index: u32): u32 {
  return index < <u32>COUNTER_COUNT ? load<u32>(<usize>COUNTERS + ((<usize>index) << 2)) : 0;
}
