// The independent oracle: phases 0 and 1 as the equations of the language state them, by
// looking at every rule every time. It imports nothing of the compiler or the runtime.
//
//   permitted(L) = { r : some a in A(L) matches r } \ { r : some d in D(L) matches r }
import { ANY, rangesOf, setHas, type Membership, type ModelDeny, type ModelExpose, type ModelPolicy, type ModelRule, type ModelSet, type Ports } from "./model.ts";
import { isV4, type Range } from "./space.ts";

export interface Answer {
  readonly allowed: boolean;
  readonly reason: "none" | "policy" | "cidr" | "rate";
  readonly code: string;
  /** Every rule that may be named: one, or all that are equal to it. Empty: none is named. */
  readonly rules: readonly ModelRule[];
}

const overlap = (a: readonly Ports[], b: readonly Ports[]): boolean =>
  a.some((x) => b.some((y) => x.first <= y.last && y.first <= x.last));

/** A top-level deny holds for every listener on its ports, or for all. */
export function holdsFor(deny: ModelDeny, expose: ModelExpose): boolean {
  return deny.on === null || overlap(deny.on, expose.ports);
}

const fromOf = (rule: ModelRule): ModelSet => rule.from ?? ANY;

interface Weight {
  readonly count: bigint;
  readonly ranges: readonly Range[];
}

const weights = new WeakMap<ModelRule, Weight>();

function weigh(rule: ModelRule, has: Membership): Weight {
  const known = weights.get(rule);
  if (known !== undefined) return known;
  const ranges = rangesOf(fromOf(rule), has);
  const count = ranges.reduce((sum, r) => sum + r.last - r.first + 1n, 0n);
  const weight = { count, ranges };
  weights.set(rule, weight);
  return weight;
}

/** Fewest addresses first; then the bounds, one after the other. 0 only for equal sets. */
function bySize(a: ModelRule, b: ModelRule, has: Membership): number {
  const x = weigh(a, has);
  const y = weigh(b, has);
  if (x.count !== y.count) return x.count < y.count ? -1 : 1;
  for (let i = 0; i < x.ranges.length || i < y.ranges.length; i++) {
    const p = x.ranges[i];
    const q = y.ranges[i];
    if (p === undefined) return -1;
    if (q === undefined) return 1;
    if (p.first !== q.first) return p.first < q.first ? -1 : 1;
    if (p.last !== q.last) return p.last < q.last ? -1 : 1;
  }
  return 0;
}

/** The ports of a deny as numbers in a row; without `on` it stands first. */
const onOf = (rule: ModelRule | ModelDeny): readonly number[] =>
  "on" in rule && rule.on !== null
    ? [...rule.on].sort((a, b) => a.first - b.first).flatMap((p) => [p.first, p.last])
    : [];

function byPorts(a: ModelRule, b: ModelRule): number {
  const x = onOf(a);
  const y = onOf(b);
  const i = x.findIndex((n, at) => n !== y[at]);
  if (i >= 0 && i < y.length) return (x[i] ?? 0) - (y[i] ?? 0);
  return x.length - y.length;
}

const canonical = (a: ModelRule, b: ModelRule, has: Membership): number => bySize(a, b, has) || byPorts(a, b);

/** The lowest of some rules, and those that are the same rule written again. */
function lowest(rules: readonly ModelRule[], has: Membership): readonly ModelRule[] {
  if (rules.length < 2) return rules;
  const first = [...rules].sort((a, b) => canonical(a, b, has))[0];
  return first === undefined ? [] : rules.filter((r) => canonical(first, r, has) === 0);
}

/** Phase 1 without caps and limits. */
export function accept(policy: ModelPolicy, expose: ModelExpose, source: bigint, has: Membership = setHas): Answer {
  const matching = <R extends ModelRule>(rules: readonly R[]): R[] => rules.filter((r) => has(fromOf(r), source));
  const allows = expose.rules.filter((r) => r.action === "allow");
  const topLevel = matching(policy.denies.filter((d) => holdsFor(d, expose)));
  const own = matching(expose.rules.filter((r) => r.action === "deny"));
  // The policy's own denies stand before every listener's.
  const denies = topLevel.length > 0 ? topLevel : own;
  // A listener without an allow refuses everyone for that reason; a deny that is true is still named.
  if (allows.length === 0) return { allowed: false, reason: "policy", code: "no_allow", rules: lowest(denies, has) };
  if (denies.length > 0) return { allowed: false, reason: "cidr", code: "deny_rule", rules: lowest(denies, has) };
  const admits = matching(allows);
  if (admits.length === 0) return { allowed: false, reason: "cidr", code: "no_match", rules: [] };
  return { allowed: true, reason: "none", code: "allowed", rules: lowest(admits, has) };
}

const isLoopback = (a: bigint): boolean => (isV4(a) ? ((a >> 24n) & 255n) === 127n : a === 1n);
const isWildcard = (a: bigint): boolean => a === 0n || (isV4(a) && (a & 0xffffffffn) === 0n);

/** The expose at a local endpoint; a wildcard address belongs to those without a `bind` alone. */
export function exposeAt(policy: ModelPolicy, port: number, local: bigint): ModelExpose | null {
  const at = policy.exposes.filter((e) => overlap(e.ports, [{ first: port, last: port }]));
  return at.find((e) => e.bind === null || (!isWildcard(local) && setHas(e.bind, local))) ?? null;
}

/** Phase 0 for tcp. */
export function bind(policy: ModelPolicy, subject: string, port: number, local: bigint): Answer {
  if (isLoopback(local)) return { allowed: true, reason: "none", code: "loopback_bind", rules: [] };
  if (subject !== "ingressd") return { allowed: false, reason: "policy", code: "not_gateway", rules: [] };
  if (exposeAt(policy, port, local) === null) return { allowed: false, reason: "policy", code: "not_exposed", rules: [] };
  return { allowed: true, reason: "none", code: "gateway_bind", rules: [] };
}
