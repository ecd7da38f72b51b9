// The canonical order of rules, as docs/equations.md states it: of several rules that decide, the
// lowest is named. It depends on the content of the rules, never on their places in the file.
import { ANY, rangesOf, type Membership, type ModelDeny, type ModelRule, type Ports } from "./model.ts";
import { wordsOf } from "./names.ts";

export const portsMeet = (a: readonly Ports[], b: readonly Ports[]): boolean => a.some((x) => b.some((y) => x.first <= y.last && y.first <= x.last));

interface Weight {
  readonly count: bigint;
  /** First and last of each range of addresses in turn. */
  readonly bounds: readonly bigint[];
  /** First and last of each range of ports in turn, or null without `on`. */
  readonly ports: readonly number[] | null;
  readonly words: string | null;
}

const weights = new WeakMap<ModelRule, Weight>();

function joined(on: readonly Ports[]): readonly number[] {
  const ranges: { first: number; last: number }[] = [];
  for (const { first, last } of [...on].sort((a, b) => a.first - b.first)) {
    const before = ranges.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else ranges.push({ first, last });
  }
  return ranges.flatMap((r) => [r.first, r.last]);
}

function weigh(rule: ModelRule | ModelDeny, has: Membership): Weight {
  const known = weights.get(rule);
  if (known !== undefined) return known;
  const ranges = rangesOf(rule.from ?? ANY, has);
  const sni = rule.sni ?? null;
  const weight: Weight = {
    count: ranges.reduce((sum, r) => sum + r.last - r.first + 1n, 0n),
    bounds: ranges.flatMap((r) => [r.first, r.last]),
    ports: "on" in rule && rule.on !== null ? joined(rule.on) : null,
    words: sni === null ? null : wordsOf(sni).join(" "),
  };
  weights.set(rule, weight);
  return weight;
}

/** Number by number; a list that begins with the other one and is longer is the later one. */
function byNumbers<N extends number | bigint>(a: readonly N[], b: readonly N[]): number {
  const at = a.findIndex((n, i) => n !== b[i]);
  const [x, y] = [a[at], b[at]];
  if (x !== undefined && y !== undefined) return x < y ? -1 : 1;
  return a.length - b.length;
}

/** A clause that is written sorts before one that is not. */
function byPresence(a: unknown, b: unknown): number {
  return Number(a === null) - Number(b === null);
}

function canonical(a: ModelRule | ModelDeny, b: ModelRule | ModelDeny, has: Membership): number {
  // A real list has a hundred thousand ranges, and every question compares the lowest with itself.
  if (a === b) return 0;
  const x = weigh(a, has);
  const y = weigh(b, has);
  return (
    Number(a.dryrun ?? false) - Number(b.dryrun ?? false) ||
    // The policy's own denies come before every listener's rules.
    Number("on" in b) - Number("on" in a) ||
    (x.count === y.count ? 0
    : x.count < y.count ? -1
    : 1) ||
    byNumbers(x.bounds, y.bounds) ||
    // A deny without `on` comes first.
    -byPresence(x.ports, y.ports) ||
    byNumbers(x.ports ?? [], y.ports ?? []) ||
    byPresence(x.words, y.words) ||
    (x.words === y.words ? 0
    : (x.words ?? "") < (y.words ?? "") ? -1
    : 1) ||
    byPresence(a.until ?? null, b.until ?? null) ||
    (a.until ?? 0) - (b.until ?? 0) ||
    byPresence(a.after ?? null, b.after ?? null) ||
    (a.after ?? 0) - (b.after ?? 0)
  );
}

/** The lowest of some rules of one kind, and those that are the same rule written again. */
export function lowest(rules: readonly ModelRule[], has: Membership): readonly ModelRule[] {
  if (rules.length < 2) return rules;
  const first = [...rules].sort((a, b) => canonical(a, b, has))[0];
  return first === undefined ? [] : rules.filter((r) => canonical(first, r, has) === 0);
}
