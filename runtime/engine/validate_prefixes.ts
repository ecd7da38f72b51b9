// Validates the tries of prefixes: see validate.ts.

import {
  BUCKET_BYTES,
  F_BUCKETS,
  F_BUCKET_COUNT,
  F_KEYS,
  F_KEY_COUNT,
  F_PAGES,
  F_PAGE_COUNT,
  F_PAGE_UPPER,
  F_ROOT,
  F_VALUES,
  F_VALUE_COUNT,
  H_CLASS_COUNT,
  PAGE_BYTES_TRIE,
  ROOT_SLOTS,
  VALUE_BUCKET,
  VALUE_CLASS,
  VALUE_PAGE,
  VALUE_SHIFT,
} from "../abi/layout";
import { head, inTables, checkBelow, ascending } from "./tables";

/** Whether a value at `depth` (1 root, 2 upper page, 3 lower page) refers to a lower page, a bucket or a class. */
function checkValue(family: usize, value: u32, depth: u32, words: u32): bool {
  const number = value >>> VALUE_SHIFT;
  switch (value & 3) {
    case VALUE_CLASS:
      return number < head(H_CLASS_COUNT);
    case VALUE_PAGE: {
      const upper = load<u32>(family, F_PAGE_UPPER);
      if (depth == 1) return number < upper;
      return depth == 2 && number >= upper && number < load<u32>(family, F_PAGE_COUNT);
    }
    case VALUE_BUCKET:
      return words == 3 && number < load<u32>(family, F_BUCKET_COUNT);
    default:
      return false;
  }
}

function checkPages(family: usize, words: u32): bool {
  const upper = load<u32>(family, F_PAGE_UPPER);
  const values: usize = load<u32>(family, F_VALUES);
  let next: u32 = 0;
  for (let page: u32 = 0; page < load<u32>(family, F_PAGE_COUNT); page++) {
    for (let group: u32 = 0; group < 8; group++) {
      const at: usize = load<u32>(family, F_PAGES) + page * PAGE_BYTES_TRIE + (group << 3);
      const bits = load<u32>(at);
      // The first slot of a page starts a run, so a rank never points before its page.
      if ((group == 0 && (bits & 1) == 0) || load<u32>(at, 4) != next) return false;
      const count = popcnt<u32>(bits);
      if (next > load<u32>(family, F_VALUE_COUNT) - count || count > load<u32>(family, F_VALUE_COUNT)) return false;
      for (let i: u32 = 0; i < count; i++) {
        if (!checkValue(family, load<u32>(values + ((<usize>(next + i)) << 2)), page < upper ? 2 : 3, words)) return false;
      }
      next += count;
    }
  }
  return next == load<u32>(family, F_VALUE_COUNT);
}

export function checkFamily(family: usize, words: u32): bool {
  const root = load<u32>(family, F_ROOT);
  const keys = load<u32>(family, F_KEYS);
  const count = load<u32>(family, F_KEY_COUNT);
  if (count > 0x4000000) return false;
  if (root == 0) {
    if (count == 0 || !inTables(keys, count, (words + 1) << 2) || !ascending(keys, count, words)) return false;
    return checkBelow(keys + count * (words << 2), count, head(H_CLASS_COUNT));
  }
  // Below a root, IPv4 has no keys and IPv6 keys have the low three words.
  words = words == 4 ? 3 : 0;
  if (!inTables(root, ROOT_SLOTS, 4)) return false;
  if (!inTables(load<u32>(family, F_PAGES), load<u32>(family, F_PAGE_COUNT), PAGE_BYTES_TRIE)) return false;
  if (!inTables(load<u32>(family, F_VALUES), load<u32>(family, F_VALUE_COUNT), 4)) return false;
  if (!inTables(load<u32>(family, F_BUCKETS), load<u32>(family, F_BUCKET_COUNT), BUCKET_BYTES)) return false;
  if (!inTables(keys, count, (words + 1) << 2)) return false;
  if (load<u32>(family, F_PAGE_UPPER) > load<u32>(family, F_PAGE_COUNT)) return false;
  for (let slot: u32 = 0; slot < <u32>ROOT_SLOTS; slot++) {
    if (!checkValue(family, load<u32>(<usize>root + (slot << 2)), 1, words)) return false;
  }
  for (let bucket: u32 = 0; bucket < load<u32>(family, F_BUCKET_COUNT); bucket++) {
    const at: usize = load<u32>(family, F_BUCKETS) + bucket * BUCKET_BYTES;
    const first = load<u32>(at);
    const own = load<u32>(at, 4);
    if (own == 0 || first > count || own > count - first) return false;
    if (!ascending(keys + first * (words << 2), own, words)) return false;
  }
  return checkPages(family, words) && checkBelow(keys + count * (words << 2), count, head(H_CLASS_COUNT));
}
