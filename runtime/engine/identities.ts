// The lookup of phase 3: finds the class of one word of a certificate in scratch, part by part from the left.

import {
  H_IDENTITY_BUCKETS,
  H_IDENTITY_BUCKET_COUNT,
  H_IDENTITY_BYTES,
  H_IDENTITY_ENDS,
  H_IDENTITY_NODES,
  H_IDENTITY_SEED,
  IDENTITY_BYTES,
  IDENTITY_END_BYTES,
  NAME_HASH_PRIME,
  R_IDENTITY_END,
  R_IDENTITY_END_DEEP,
  R_IDENTITY_END_OPENS,
  R_IDENTITY_END_SELF,
  R_IDENTITY_LENGTH,
  R_IDENTITY_OFFSET,
  R_IDENTITY_PARENT,
  TABLES_BASE,
} from "../abi/layout";

const SLASH: u32 = 47;
const QUESTION: u32 = 63;
const HASH: u32 = 35;

function nodeAt(number: u32): usize {
  return load<usize>(TABLES_BASE + H_IDENTITY_NODES) + <usize>number * IDENTITY_BYTES;
}

function endOf(node: u32): usize {
  return load<usize>(TABLES_BASE + H_IDENTITY_ENDS) + <usize>load<u32>(nodeAt(node), R_IDENTITY_END) * IDENTITY_END_BYTES;
}

/** The child of a node by a part or (`kind` 1) a prefix of a part, or 0. `hash` is the hash of the word up to that point. */
function child(parent: u32, kind: u32, hash: u32, part: usize, length: u32): u32 {
  const bucket = (hash ^ (hash >>> 16)) & (load<u32>(TABLES_BASE + H_IDENTITY_BUCKET_COUNT) - 1);
  const run = load<usize>(TABLES_BASE + H_IDENTITY_BUCKETS) + ((<usize>bucket) << 2);
  const end = load<u32>(run, 4);
  for (let number = load<u32>(run); number < end; number++) {
    const node = nodeAt(number);
    if (load<u32>(node, R_IDENTITY_PARENT) != parent || load<u32>(node, R_IDENTITY_LENGTH) != ((length << 1) | kind)) continue;
    const text = load<usize>(TABLES_BASE + H_IDENTITY_BYTES) + load<u32>(node, R_IDENTITY_OFFSET);
    let same: u32 = 0;
    while (same < length && load<u8>(text + same) == load<u8>(part + same)) same++;
    if (same == length) return number;
  }
  return 0;
}

/** The class of the `length` bytes at `word`. */
export function classOfWord(word: usize, length: u32): u32 {
  let hash = load<u32>(TABLES_BASE + H_IDENTITY_SEED);
  let node: u32 = 0;
  let begun: u32 = 0;
  let begunHash: u32 = 0;
  let start: u32 = 0;
  let whole: u32 = 0;
  for (let at: u32 = 0; at < length; at++) {
    const byte = <u32>load<u8>(word + at);
    if (byte == SLASH && whole == 0) {
      const next = child(node, 0, hash, word + start, at - start);
      if (next == 0 && begun == 0) return load<u32>(endOf(node), R_IDENTITY_END_DEEP);
      node = next;
      // The hash continues from the path of nodes, not from the bytes of the part that only a prefix matched.
      if (next == 0) {
        node = begun;
        hash = begunHash;
      }
      begun = 0;
      start = at + 1;
    } else {
      // A prefix matches only if more of the part follows.
      if (load<u32>(endOf(node), R_IDENTITY_END_OPENS) != 0) {
        const next = child(node, 1, hash, word + start, at - start);
        if (next != 0) {
          begun = next;
          begunHash = hash;
        }
      }
      if (byte == QUESTION || byte == HASH) whole = 1;
    }
    hash = (hash ^ byte) * NAME_HASH_PRIME;
  }
  const last = child(node, 0, hash, word + start, length - start);
  if (last == 0 && begun == 0) return load<u32>(endOf(node), R_IDENTITY_END_DEEP);
  return load<u32>(endOf(last == 0 ? begun : last), R_IDENTITY_END_SELF);
}
