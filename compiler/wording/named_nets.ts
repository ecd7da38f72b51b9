// The nets that a policy declares, so that sets of addresses can be called by their names.
import type { CheckedPolicy } from "../policy/policy.ts";
import { positionOf } from "../source/source.ts";
import type { NamedNet } from "./largest_parts.ts";

export function namedNets({ sets }: CheckedPolicy): readonly NamedNet[] {
  return sets.flatMap((named) => {
    if (named.kind !== "net") return [];
    const { line } = positionOf(named.span.file, named.span.start);
    return [{ name: named.name, set: named.set, place: `${named.span.file.path}:${line}` }];
  });
}
