// The columns of a matrix: the sources divided into ranges in which every source is admitted to the same listeners under the same
// conditions. They have no source in common, and every source is in one of them.
import { ANY } from "../check/sets/builtin_nets.ts";
import { isEmpty, subtract, union } from "../check/sets/intervals.ts";
import { Region, walk } from "../analysis/sweep.ts";
import type { AddressSet } from "../policy/policy.ts";
import { byWeight, weightOf } from "../wording/largest_parts.ts";

export interface SourceColumn {
  readonly set: AddressSet;
  /** How many ranges it has that are not treated alike: 1, and more in the last column where they were too many. */
  readonly ranges: number;
}

interface Weighed {
  readonly set: AddressSet;
  readonly weight: bigint;
  /** Something opens or closes for its sources. */
  readonly changed: boolean;
}

/**
 * Divides the sources where one of the sets begins or ends. At most `most` columns, the largest first; of more ranges the changed ones are
 * kept, then the largest, and all others are the last column. `changed` are unions of what the sets divide. `spend` counts work.
 */
export function sourceColumns(
  sets: readonly AddressSet[],
  changed: readonly AddressSet[],
  most: number,
  spend: (steps: number) => void,
): readonly SourceColumn[] {
  const found = [...divided(sets, changed, spend)];
  if (found.length <= most) return inOrder(found).map(({ set }) => ({ set, ranges: 1 }));
  const ranked = [...inOrder(found.filter((one) => one.changed)), ...inOrder(found.filter((one) => !one.changed))];
  const [kept, rest] = [ranked.slice(0, most - 1), ranked.slice(most - 1)];
  return [...inOrder(kept).map(({ set }) => ({ set, ranges: 1 })), { set: union(rest.map(({ set }) => set)), ranges: rest.length }];
}

/** Those of one size stay in the order of their addresses. */
function inOrder(ranges: readonly Weighed[]): readonly Weighed[] {
  return [...ranges].sort(byWeight);
}

function divided(sets: readonly AddressSet[], changed: readonly AddressSet[], spend: (steps: number) => void): readonly Weighed[] {
  const parts = new Map<string, { readonly region: Region; readonly changed: boolean }>();
  const active = new Set<number>();
  let [changes, key, isKnown] = [0, "", false];
  const all = [...sets, ...changed];
  spend(all.reduce((sum, { bounds }) => sum + bounds.length, 0));
  walk(all, {
    begin(i) {
      if (i >= sets.length) changes++;
      else active.add(i);
      isKnown = false;
    },
    end(i) {
      if (i >= sets.length) changes--;
      else active.delete(i);
      isKnown = false;
    },
    stretch(first, last) {
      if (!isKnown) {
        spend(active.size);
        key = [...active].sort((x, y) => x - y).join();
        isKnown = true;
      }
      const part = parts.get(key) ?? { region: new Region(), changed: changes > 0 };
      parts.set(key, part);
      part.region.add(first, last);
    },
  });
  const inside = [...parts.values()].map(({ region, changed: isChanged }) => weighed(region.set(), isChanged));
  const rest = subtract(ANY, union(sets));
  return isEmpty(rest) ? inside : [...inside, weighed(rest, false)];
}

function weighed(set: AddressSet, changed: boolean): Weighed {
  return { set, weight: weightOf(set), changed };
}
