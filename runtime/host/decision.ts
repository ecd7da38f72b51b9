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
  readonly later: false;
  readonly reason: Exclude<Reason, "none">;
  readonly code: Code;
  /** Canonical number of the rule that decides, or -1. */
  readonly rule: number;
}

export type Decision = Permit | Denial;

/**
 * Not refused with the facts so far, and not admitted: the name that the client asks for comes
 * next, or its identity. Whoever takes it for a Decision takes it for a refusal.
 */
export interface Pending {
  readonly allowed: false;
  readonly later: true;
}

/** The answer of a phase that others may follow. */
export type Answer = Decision | Pending;

/** What the rules would say if every `dryrun` rule were enforced; caps and limits aside. */
export interface Shadow {
  /** `undetermined`: a fact never came. */
  readonly verdict: "allow" | "deny" | "undetermined";
  /** `none` unless it is a deny. */
  readonly reason: Reason;
  readonly code: Code;
  readonly rule: number;
}

/** @internal for ask.ts; a test holds that no other file imports it. */
export function mintPermit(code: Code, rule: number): Permit {
  return { allowed: true, code, rule, [minted]: true };
}
