// Bounds and orders that every check of the tables uses.

import { HEADER_BYTES, H_TABLES_END, TABLES_BASE } from "../abi/layout";

export function head(field: i32): u32 {
  return load<u32>(<usize>(TABLES_BASE + field));
}

/** `count` records of `size` bytes at the address in a header field lie between two bounds. */
export function fits(address: u32, count: u32, size: u32, low: u32, high: u32): bool {
  if ((address & 7) != 0 || address < low || address > high) return false;
  return <u64>count * size <= <u64>(high - address);
}

export function inTables(address: u32, count: u32, size: u32): bool {
  return fits(address, count, size, TABLES_BASE + HEADER_BYTES, head(H_TABLES_END));
}

/** Whether keys of `words` words rise strictly and the first is zero. */
export function ascending(keys: u32, count: u32, words: u32): bool {
  let at: usize = keys;
  const size: usize = words << 2;
  for (let w: u32 = 0; w < words; w++) if (load<u32>(at + (w << 2)) != 0) return false;
  for (let i: u32 = 1; i < count; i++) {
    let rises = false;
    for (let w: u32 = 0; w < words; w++) {
      const before = load<u32>(at + (w << 2));
      const after = load<u32>(at + size + (w << 2));
      if (after == before) continue;
      rises = after > before;
      break;
    }
    if (!rises) return false;
    at += size;
  }
  return true;
}

/** Whether `count` words are all below a bound. */
export function checkBelow(at: usize, count: u32, bound: u32): bool {
  for (; count > 0; count--) {
    if (load<u32>(at) >= bound) return false;
    at += 4;
  }
  return true;
}
