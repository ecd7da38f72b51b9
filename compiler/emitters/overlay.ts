// Sets that overlap, as disjoint sets with the numbers of those that each is in.
import { isEmpty, subtract } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import { intersection } from "./ranges.ts";

export interface Numbered {
  readonly number: number;
  readonly set: AddressSet;
}

export interface Overlaid {
  readonly set: AddressSet;
  readonly members: readonly number[];
}

export function overlaid(sets: readonly Numbered[]): readonly Overlaid[] {
  let parts: readonly Overlaid[] = [];
  for (const { number, set } of sets) {
    let rest = set;
    const next: Overlaid[] = [];
    for (const part of parts) {
      const both = intersection(part.set, set);
      rest = subtract(rest, part.set);
      next.push({ set: both, members: [...part.members, number] }, { set: subtract(part.set, both), members: part.members });
    }
    parts = [...next, { set: rest, members: [number] }].filter((part) => !isEmpty(part.set));
  }
  return parts;
}
