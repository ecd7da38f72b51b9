// Phase 2's search: the canonical name in scratch -> its class, label by label from the right.

import {
  H_NAME_BYTES, H_NAME_NODES, H_NAME_PROBES, H_NAME_SLOTS, H_NAME_SLOT_COUNT, H_SCRATCH, MAX_LABEL_BYTES,
  MAX_NAME_BYTES, NAME_BYTES, NAME_HASH_BASIS, NAME_HASH_PRIME, R_NAME_DEEP, R_NAME_HASH, R_NAME_LENGTH,
  R_NAME_OFFSET, R_NAME_ONE, R_NAME_PARENT, R_NAME_SELF, TABLES_BASE,
} from "../abi/layout";

const DOT: u32 = 46;

/** Lower-case letters, digits, `-` and `_`: what a label in canonical form is made of. */
function isLabelByte(byte: u32): bool {
  return byte - 97 < 26 || byte - 48 < 10 || byte == 45 || byte == 95;
}

function nodeAt(number: u32): usize {
  return load<usize>(TABLES_BASE + H_NAME_NODES) + <usize>number * NAME_BYTES;
}

export function hashParent(parent: u32): u32 {
  let hash: u32 = NAME_HASH_BASIS;
  hash = (hash ^ (parent & 255)) * NAME_HASH_PRIME;
  hash = (hash ^ ((parent >>> 8) & 255)) * NAME_HASH_PRIME;
  hash = (hash ^ ((parent >>> 16) & 255)) * NAME_HASH_PRIME;
  return (hash ^ (parent >>> 24)) * NAME_HASH_PRIME;
}

/** The child of a node at a label, or 0. */
function child(parent: u32, hash: u32, label: usize, length: u32): u32 {
  const slots = load<usize>(TABLES_BASE + H_NAME_SLOTS);
  const mask = load<u32>(TABLES_BASE + H_NAME_SLOT_COUNT) - 1;
  const bytes = load<usize>(TABLES_BASE + H_NAME_BYTES);
  let slot = hash & mask;
  for (let left = load<u32>(TABLES_BASE + H_NAME_PROBES); left > 0; left--) {
    const number = load<u32>(slots + (<usize>slot << 2));
    if (number == 0) return 0;
    const node = nodeAt(number);
    if (load<u32>(node, R_NAME_HASH) == hash && load<u32>(node, R_NAME_PARENT) == parent && load<u32>(node, R_NAME_LENGTH) == length) {
      const own = bytes + load<u32>(node, R_NAME_OFFSET);
      let same: u32 = 0;
      while (same < length && load<u8>(own + same) == load<u8>(label + same)) same++;
      if (same == length) return number;
    }
    slot = (slot + 1) & mask;
  }
  return 0;
}

/** The class of the first `length` bytes of scratch (0: no name), or -1 where they are no canonical name. */
export function classOfName(length: u32): i32 {
  if (length == 0) return 0;
  if (length > <u32>MAX_NAME_BYTES) return -1;
  const text = load<usize>(TABLES_BASE + H_SCRATCH);
  let node: u32 = 0;
  let beyond: u32 = 0;
  let end = length;
  for (;;) {
    let hash = hashParent(node);
    let start = end;
    while (start > 0) {
      const byte = <u32>load<u8>(text + start - 1);
      if (byte == DOT) break;
      if (!isLabelByte(byte)) return -1;
      hash = (hash ^ byte) * NAME_HASH_PRIME;
      start--;
    }
    const size = end - start;
    if (size - 1 >= <u32>MAX_LABEL_BYTES) return -1;
    if (beyond == 0) {
      const next = child(node, hash, text + start, size);
      if (next == 0) beyond = 1;
      else node = next;
    } else beyond++;
    if (start == 0) break;
    end = start - 1;
  }
  const record = nodeAt(node);
  if (beyond == 0) return load<i32>(record, R_NAME_SELF);
  return beyond == 1 ? load<i32>(record, R_NAME_ONE) : load<i32>(record, R_NAME_DEEP);
}
