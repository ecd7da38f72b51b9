// Network byte order, sequence numbers and counters.

import { COUNTERS } from "./layout";

export function get16(at: usize): u32 {
  return ((<u32>load<u8>(at)) << 8) | load<u8>(at, 1);
}

export function get32(at: usize): u32 {
  return bswap<u32>(load<u32>(at));
}

export function put16(at: usize, value: u32): void {
  store<u8>(at, value >> 8);
  store<u8>(at, value, 1);
}

export function put32(at: usize, value: u32): void {
  store<u32>(at, bswap<u32>(value));
}

export function copy(to: usize, from: usize, length: u32): void {
  const end = from + length;
  while (from < end) store<u8>(to++, load<u8>(from++));
}

/** a < b on the circle of 2^32 sequence numbers or milliseconds (RFC 9293 section 3.4). */
export function before(a: u32, b: u32): bool {
  return <i32>(a - b) < 0;
}

export function notAfter(a: u32, b: u32): bool {
  return <i32>(a - b) <= 0;
}

export function count(counter: usize): void {
  const at = <usize>COUNTERS + counter;
  store<u32>(at, load<u32>(at) + 1);
}
