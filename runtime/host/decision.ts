// A decision is a Permit or a Denial. A Permit can be made only beside the module's answer
// (ask.ts), and nothing is forwarded without one.
import type { Code, Reason } from "../abi/names.ts";

const minted: unique symbol = Symbol("minted by ask.ts");

/** Leave to serve one connection (or one bind); made by ask.ts alone. */
export interface Permit {
  readonly allowed: true;
  readonly code: Code;
  /** Canonical number of the rule that admits, or -1 (built-in allows). */
  readonly rule: number;
  readonly [minted]: true;
}

export interface Denial {
  readonly allowed: false;
  readonly reason: Exclude<Reason, "none">;
  readonly code: Code;
  /** Canonical number of the rule that decides, or -1. */
  readonly rule: number;
}

export type Decision = Permit | Denial;

/** @internal for ask.ts; a test holds that no other file imports it. */
export function mintPermit(code: Code, rule: number): Permit {
  return { allowed: true, code, rule, [minted]: true };
}
