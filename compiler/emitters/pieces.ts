// Rules of a firewall, cut into places at which the same ones apply throughout: ranges of ports and parts of the local addresses.
import { ANY } from "../check/sets/builtin_nets.ts";
import { isEmpty, subtract } from "../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import { intersection } from "./ranges.ts";

/** Null is every value. */
export interface Somewhere {
  readonly proto: "tcp" | "udp" | null;
  readonly ports: readonly PortRange[] | null;
  readonly local: AddressSet | null;
}

export interface Piece {
  readonly proto: "tcp" | "udp";
  readonly ports: readonly PortRange[];
  readonly local: AddressSet | null;
  /** Indexes of the rules, rising. */
  readonly members: readonly number[];
}

/** Only of ports that a rule names. */
export function pieces(rules: readonly Somewhere[]): readonly Piece[] {
  return (["tcp", "udp"] as const).flatMap((proto) => {
    const own = rules.flatMap((rule, i) => (rule.proto === null || rule.proto === proto ? [{ ...rule, i }] : []));
    const edges = [...new Set(own.flatMap(({ ports }) => (ports ?? []).flatMap(({ first, last }) => [first, last + 1])))].sort((x, y) => x - y);
    const found = new Map<string, { readonly ports: PortRange[]; readonly here: typeof own }>();
    for (const [n, first] of edges.entries()) {
      const last = (edges[n + 1] ?? 65_536) - 1;
      const here = own.filter(({ ports }) => ports === null || ports.some((range) => range.first <= first && last <= range.last));
      if (!here.some(({ ports }) => ports !== null)) continue;
      const key = here.map(({ i }) => i).join();
      const same = found.get(key);
      if (same === undefined) found.set(key, { ports: [{ first, last }], here });
      else same.ports.push({ first, last });
    }
    return [...found.values()].flatMap(({ ports, here }) =>
      cut(here.flatMap(({ local }) => local ?? [])).map((local) => ({
        proto,
        ports,
        local,
        members: here.flatMap((rule) => (rule.local === null || (local !== null && isEmpty(subtract(local, rule.local))) ? [rule.i] : [])),
      })),
    );
  });
}

/** All addresses in parts that each set has wholly or not at all; null where there are no sets. */
function cut(sets: readonly AddressSet[]): readonly (AddressSet | null)[] {
  if (sets.length === 0) return [null];
  let parts: readonly AddressSet[] = [ANY];
  for (const set of sets) parts = parts.flatMap((part) => [intersection(part, set), subtract(part, set)]).filter((part) => !isEmpty(part));
  return parts;
}
