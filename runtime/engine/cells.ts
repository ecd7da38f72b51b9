// A tree of cells: finds the value of a row at an index in T_SHIFT / CELL_BITS steps.

import { CELL_BITS, CELL_SLOTS, T_PAGES, T_ROWS, T_SHIFT, T_STRIDE } from "../abi/layout";

export function cellAt(tree: usize, row: u32, index: u32): u32 {
  let shift = load<u32>(tree, T_SHIFT);
  const place = row * load<u32>(tree, T_STRIDE) + (index >>> shift);
  let word = load<u32>(load<usize>(tree, T_ROWS) + ((<usize>place) << 2));
  const pages = load<usize>(tree, T_PAGES);
  while (shift != 0) {
    shift -= CELL_BITS;
    word = load<u32>(pages + ((<usize>((word << CELL_BITS) | ((index >>> shift) & (CELL_SLOTS - 1)))) << 2));
  }
  return word;
}
