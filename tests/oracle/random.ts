// Repeatable chance: a seed in a failure message is enough to see the failure again.

export interface Chance {
  /** A whole number, 0 <= n < below. */
  below(below: number): number;
  /** True once in `n`. */
  oneIn(n: number): boolean;
  pick<T>(items: readonly [T, ...T[]] | readonly T[]): T;
  word(): number;
  shuffle<T>(items: readonly T[]): readonly T[];
}

/** A 32-bit generator (an additive walk, mixed); only its spread matters here. */
export function chance(seed: number): Chance {
  let state = seed >>> 0;
  const word = (): number => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x85ebca6b);
    z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35);
    return (z ^ (z >>> 16)) >>> 0;
  };
  const below = (n: number): number => Math.floor((word() / 2 ** 32) * n);
  const pick = <T>(items: readonly T[]): T => {
    const item = items[below(items.length)];
    if (item === undefined) throw new Error("nothing to pick from");
    return item;
  };
  return {
    below,
    oneIn: (n) => below(n) === 0,
    pick,
    word,
    shuffle: (items) => {
      const left = [...items];
      return items.map(() => {
        const [item] = left.splice(below(left.length), 1);
        if (item === undefined) throw new Error("nothing left to shuffle");
        return item;
      });
    },
  };
}
