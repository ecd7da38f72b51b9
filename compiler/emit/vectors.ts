// Self-test vectors: questions with the answers that a host must get from the module before it
// trusts it. They come from the rules themselves, by scanning, and not from the tables.
import { CODE_ALLOWED, CODE_DENY_RULE, CODE_NO_ALLOW, CODE_NO_MATCH } from "../../runtime/abi/verdicts.ts";
import { NO_RULE } from "../../runtime/abi/layout.ts";
import type { AddressSet, AddressWords, CheckedPolicy } from "../check/policy.ts";
import type { OrderedRule } from "../lower/tables.ts";

const MOST_VECTORS = 64;

/** listener, the source's four words, code, rule. */
export type Vector = readonly [number, ...AddressWords, number, number];

export function selfTests(policy: CheckedPolicy, rules: readonly OrderedRule[]): readonly Vector[] {
  const vectors: Vector[] = [];
  const probes: AddressWords[] = [[0, 0, 0xffff, 0x01010101], [0x20010db8, 0, 0, 1]];
  for (const { from } of rules.slice(0, MOST_VECTORS)) probes.push(...edges(from));
  const share = Math.max(1, Math.floor(MOST_VECTORS / Math.max(1, policy.exposes.length)));
  policy.exposes.slice(0, MOST_VECTORS).forEach((expose, listener) => {
    const own = rules.filter((r) => r.holds === "all" || r.holds.has(listener));
    const stride = Math.max(1, Math.floor(probes.length / share));
    for (let i = listener % stride, left = share; i < probes.length && left > 0; i += stride, left--) {
      const source = probes[i];
      if (source !== undefined) vectors.push([listener, ...source, ...answer(own, expose.allows.length > 0, source)]);
    }
  });
  return vectors;
}

function answer(rules: readonly OrderedRule[], hasAllow: boolean, source: AddressWords): readonly [number, number] {
  const first = (action: string): OrderedRule | undefined => rules.find((r) => r.action === action && contains(r.from, source));
  const [deny, allow] = [first("deny"), first("allow")];
  if (!hasAllow) return [CODE_NO_ALLOW, NO_RULE];
  if (deny !== undefined) return [CODE_DENY_RULE, deny.id];
  return allow === undefined ? [CODE_NO_MATCH, NO_RULE] : [CODE_ALLOWED, allow.id];
}

/** First and last address of a set, and the one behind. */
function edges({ bounds: b }: AddressSet): AddressWords[] {
  if (b.length < 8) return [];
  const words = (i: number): AddressWords => [b[i] ?? 0, b[i + 1] ?? 0, b[i + 2] ?? 0, b[i + 3] ?? 0];
  const last = words(b.length - 4);
  return [words(0), last, [last[0], last[1], last[2], (last[3] + 1) >>> 0]];
}

function contains({ bounds: b }: AddressSet, source: AddressWords): boolean {
  for (let i = 0; i < b.length; i += 8) {
    if (compare(b, i, source) <= 0 && compare(b, i + 4, source) >= 0) return true;
  }
  return false;
}

function compare(bounds: Uint32Array, at: number, source: AddressWords): number {
  for (let w = 0; w < 4; w++) {
    const difference = (bounds[at + w] ?? 0) - (source[w] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
