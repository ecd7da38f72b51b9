// The machine's addresses and the secret for its sequence numbers, which are set once, and the time, which is
// set at each call.

import { get16, get32, put16, put32 } from "./bytes";
import { SEQUENCE_PER_MS } from "./layout";

let address: u32 = 0;
let macHigh: u32 = 0;
let macLow: u32 = 0;
let clock: u32 = 0;
let key0: u64 = 0;
let key1: u64 = 0;

export function setSelf(ip: u32, high: u32, low: u32): void {
  address = ip;
  macHigh = high;
  macLow = low;
}

export function setSecret(a: u32, b: u32, c: u32, d: u32): void {
  key0 = ((<u64>a) << 32) | b;
  key1 = ((<u64>c) << 32) | d;
}

export function setNow(ms: u32): void {
  clock = ms;
}

/** Milliseconds; they wrap, so only differences below 2^31 are meaningful. */
export function now(): u32 {
  return clock;
}

export function ownAddress(): u32 {
  return address;
}

export function isOwnMac(at: usize): bool {
  return get16(at) == macHigh && get32(at + 2) == macLow;
}

export function putOwnMac(at: usize): void {
  put16(at, macHigh);
  put32(at + 2, macLow);
}

/** SipHash-1-3 of two words, keyed with the secret. */
export function keyed(a: u32, b: u32): u32 {
  let v0 = key0 ^ 0x736f6d6570736575;
  let v1 = key1 ^ 0x646f72616e646f6d;
  let v2 = key0 ^ 0x6c7967656e657261;
  let v3 = key1 ^ 0x7465646279746573;
  // One word in, then the word with the length (8), then three rounds.
  for (let i: u32 = 0; i < 5; i++) {
    let m: u64 = 0;
    if (i == 0) m = ((<u64>a) << 32) | b;
    else if (i == 1) m = (<u64>8) << 56;
    else if (i == 2) v2 ^= 0xff;
    v3 ^= m;
    v0 += v1;
    v1 = rotl<u64>(v1, 13) ^ v0;
    v0 = rotl<u64>(v0, 32);
    v2 += v3;
    v3 = rotl<u64>(v3, 16) ^ v2;
    v0 += v3;
    v3 = rotl<u64>(v3, 21) ^ v0;
    v2 += v1;
    v1 = rotl<u64>(v1, 17) ^ v2;
    v2 = rotl<u64>(v2, 32);
    v0 ^= m;
  }
  return <u32>(v0 ^ v1 ^ v2 ^ v3);
}

/**
 * RFC 6528: a clock of 4 microseconds plus a keyed hash of the four-tuple.
 * A host that does not see our answers can't guess the number that it has to acknowledge.
 */
export function firstSequence(peer: u32, ports: u32): u32 {
  return keyed(peer, ports) + clock * SEQUENCE_PER_MS;
}
