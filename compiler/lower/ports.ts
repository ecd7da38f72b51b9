// The port table: which listener has a protocol, port and local address. Ports are cut into
// disjoint intervals; each lists the listeners there with their local addresses.
import type { CheckedExpose, CheckedGroup } from "../policy/policy.ts";
import { PROTO_TCP, PROTO_UDP } from "../../runtime/abi/layout.ts";
import type { PortTable } from "./tables.ts";

/** Where the keys of a protocol begin. */
const BASES = { tcp: PROTO_TCP * 65536, udp: PROTO_UDP * 65536 } as const;

export function lowerPorts(exposes: readonly CheckedExpose[], groups: readonly CheckedGroup[]): PortTable {
  const cuts = new Set<number>([0]);
  for (const { proto, ports } of exposes) {
    for (const { first, last } of ports) cuts.add(BASES[proto] + first).add(BASES[proto] + last + 1);
  }
  const keys = [...cuts].sort((x, y) => x - y);

  const binds: number[] = [];
  const bindOf = exposes.map(({ bind }) => {
    const first = binds.length / 8;
    if (bind !== null) for (const word of bind.bounds) binds.push(word);
    return { first, count: binds.length / 8 - first };
  });

  const places = new Map(keys.map((key, i) => [key, i]));
  const at: number[][] = keys.map(() => []);
  // A group takes the place of its members at its ports.
  const grouped = new Map<string, number>();
  groups.forEach(({ members, ports }, g) => {
    for (const { first, last } of ports) {
      for (let i = places.get(BASES.tcp + first) ?? keys.length; i < keys.length && (keys[i] ?? 0) <= BASES.tcp + last; i++) {
        for (const member of members) grouped.set(`${i} ${member}`, g);
      }
    }
  });
  exposes.forEach((expose, listener) => {
    const base = BASES[expose.proto];
    for (const { first, last } of expose.ports) {
      for (let i = places.get(base + first) ?? keys.length; i < keys.length && (keys[i] ?? 0) <= base + last; i++) at[i]?.push(listener);
    }
  });
  const entries: { listener: number; bindFirst: number; bindCount: number }[] = [];
  const spans = keys.map((_, i) => {
    const listeners = at[i] ?? [];
    const first = entries.length;
    const seen = new Set<number>();
    for (const member of listeners) {
      const bind = bindOf[member];
      const group = grouped.get(`${i} ${member}`);
      const listener = group === undefined ? member : exposes.length + group;
      if (seen.has(listener)) continue;
      seen.add(listener);
      entries.push({ listener, bindFirst: bind?.first ?? 0, bindCount: bind?.count ?? 0 });
    }
    return { first, count: seen.size };
  });
  return { keys, spans, entries, binds: Uint32Array.from(binds) };
}
