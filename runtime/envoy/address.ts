// Addresses as Envoy writes them: `192.0.2.1:443` and `[2001:db8::1]:443`. Anything else is no address.

/** The sixteen bytes of the last address that was read, as four words, IPv4 as ::ffff:0:0/96; and its port. */
export let a: u32 = 0;
export let b: u32 = 0;
export let c: u32 = 0;
export let d: u32 = 0;
export let port: u32 = 0;

const DOT: u32 = 46;
const COLON: u32 = 58;
const OPEN: u32 = 91;
const CLOSE: u32 = 93;
const PERCENT: u32 = 37;

/** The rest of the text, from `at` to `end`. */
let at: usize = 0;
let end: usize = 0;

/** The next byte; 0 at the end. */
function next(): u32 {
  return at < end ? <u32>load<u8>(at) : 0;
}

function take(byte: u32): bool {
  if (next() != byte) return false;
  at++;
  return true;
}

/** A decimal number up to `most` without zeros before it; -1: none. */
function decimal(most: u32): i32 {
  const start = at;
  let number: u32 = 0;
  while (next() - 48 < 10) {
    number = number * 10 + (next() - 48);
    at++;
    if (number > most) return -1;
  }
  if (at == start || (at - start > 1 && load<u8>(start) == 48)) return -1;
  return <i32>number;
}

/** Four decimal numbers; false: none. The word is in `d`. */
function readV4(): bool {
  let word: u32 = 0;
  for (let i = 0; i < 4; i++) {
    if (i > 0 && !take(DOT)) return false;
    const part = decimal(255);
    if (part < 0) return false;
    word = (word << 8) | part;
  }
  d = word;
  return true;
}

/** The value of a hexadecimal digit; 16 or more: none. */
function digit(byte: u32): u32 {
  if (byte - 48 < 10) return byte - 48;
  const lower = byte | 32;
  return lower - 97 < 6 ? lower - 87 : 16;
}

/** Sets the 16 bits of one group. */
function put(group: u32, bits: u32): void {
  const word = group & 1 ? bits : bits << 16;
  const pair = group >> 1;
  if (pair == 0) a |= word;
  else if (pair == 1) b |= word;
  else if (pair == 2) c |= word;
  else d |= word;
}

/** Moves the groups from `gap` to `count` to the end. */
function spread(gap: u32, count: u32): void {
  const high = ((<u64>a) << 32) | b;
  const low = ((<u64>c) << 32) | d;
  a = b = c = d = 0;
  for (let group: u32 = 0; group < count; group++) {
    const half = group < 4 ? high : low;
    const bits = (<u32>(half >> (48 - ((group & 3) << 4)))) & 0xffff;
    put(group < gap ? group : group + 8 - count, bits);
  }
}

/** Groups up to the bracket or the zone. */
function readV6(): bool {
  let count: u32 = 0;
  let gap: i32 = -1;
  a = b = c = d = 0;
  if (next() == COLON) {
    at++;
    if (!take(COLON)) return false;
    gap = 0;
  }
  while (next() != CLOSE && next() != PERCENT) {
    if (count == 8) return false;
    const start = at;
    let bits: u32 = 0;
    while (digit(next()) < 16) {
      bits = (bits << 4) | digit(next());
      at++;
    }
    if (next() == DOT) {
      // The last two groups as four decimal numbers.
      if (count > 6) return false;
      at = start;
      const before = d;
      if (!readV4()) return false;
      const word = d;
      d = before;
      put(count, word >>> 16);
      put(count + 1, word & 0xffff);
      count += 2;
      break;
    }
    if (at == start || at - start > 4) return false;
    put(count, bits);
    count++;
    if (next() != COLON) break;
    at++;
    if (next() == COLON) {
      if (gap >= 0) return false;
      at++;
      gap = count;
    } else if (digit(next()) > 15) return false;
  }
  if (gap < 0) return count == 8;
  if (count > 7) return false;
  spread(gap, count);
  return true;
}

/** The number of an interface, which decides nothing. */
function skipZone(): bool {
  if (!take(PERCENT)) return true;
  const start = at;
  while (next() != CLOSE && at < end) at++;
  return at > start;
}

/** Reads the `length` bytes at `text`; false: they are no address with a port. */
export function readAddress(text: usize, length: i32): bool {
  at = text;
  end = text + <usize>max(length, 0);
  if (take(OPEN)) {
    if (!readV6() || !skipZone() || !take(CLOSE)) return false;
  } else {
    a = b = 0;
    c = 0xffff;
    if (!readV4()) return false;
  }
  if (!take(COLON)) return false;
  const number = decimal(65535);
  port = <u32>number;
  return number >= 0 && at == end;
}
