// SipHash-1-3 of exactly three u64 words under the instance's seed: the fingerprint of a
// (limit, source) pair. A client can choose its addresses but not the seed, so it can't target
// one set of the tables. https://www.aumasson.jp/siphash/siphash.pdf

import { SEED_BASE } from "../abi/layout";

export function fingerprint(identity: u64, hi: u64, lo: u64): u64 {
  const k0 = load<u64>(SEED_BASE);
  const k1 = load<u64>(SEED_BASE, 8);
  let v0 = k0 ^ 0x736f6d6570736575;
  let v1 = k1 ^ 0x646f72616e646f6d;
  let v2 = k0 ^ 0x6c7967656e657261;
  let v3 = k1 ^ 0x7465646279746573;
  // Four words in (the top byte of the last is the length, 24), then three rounds.
  for (let i: u32 = 0; i < 7; i++) {
    let m: u64 = 0;
    if (i == 0) m = identity;
    else if (i == 1) m = hi;
    else if (i == 2) m = lo;
    else if (i == 3) m = (<u64>24) << 56;
    else if (i == 4) v2 ^= 0xff;
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
  return v0 ^ v1 ^ v2 ^ v3;
}
