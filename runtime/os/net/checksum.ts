// The internet checksum (RFC 1071): ones' complement of the ones' complement sum.

import { get16 } from "./bytes";

/** Adds the big-endian words of `length` bytes to a running sum; an odd last byte is the high half of a word. */
export function sum(from: usize, length: u32, start: u32): u32 {
  let total = start;
  for (; length > 1; length -= 2) {
    total += get16(from);
    from += 2;
  }
  return length == 0 ? total : total + ((<u32>load<u8>(from)) << 8);
}

/** For at most 64 KiB the sum fits 32 bits, so folding once at the end is enough. */
export function fold(total: u32): u32 {
  total = (total & 0xffff) + (total >>> 16);
  total = (total & 0xffff) + (total >>> 16);
  return ~total & 0xffff;
}

/** The sum of the pseudo header of a segment: addresses, protocol, length. */
export function pseudo(source: u32, target: u32, length: u32): u32 {
  return (source >>> 16) + (source & 0xffff) + (target >>> 16) + (target & 0xffff) + 6 + length;
}
