// Lists of rules of which the first that matches decides, as the set of sources that they admit.
import { ANY } from "../../check/sets/builtin_nets.ts";
import { EMPTY, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet } from "../../policy/policy.ts";
import { intersect } from "./addresses.ts";

export interface ListedRule {
  readonly action: "allow" | "deny";
  readonly from: AddressSet;
  /** It matches only where something else is true, too, which a policy does not know: an allow admits nobody, a deny all that it may. */
  readonly isUncertain: boolean;
}

/** `rest`: what becomes of a source that no rule matches. */
export function admittedBy(rules: readonly ListedRule[], rest: "allow" | "deny"): AddressSet {
  let [open, admitted] = [ANY, EMPTY];
  for (const { action, from, isUncertain } of rules) {
    if (action === "allow" && isUncertain) continue;
    if (action === "allow") admitted = union([admitted, intersect(open, from)]);
    open = subtract(open, from);
  }
  return rest === "allow" ? union([admitted, open]) : admitted;
}
