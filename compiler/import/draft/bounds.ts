// The sources that a condition matches, as two sets: those that it matches certainly, and those that it may match. The first is used
// where a rule accepts, the second where it drops, so that whatever is not known makes a policy narrower.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { EMPTY, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { intersect } from "./addresses.ts";

export interface Bounds {
  readonly lower: AddressSet;
  readonly upper: AddressSet;
}

export const ALL: Bounds = { lower: ANY, upper: ANY };
export const NONE: Bounds = { lower: EMPTY, upper: EMPTY };
export const UNKNOWN: Bounds = { lower: EMPTY, upper: ANY };

export function exactly(set: AddressSet): Bounds {
  return { lower: set, upper: set };
}

export function whether(yes: boolean): Bounds {
  return yes ? ALL : NONE;
}

export function both(a: Bounds, b: Bounds): Bounds {
  if (a === ALL) return b;
  if (b === ALL) return a;
  return { lower: intersect(a.lower, b.lower), upper: intersect(a.upper, b.upper) };
}

export function anyOf(all: readonly Bounds[]): Bounds {
  return { lower: union(all.map((b) => b.lower)), upper: union(all.map((b) => b.upper)) };
}

export function not({ lower, upper }: Bounds): Bounds {
  return { lower: subtract(ANY, upper), upper: subtract(ANY, lower) };
}

/** One kind of request: a protocol, a port and a local address; what is left open is the source. */
export interface Cell {
  readonly protocol: "tcp" | "udp";
  readonly port: number;
  readonly family: 4 | 6;
  /** One local address, as a set. */
  readonly local: AddressSet;
}

/** A condition of a rule, and why it is not known, where it is not. */
export interface Condition {
  readonly of: (cell: Cell) => Bounds;
  readonly unknown: string | null;
  /** It matches no new connection over tcp or udp, whatever else it says: `silent` where nobody needs to know. */
  readonly never: "silent" | string | null;
}
