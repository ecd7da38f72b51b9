// A set of small numbers that answers "which is the next one" quickly: bits, with bits above them
// that say which words of 32 are not empty, and so on up.

export class LayeredBits {
  /** The lowest first; the last one is one word. */
  readonly #rungs: Uint32Array[] = [];

  constructor(size: number) {
    let words = size;
    do {
      words = Math.max(1, Math.ceil(words / 32));
      this.#rungs.push(new Uint32Array(words));
    } while (words > 1);
  }

  /** Puts a number in, or takes it out. */
  flip(number: number): void {
    let at = number;
    let bit = 1 << (at & 31);
    for (let level = 0; level < this.#rungs.length; level++) {
      const rung = this.#rungs[level];
      if (rung === undefined) return;
      const before = rung[at >>> 5] ?? 0;
      const after = (before ^ bit) >>> 0;
      rung[at >>> 5] = after;
      // The rungs above change when a word gets its first number or loses its last.
      if (before !== 0 && after !== 0) return;
      at >>>= 5;
      bit = 1 << (at & 31);
    }
  }

  /** The lowest number from `from` on, or `end` where none is below it. */
  next(from: number, end: number): number {
    if (from >= end) return end;
    let at = from;
    for (let level = 0; level < this.#rungs.length; level++) {
      const word = at >>> 5;
      const rest = ((this.#rungs[level]?.[word] ?? 0) & (-1 << (at & 31))) >>> 0;
      if (rest !== 0) return Math.min(end, this.#down(level, word * 32 + lowestBit(rest)));
      // Nothing more in this word: the rung above says where to continue.
      at = word + 1;
    }
    return end;
  }

  #down(level: number, at: number): number {
    let number = at;
    for (let below = level - 1; below >= 0; below--) number = number * 32 + lowestBit(this.#rungs[below]?.[number] ?? 0);
    return number;
  }
}

function lowestBit(word: number): number {
  return 31 - Math.clz32(word & -word);
}
