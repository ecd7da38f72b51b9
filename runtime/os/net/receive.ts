// The receiving half of a connection: stores bytes in the ring, in order or not. Bytes outside the window are
// cut off. A bounded number of out-of-order stretches is remembered; data that would be one more is dropped, because
// the peer retransmits it.

import { before, copy, count, notAfter } from "./bytes";
import { receiveRing, contiguous } from "./connection";
import { C_RECEIVE_NEXT, C_RECEIVE_READ, C_STRETCHES, C_STRETCH_COUNT, N_OUT_OF_ORDER, RING_BYTES, STRETCH_COUNT } from "./layout";

function stretchAt(c: usize, index: u32): usize {
  return c + C_STRETCHES + ((<usize>index) << 3);
}

function remove(c: usize, index: u32): void {
  const last = load<u32>(c, C_STRETCH_COUNT) - 1;
  store<u64>(stretchAt(c, index), load<u64>(stretchAt(c, last)));
  store<u32>(c, last, C_STRETCH_COUNT);
}

/** Remembers [first, end), merged with adjacent stretches. Returns false if the list is full. */
function remember(c: usize, first: u32, end: u32): bool {
  let i: u32 = 0;
  while (i < load<u32>(c, C_STRETCH_COUNT)) {
    const other = stretchAt(c, i);
    if (notAfter(load<u32>(other), end) && notAfter(first, load<u32>(other, 4))) {
      if (before(load<u32>(other), first)) first = load<u32>(other);
      if (before(end, load<u32>(other, 4))) end = load<u32>(other, 4);
      remove(c, i);
      // The merged stretch may touch one that was already compared.
      i = 0;
    } else i++;
  }
  const known = load<u32>(c, C_STRETCH_COUNT);
  if (known == <u32>STRETCH_COUNT) return false;
  store<u32>(stretchAt(c, known), first);
  store<u32>(stretchAt(c, known), end, 4);
  store<u32>(c, known + 1, C_STRETCH_COUNT);
  return true;
}

/** Advances RECEIVE_NEXT over every stretch that starts at or before it. */
function join(c: usize): void {
  let i: u32 = 0;
  while (i < load<u32>(c, C_STRETCH_COUNT)) {
    const next = load<u32>(c, C_RECEIVE_NEXT);
    const stretch = stretchAt(c, i);
    if (notAfter(load<u32>(stretch), next)) {
      if (before(next, load<u32>(stretch, 4))) store<u32>(c, load<u32>(stretch, 4), C_RECEIVE_NEXT);
      remove(c, i);
      i = 0;
    } else i++;
  }
}

/** Stores `length` bytes at `from`, which start at `seq`. Returns true if RECEIVE_NEXT has advanced. */
export function receive(c: usize, seq: u32, from: usize, length: u32): bool {
  const next = load<u32>(c, C_RECEIVE_NEXT);
  const edge = load<u32>(c, C_RECEIVE_READ) + RING_BYTES;
  let first = seq;
  let end = seq + length;
  if (before(first, next)) first = next;
  if (before(edge, end)) end = edge;
  if (notAfter(end, first)) return false;
  if (first != next) {
    count(N_OUT_OF_ORDER);
    if (!remember(c, first, end)) return false;
  }
  const bytes = end - first;
  const source = from + (first - seq);
  const piece = contiguous(first, bytes);
  copy(receiveRing(c) + (first & (RING_BYTES - 1)), source, piece);
  copy(receiveRing(c), source + piece, bytes - piece);
  if (first != next) return false;
  store<u32>(c, end, C_RECEIVE_NEXT);
  join(c);
  return true;
}
