// The canonical order of rules: what is reported is the lowest rule that matches, so the order
// decides which of several true answers a person reads. It depends on what rules say and on
// nothing else (not on files, lines, names or their order in the text):
//   1. top-level denies before a listener's rules; listeners in the order of their names
//   2. deny before allow
//   3. the rule with fewer addresses first: the narrowest one explains most
//   4. by the bounds of its addresses, then by its ports, both as numbers
//   5. a rule with names before one without, by the words of the names; the same for identities; the
//      earlier end first
// Rules that are dryrun come after all others, so that trying one out renumbers nothing.
import type { AddressSet, CheckedExpose, CheckedPolicy, CheckedRule, TopLevelDeny } from "../policy/policy.ts";
import type { OrderedRule } from "./tables.ts";

interface Draft {
  readonly action: "allow" | "deny";
  readonly listener: number | null;
  readonly on: TopLevelDeny["on"];
  readonly rule: CheckedRule;
  readonly size: bigint;
}

export function orderRules(policy: CheckedPolicy): readonly OrderedRule[] {
  const sizes = new Map<AddressSet, bigint>();
  const draft =
    (action: "allow" | "deny", listener: number | null, on: TopLevelDeny["on"]) =>
    (rule: CheckedRule): Draft => {
      const size = sizes.get(rule.from) ?? countAddresses(rule.from);
      sizes.set(rule.from, size);
      return { action, listener, on, rule, size };
    };
  const drafts = [
    ...policy.denies.map((deny) => draft("deny", null, deny.on)(deny)),
    ...policy.exposes.flatMap((expose, i) => [...expose.denies.map(draft("deny", i, null)), ...expose.allows.map(draft("allow", i, null))]),
  ].sort(compareDrafts);

  const listenersOf = listenersByPorts(policy.exposes);
  const rules: OrderedRule[] = [];
  for (let i = 0; i < drafts.length;) {
    const first = drafts[i];
    if (first === undefined) break;
    const same: Draft[] = [];
    for (let next = drafts[i]; next !== undefined && compareDrafts(first, next) === 0; next = drafts[++i]) same.push(next);
    const names = same.map((d) => d.rule.name).filter((name) => name !== null);
    rules.push({
      id: rules.length,
      action: first.action,
      listener: first.listener,
      from: first.rule.from,
      sni: first.rule.sni,
      client: first.rule.client,
      after: first.rule.after,
      until: first.rule.until,
      dryrun: first.rule.dryrun,
      on: first.on,
      appliesTo: first.listener !== null ? new Set([first.listener]) : listenersOf(first.on),
      names: [...new Set(names)].sort(),
      spans: same.map((d) => d.rule.span),
      annotations: same.map((d) => d.rule.annotations),
    });
  }
  return rules;
}

/** A top-level deny applies to a listener that has any of its ports; never where the service listens by itself. */
function listenersByPorts(exposes: readonly CheckedExpose[]): (on: TopLevelDeny["on"]) => ReadonlySet<number> | "all" {
  const ruled = exposes.flatMap(({ mode }, listener) => (mode === "direct" ? [] : [listener]));
  const every = ruled.length === exposes.length ? "all" : new Set(ruled);
  const rows = exposes.flatMap(({ proto, ports, mode }, listener) =>
    mode === "direct" ? [] : ports.map(({ first, last }) => ({ proto, first, last, listener })),
  );
  rows.sort((x, y) => x.first - y.first);
  /** The last port of the rows up to each. */
  const ends = new Uint32Array(rows.length);
  rows.forEach(({ last }, i) => {
    ends[i] = Math.max(last, ends[i - 1] ?? 0);
  });
  const known = new Map<string, ReadonlySet<number>>();
  const found = ({ proto, ports }: NonNullable<TopLevelDeny["on"]>): ReadonlySet<number> => {
    const listeners: number[] = [];
    for (const { first, last } of ports) {
      let [low, high] = [0, rows.length];
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((rows[middle]?.first ?? 0) <= last) low = middle + 1;
        else high = middle;
      }
      for (let i = low - 1; i >= 0 && (ends[i] ?? 0) >= first; i--) {
        const row = rows[i];
        if (row !== undefined && row.last >= first && row.proto === proto) listeners.push(row.listener);
      }
    }
    return new Set(listeners.sort((x, y) => x - y));
  };
  return (on) => {
    if (on === null) return every;
    const key = `${on.proto} ${on.ports.map(({ first, last }) => `${first}-${last}`).join()}`;
    const listeners = known.get(key) ?? found(on);
    known.set(key, listeners);
    return listeners;
  };
}

function compareDrafts(x: Draft, y: Draft): number {
  if (x.rule.dryrun !== y.rule.dryrun) return x.rule.dryrun ? 1 : -1;
  const scope = (x.listener ?? -1) - (y.listener ?? -1);
  if (scope !== 0) return scope;
  if (x.action !== y.action) return x.action === "deny" ? -1 : 1;
  if (x.size !== y.size) return x.size < y.size ? -1 : 1;
  return (
    compareWords(x.rule.from.bounds, y.rule.from.bounds) ||
    comparePorts(x.on, y.on) ||
    compareNames(x.rule.sni, y.rule.sni) ||
    compareNames(x.rule.client, y.rule.client) ||
    compareTimes(x.rule.until, y.rule.until) ||
    compareTimes(x.rule.after, y.rule.after)
  );
}

/** A rule without the clause comes last. */
function compareTimes(x: number | null, y: number | null): number {
  if (x === y) return 0;
  return (
    x === null ? 1
    : y === null ? -1
    : x - y
  );
}

function compareNames(x: { readonly words: readonly string[] } | null, y: { readonly words: readonly string[] } | null): number {
  if (x === y) return 0;
  if (x === null || y === null) return x === null ? 1 : -1;
  const [a, b] = [x.words.join(" "), y.words.join(" ")];
  return a < b ? -1 : Number(a > b);
}

export function compareWords(x: Uint32Array, y: Uint32Array): number {
  if (x === y) return 0;
  const shared = Math.min(x.length, y.length);
  for (let i = 0; i < shared; i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}

function comparePorts(x: TopLevelDeny["on"], y: TopLevelDeny["on"]): number {
  if (x === null || y === null) return Number(x !== null) - Number(y !== null);
  if (x.proto !== y.proto) return x.proto < y.proto ? -1 : 1;
  const numbers = ({ ports }: NonNullable<TopLevelDeny["on"]>): Uint32Array => Uint32Array.from(ports.flatMap((r) => [r.first, r.last]));
  return compareWords(numbers(x), numbers(y));
}

/** Intervals whose sums of 32-bit words stay whole numbers in a double. */
const EXACT_INTERVALS = 2 ** 20;

/** How many of the 2^128 addresses a set contains. */
export function countAddresses({ bounds: b }: AddressSet): bigint {
  let total = BigInt(b.length / 8);
  // Last minus first, word by word: the words of the sum may be negative, the sum is not.
  const sums = new Float64Array(4);
  for (let i = 0; i < b.length; i += 8) {
    for (let w = 0; w < 4; w++) sums[w] = (sums[w] ?? 0) + (b[i + 4 + w] ?? 0) - (b[i + w] ?? 0);
    if ((i / 8) % EXACT_INTERVALS === EXACT_INTERVALS - 1 || i + 8 === b.length) {
      let value = 0n;
      for (const word of sums) value = (value << 32n) + BigInt(word);
      total += value;
      sums.fill(0);
    }
  }
  return total;
}
