// The oracle's own quick membership for lists of real size: sorted ranges of BigInts and a
// binary search. Still nothing of the product's.
import { setHas, type Membership, type ModelSet, type Term } from "./model.ts";
import { isV4, rangeOf, type Prefix, type Range } from "./space.ts";

function merged(prefixes: readonly Prefix[]): readonly Range[] {
  const ranges: { first: bigint; last: bigint }[] = [];
  for (const range of prefixes.map(rangeOf).sort((a, b) => (a.first < b.first ? -1 : 1))) {
    const before = ranges.at(-1);
    if (before !== undefined && range.first <= before.last + 1n) {
      if (range.last > before.last) before.last = range.last;
    } else ranges.push({ ...range });
  }
  return ranges;
}

/** The two families apart, so that an IPv6 prefix never contains an IPv4 address. */
class SortedList {
  private readonly v4: readonly Range[];
  private readonly v6: readonly Range[];
  private last = -1n;
  private answer = false;

  constructor(prefixes: readonly Prefix[]) {
    this.v4 = merged(prefixes.filter((p) => p.family === 4));
    this.v6 = merged(prefixes.filter((p) => p.family === 6));
  }

  has(a: bigint): boolean {
    // Several rules in a row look up one address.
    if (a !== this.last) {
      this.last = a;
      this.answer = this.search(isV4(a) ? this.v4 : this.v6, a);
    }
    return this.answer;
  }

  private search(ranges: readonly Range[], a: bigint): boolean {
    let low = 0;
    let high = ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const range = ranges[middle];
      if (range === undefined) return false;
      if (a < range.first) high = middle;
      else if (a > range.last) low = middle + 1;
      else return true;
    }
    return false;
  }
}

export function sortedMembership(): Membership {
  const lists = new Map<readonly Prefix[], SortedList>();
  const listed = (prefixes: readonly Prefix[], a: bigint): boolean => {
    const list = lists.get(prefixes) ?? new SortedList(prefixes);
    lists.set(prefixes, list);
    return list.has(a);
  };
  const term = (t: Term, a: bigint): boolean => {
    switch (t.kind) {
      case "file":
        return listed(t.prefixes, a);
      case "net":
        return has(t.net.set, a);
      case "prefix":
      case "builtin":
        return setHas({ members: [t], except: [] }, a);
    }
  };
  const has = (set: ModelSet, a: bigint): boolean => set.members.some((t) => term(t, a)) && !set.except.some((t) => term(t, a));
  return has;
}
