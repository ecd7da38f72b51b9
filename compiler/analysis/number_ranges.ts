// Sets of numbers as sorted ranges, and their diagrams, made from the bottom up in one walk.
import { ALWAYS, NEVER, type Diagram, type Diagrams } from "./diagrams.ts";

/** Inclusive. */
export interface NumberRange {
  readonly first: number;
  readonly last: number;
}

/** Sorted, disjoint, and not adjacent. */
export function joinedRanges(ranges: readonly NumberRange[]): readonly NumberRange[] {
  const out: { first: number; last: number }[] = [];
  for (const { first, last } of [...ranges].sort((x, y) => x.first - y.first)) {
    const before = out.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else out.push({ first, last });
  }
  return out;
}

/** Bits that number `count` things. */
export function bitsFor(count: number): number {
  return count <= 1 ? 0 : 32 - Math.clz32(count - 1);
}

/**
 * The numbers below `count` that are in sorted ranges. The last number has also the codes behind it, which no other number
 * needs: so every combination of bits is a number, and no set needs a bound.
 */
export function numbersDiagram(diagrams: Diagrams, level: number, count: number, ranges: readonly NumberRange[]): Diagram {
  const bits = bitsFor(count);
  const end = 2 ** bits - 1;
  const starts = Float64Array.from(ranges, ({ first }) => first);
  const ends = Float64Array.from(ranges, ({ last }) => (last === count - 1 ? end : last));
  return blockDiagram(diagrams, level, bits, starts, ends);
}

/** The numbers of `bits` bits, the highest at `level`, that are in the ranges from starts[i] to ends[i]. */
export function blockDiagram(diagrams: Diagrams, level: number, bits: number, starts: ArrayLike<number>, ends: ArrayLike<number>): Diagram {
  const build = (depth: number, first: number, from: number, to: number): Diagram => {
    if (from >= to) return NEVER;
    const size = 2 ** (bits - depth);
    if ((starts[from] ?? 0) <= first && (ends[from] ?? 0) >= first + size - 1) return ALWAYS;
    const middle = first + size / 2;
    const behind = firstFrom(starts, middle, from, to);
    const before = behind > from && (ends[behind - 1] ?? 0) >= middle ? behind - 1 : behind;
    const low = build(depth + 1, first, from, behind);
    return diagrams.node(level + depth, low, build(depth + 1, middle, before, to));
  };
  return build(0, 0, 0, starts.length);
}

/** The first of the sorted values from `from` to before `to` that is `least` or more. */
function firstFrom(values: ArrayLike<number>, least: number, from: number, to: number): number {
  let [low, high] = [from, to];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((values[middle] ?? 0) < least) low = middle + 1;
    else high = middle;
  }
  return low;
}
