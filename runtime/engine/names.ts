// The lookup of phase 2: finds the class of the canonical name in scratch, label by label from the right.

import {
  END_BYTES,
  H_NAME_BUCKETS,
  H_NAME_BUCKET_COUNT,
  H_NAME_BYTES,
  H_NAME_ENDS,
  H_NAME_NODES,
  H_NAME_SEED,
  H_SCRATCH,
  MAX_LABEL_BYTES,
  MAX_NAME_BYTES,
  NAME_BYTES,
  NAME_HASH_PRIME,
  NAME_LENGTH_BITS,
  R_END_DEEP,
  R_END_ONE,
  R_END_SELF,
  R_NAME_END,
  R_NAME_LABEL,
  R_NAME_PARENT,
  TABLES_BASE,
} from "../abi/layout";

const DOT: u32 = 46;

/** Whether a byte may be in a canonical label: lower-case letters, digits, `-` and `_`. */
function isLabelByte(byte: u32): bool {
  return byte - 97 < 26 || byte - 48 < 10 || byte == 45 || byte == 95;
}

function nodeAt(number: u32): usize {
  return load<usize>(TABLES_BASE + H_NAME_NODES) + <usize>number * NAME_BYTES;
}

/** The child of a node by a label, or 0; `hash` is the hash of the name from its end up to that label. */
function child(parent: u32, hash: u32, label: usize, length: u32): u32 {
  const bucket = (hash ^ (hash >>> 16)) & (load<u32>(TABLES_BASE + H_NAME_BUCKET_COUNT) - 1);
  const run = load<usize>(TABLES_BASE + H_NAME_BUCKETS) + ((<usize>bucket) << 2);
  const end = load<u32>(run, 4);
  for (let number = load<u32>(run); number < end; number++) {
    const node = nodeAt(number);
    if (load<u32>(node, R_NAME_PARENT) != parent) continue;
    const own = load<u32>(node, R_NAME_LABEL);
    if ((own & ((1 << NAME_LENGTH_BITS) - 1)) != length) continue;
    const text = load<usize>(TABLES_BASE + H_NAME_BYTES) + (own >>> NAME_LENGTH_BITS);
    let same: u32 = 0;
    while (same < length && load<u8>(text + same) == load<u8>(label + same)) same++;
    if (same == length) return number;
  }
  return 0;
}

/** The class of the first `length` bytes of scratch (0: no name), or -1 if they are not a canonical name. */
export function classOfName(length: u32): i32 {
  if (length == 0) return 0;
  if (length > <u32>MAX_NAME_BYTES) return -1;
  const text = load<usize>(TABLES_BASE + H_SCRATCH);
  let hash = load<u32>(TABLES_BASE + H_NAME_SEED);
  let node: u32 = 0;
  let beyond: u32 = 0;
  let end = length;
  for (;;) {
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
    hash = (hash ^ DOT) * NAME_HASH_PRIME;
    end = start - 1;
  }
  const record = load<usize>(TABLES_BASE + H_NAME_ENDS) + <usize>load<u32>(nodeAt(node), R_NAME_END) * END_BYTES;
  if (beyond == 0) return load<i32>(record, R_END_SELF);
  return beyond == 1 ? load<i32>(record, R_END_ONE) : load<i32>(record, R_END_DEEP);
}
