// Finds the interval of an address among sorted interval starts, and its class.

import {
  BUCKET_BYTES,
  F_BUCKETS,
  F_KEYS,
  F_KEY_COUNT,
  F_PAGES,
  F_ROOT,
  F_VALUES,
  H_FAMILY4,
  H_FAMILY6,
  PAGE_BYTES_TRIE,
  TABLES_BASE,
  VALUE_BUCKET,
  VALUE_PAGE,
  VALUE_SHIFT,
} from "../abi/layout";

/**
 * Index of the last of `count` one-word keys that is <= `word`; 0 if there is none (tables start
 * with the lowest possible key).
 */
export function searchWord(keys: usize, count: u32, word: u32): u32 {
  let low: u32 = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (load<u32>(keys + ((<usize>middle) << 2)) <= word) low = middle;
    else high = middle;
  }
  return low;
}

/** The same for keys of `words` words (3 or 4), most significant first: `a`, `b`, `c`, `d`. */
function searchWide(keys: usize, count: u32, words: u32, a: u32, b: u32, c: u32, d: u32): u32 {
  let low: u32 = 0;
  let high = count;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    let at = keys + <usize>middle * (words << 2);
    let below = true;
    if (words == 4) {
      const first = load<u32>(at);
      at += 4;
      if (first != a) {
        if (first < a) low = middle;
        else high = middle;
        continue;
      }
    }
    const x = load<u32>(at);
    if (x != b) below = x < b;
    else {
      const y = load<u32>(at, 4);
      if (y != c) below = y < c;
      else below = load<u32>(at, 8) <= d;
    }
    if (below) low = middle;
    else high = middle;
  }
  return low;
}

/** The tagged value (a class or a bucket) for 32 bits of an address. */
function walk(family: usize, word: u32): u32 {
  let value = load<u32>(load<usize>(family, F_ROOT) + ((<usize>(word >>> 16)) << 2));
  if ((value & 3) == VALUE_PAGE) {
    value = pageValue(family, value >>> VALUE_SHIFT, (word >>> 8) & 255);
    if ((value & 3) == VALUE_PAGE) value = pageValue(family, value >>> VALUE_SHIFT, word & 255);
  }
  return value;
}

function pageValue(family: usize, page: u32, slot: u32): u32 {
  const group = load<usize>(family, F_PAGES) + <usize>page * PAGE_BYTES_TRIE + ((<usize>(slot >>> 5)) << 3);
  // Run starts up to this slot, which are bits 0..slot of the group's word.
  const starts = load<u32>(group) & ((<u32>0xffffffff) >>> (31 - (slot & 31)));
  const index = load<u32>(group, 4) + popcnt<u32>(starts) - 1;
  return load<u32>(load<usize>(family, F_VALUES) + ((<usize>index) << 2));
}

export function classOf4(word: u32): u32 {
  const family: usize = TABLES_BASE + H_FAMILY4;
  if (load<u32>(family, F_ROOT) != 0) return walk(family, word) >>> VALUE_SHIFT;
  const keys = load<usize>(family, F_KEYS);
  const count = load<u32>(family, F_KEY_COUNT);
  return load<u32>(keys + ((<usize>(count + searchWord(keys, count, word))) << 2));
}

export function classOf6(a: u32, b: u32, c: u32, d: u32): u32 {
  const family: usize = TABLES_BASE + H_FAMILY6;
  const keys = load<usize>(family, F_KEYS);
  const count = load<u32>(family, F_KEY_COUNT);
  if (load<u32>(family, F_ROOT) == 0) {
    return load<u32>(keys + ((<usize>count) << 4) + ((<usize>searchWide(keys, count, 4, a, b, c, d)) << 2));
  }
  const value = walk(family, a);
  if ((value & 3) != VALUE_BUCKET) return value >>> VALUE_SHIFT;
  const bucket = load<usize>(family, F_BUCKETS) + <usize>(value >>> VALUE_SHIFT) * BUCKET_BYTES;
  const first = load<u32>(bucket);
  const found = first + searchWide(keys + <usize>first * 12, load<u32>(bucket, 4), 3, 0, b, c, d);
  return load<u32>(keys + <usize>count * 12 + ((<usize>found) << 2));
}
