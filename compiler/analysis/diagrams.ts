// Reduced ordered binary decision diagrams: sets of requests as functions of bits. Every diagram is made once (equal functions
// are one number), so two sets are equal exactly when their numbers are. Nodes are counted in the order in which they are made,
// so a policy exceeds the budget on every machine or on none.
import { MOST_NODES } from "./budget.ts";

/** A set. Numbers of one Diagrams are comparable with each other and with no others. */
export type Diagram = number;
/** The empty set. */
export const NEVER: Diagram = 0;
/** The set of everything. */
export const ALWAYS: Diagram = 1;

/** Steps for each node of the budget, and for a small one: a bound on work that makes no node. */
const STEPS_PER_NODE = 64;
const FREE_STEPS = 1_000_000;
/** Below the last level of any diagram. */
const TERMINAL = 0x7fffffff;
const FIRST_ROOM = 1 << 12;
const MOST_CACHED = 1 << 20;

const AND = 1;
const OR = 2;
const MINUS = 3;
const XOR = 4;
type Operation = typeof AND | typeof OR | typeof MINUS | typeof XOR;

/** The budget is used up, and no answer is known. `withinBudget` turns it into a result. */
export class OutOfNodes extends Error {}

export class Diagrams {
  readonly #most: number;
  #level = new Int32Array(FIRST_ROOM);
  #low = new Int32Array(FIRST_ROOM);
  #high = new Int32Array(FIRST_ROOM);
  /** The next node with the same hash, or 0. */
  #next = new Int32Array(FIRST_ROOM);
  #heads = new Int32Array(FIRST_ROOM);
  /** Four numbers a place: operation, operands, result. A place that two share keeps the later one. */
  #cache = new Int32Array(4 * FIRST_ROOM);
  /** Three numbers a frame of the operation that runs: operands, and the result of the low half or -1. */
  #frames = new Int32Array(3 * 256);
  #used = 2;
  #steps = 0;

  constructor(mostNodes = MOST_NODES) {
    this.#most = mostNodes;
    this.#level[NEVER] = TERMINAL;
    this.#level[ALWAYS] = TERMINAL;
  }

  /** Nodes that were made so far, without the two that are always there. */
  get nodes(): number {
    return this.#used - 2;
  }

  levelOf(d: Diagram): number {
    return this.#level[d] ?? TERMINAL;
  }

  lowOf(d: Diagram): Diagram {
    return this.#low[d] ?? NEVER;
  }

  highOf(d: Diagram): Diagram {
    return this.#high[d] ?? NEVER;
  }

  /** Counts work that makes no nodes. */
  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > FREE_STEPS + this.#most * STEPS_PER_NODE) throw new OutOfNodes();
  }

  /** `low` where the bit of `level` is 0, else `high`; both have only bits of later levels. */
  node(level: number, low: Diagram, high: Diagram): Diagram {
    if (low === high) return low;
    const hash = hashOf(level, low, high) & (this.#heads.length - 1);
    for (let d = this.#heads[hash] ?? 0; d !== 0; d = this.#next[d] ?? 0) {
      if (this.#low[d] === low && this.#high[d] === high && this.#level[d] === level) return d;
    }
    if (this.#used - 2 >= this.#most) throw new OutOfNodes();
    if (this.#used === this.#level.length) {
      this.#grow();
      return this.node(level, low, high);
    }
    const d = this.#used++;
    this.#level[d] = level;
    this.#low[d] = low;
    this.#high[d] = high;
    this.#next[d] = this.#heads[hash] ?? 0;
    this.#heads[hash] = d;
    return d;
  }

  and(a: Diagram, b: Diagram): Diagram {
    return this.#apply(AND, a, b);
  }

  or(a: Diagram, b: Diagram): Diagram {
    return this.#apply(OR, a, b);
  }

  /** The requests in `a` that are not in `b`. */
  minus(a: Diagram, b: Diagram): Diagram {
    return this.#apply(MINUS, a, b);
  }

  /** The requests in exactly one of them. */
  xor(a: Diagram, b: Diagram): Diagram {
    return this.#apply(XOR, a, b);
  }

  /** The union of many, pair by pair, so that what is early in the list is not read again for each that follows. */
  any(all: readonly Diagram[]): Diagram {
    let row = all;
    while (row.length > 1) {
      const next: Diagram[] = [];
      for (let i = 0; i < row.length; i += 2) next.push(this.or(row[i] ?? NEVER, row[i + 1] ?? NEVER));
      row = next;
    }
    return row[0] ?? NEVER;
  }

  has(d: Diagram, bit: (level: number) => boolean): boolean {
    let at = d;
    while (at > ALWAYS) at = bit(this.levelOf(at)) ? this.highOf(at) : this.lowOf(at);
    return at === ALWAYS;
  }

  /** Without recursion, because a policy may have more levels than the stack has frames. */
  #apply(operation: Operation, first: Diagram, second: Diagram): Diagram {
    let [a, b, top] = [first, second, 0];
    for (;;) {
      let result = simple(operation, a, b);
      if (result < 0) {
        result = this.#known(operation, a, b);
        if (result < 0) {
          if (top + 3 > this.#frames.length) this.#frames = wider(this.#frames);
          this.#frames[top] = a;
          this.#frames[top + 1] = b;
          this.#frames[top + 2] = -1;
          top += 3;
          const level = Math.min(this.levelOf(a), this.levelOf(b));
          [a, b] = [this.#half(a, level, false), this.#half(b, level, false)];
          continue;
        }
      }
      for (;;) {
        if (top === 0) return result;
        const [x, y, low] = [this.#frames[top - 3] ?? 0, this.#frames[top - 2] ?? 0, this.#frames[top - 1] ?? 0];
        const level = Math.min(this.levelOf(x), this.levelOf(y));
        if (low < 0) {
          this.#frames[top - 1] = result;
          [a, b] = [this.#half(x, level, true), this.#half(y, level, true)];
          break;
        }
        result = this.node(level, low, result);
        this.#keep(operation, x, y, result);
        top -= 3;
      }
    }
  }

  #half(d: Diagram, level: number, high: boolean): Diagram {
    if (this.levelOf(d) !== level) return d;
    return high ? this.highOf(d) : this.lowOf(d);
  }

  #known(operation: Operation, a: Diagram, b: Diagram): number {
    this.spend(1);
    const at = 4 * (hashOf(operation, a, b) & (this.#cache.length / 4 - 1));
    const cache = this.#cache;
    return cache[at] === operation && cache[at + 1] === a && cache[at + 2] === b ? (cache[at + 3] ?? -1) : -1;
  }

  #keep(operation: Operation, a: Diagram, b: Diagram, result: Diagram): void {
    const at = 4 * (hashOf(operation, a, b) & (this.#cache.length / 4 - 1));
    this.#cache[at] = operation;
    this.#cache[at + 1] = a;
    this.#cache[at + 2] = b;
    this.#cache[at + 3] = result;
  }

  #grow(): void {
    this.#level = wider(this.#level);
    this.#low = wider(this.#low);
    this.#high = wider(this.#high);
    this.#next = wider(this.#next);
    this.#heads = new Int32Array(this.#level.length);
    for (let d = 2; d < this.#used; d++) {
      const hash = hashOf(this.#level[d] ?? 0, this.#low[d] ?? 0, this.#high[d] ?? 0) & (this.#heads.length - 1);
      this.#next[d] = this.#heads[hash] ?? 0;
      this.#heads[hash] = d;
    }
    if (this.#level.length <= MOST_CACHED) this.#cache = new Int32Array(4 * this.#level.length);
  }
}

/** The result where no node has to be read, or -1. */
function simple(operation: Operation, a: Diagram, b: Diagram): number {
  switch (operation) {
    case AND:
      if (a === NEVER || b === NEVER) return NEVER;
      return (
        a === ALWAYS || a === b ? b
        : b === ALWAYS ? a
        : -1
      );
    case OR:
      if (a === ALWAYS || b === ALWAYS) return ALWAYS;
      return (
        a === NEVER || a === b ? b
        : b === NEVER ? a
        : -1
      );
    case MINUS:
      if (a === NEVER || b === ALWAYS || a === b) return NEVER;
      return b === NEVER ? a : -1;
    case XOR:
      if (a === b) return NEVER;
      return (
        a === NEVER ? b
        : b === NEVER ? a
        : -1
      );
  }
}

function hashOf(x: number, y: number, z: number): number {
  let h = Math.imul(x, 0x9e3779b1) ^ Math.imul(y, 0x85ebca6b) ^ Math.imul(z, 0xc2b2ae35);
  h = Math.imul(h ^ (h >>> 15), 0x2c1b3c6d);
  return (h ^ (h >>> 13)) >>> 0;
}

function wider(words: Int32Array): Int32Array<ArrayBuffer> {
  const out = new Int32Array(2 * words.length);
  out.set(words);
  return out;
}
