// A decision is a Permit or a Denial. Only `answers.ts`, which reads the module's answer, makes a Permit, and nothing is
// forwarded without one.
import { NO_RULE } from "../abi/layout.ts";
import { CODES, REASON_NAMES, type Code, type CodeNumber, type Reason } from "../abi/names.ts";

const minted: unique symbol = Symbol("permit");

/** The permission to serve one connection, or to make one bind. Only `answers.ts` makes one. */
export interface Permit {
  readonly allowed: true;
  readonly code: Code;
  /** Canonical number of the rule that admits, or -1 (built-in allows). */
  readonly rule: number;
  /** Of a charge: the code with which a dryrun cap or limit would have refused the connection; absent where none would. */
  readonly would?: Code;
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
 * The facts so far neither admit nor refuse the connection, because the client's server name or its identity is still to
 * come. Code that reads it as a Decision reads a refusal.
 */
export interface Pending {
  readonly allowed: false;
  readonly later: true;
  /** As that of a Permit. */
  readonly would?: Code;
}

/** The answer of a phase that another phase may follow. */
export type Answer = Decision | Pending;

/** The verdict that the rules, without caps and limits, would give if every `dryrun` rule were enforced. */
export interface Shadow {
  /** `undetermined`: a fact that the rules need never came. */
  readonly verdict: "allow" | "deny" | "undetermined";
  /** `none` unless the verdict is `deny`. */
  readonly reason: Reason;
  readonly code: Code;
  readonly rule: number;
}

/** @internal Only `answers.ts` imports it; a test checks that. */
export function mintPermit(code: Code, rule: number, would?: Code): Permit {
  return would === undefined ? { allowed: true, code, rule, [minted]: true } : { allowed: true, code, rule, would, [minted]: true };
}

/** The Denial for a code; the host and the gateway make every Denial with it. */
export function denial(code: CodeNumber, rule = NO_RULE): Denial {
  const entry = CODES[code];
  const reason: Reason = REASON_NAMES[entry.reason];
  return { allowed: false, later: false, reason: reason === "none" ? "policy" : reason, code: entry.name, rule };
}
