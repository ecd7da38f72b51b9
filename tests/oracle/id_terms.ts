// Random patterns of identities of few parts, so that they lie in each other, beside each other and
// across each other: `a/*` and `*/b` have one identity in common.
import type { IdPattern } from "./identities.ts";
import type { Chance } from "./random.ts";

export const PARTS = ["a", "ab", "abc", "b", "ba"] as const;
export const HEADS = ["spiffe://x.example", "spiffe://y.example", "urn:x"] as const;

/** `most`: parts behind the head. */
export function idTerm(c: Chance, most: number, heads: readonly string[] = HEADS): IdPattern {
  if (c.oneIn(8)) return c.oneIn(3) ? { type: "ip", text: c.pick(["192.0.2.1", "2001:db8::1"]) } : { type: "dns", text: c.pick(["x.example", "y.example"]) };
  const parts = Array.from({ length: 1 + c.below(most) }, () => c.pick(PARTS) as string);
  // At most one part is open.
  const open = c.below(5);
  if (open === 0) parts.push("**");
  else if (open < 4) {
    const at = c.below(parts.length);
    parts[at] = `${(parts[at] ?? "").slice(0, c.below(3))}*`;
  }
  return { type: "uri", text: `${c.pick(heads)}/${parts.join("/")}` };
}
