// Which listeners share a port. The compiler numbers groups with this function and the host finds the same numbers again,
// so that a module needs no second list of them.
//
// A group is the listeners of one tcp port and `bind`, where they are several or the only one has `for`. Ports with the same
// listeners are one group. In the engine's tables a group has a number after the last listener's.

/** The parts of a listener that decide which others it shares ports with. */
export interface Sharing {
  readonly proto: "tcp" | "udp";
  /** Rising and disjoint. */
  readonly ports: readonly { readonly first: number; readonly last: number }[];
  /** Equal for equal sets of local addresses; null: any. */
  readonly bind: string | null;
  /** The listener has `for`. */
  readonly named: boolean;
}

export interface PortGroup {
  /** Numbers of listeners, rising. */
  readonly members: readonly number[];
  /** Rising and disjoint; of the protocol tcp. */
  readonly ports: readonly { readonly first: number; readonly last: number }[];
}

/** Groups of one policy. */
export const MAX_GROUPS = 4096;
/** Members of all groups, counted at each range of ports that has the same ones. */
export const MAX_GROUP_MEMBERS = 262144;

/** Ordered by their members; null where they are more than the bounds allow. */
export function groupsOf(listeners: readonly Sharing[]): readonly PortGroup[] | null {
  const byBind = new Map<string | null, number[]>();
  listeners.forEach(({ proto, bind }, listener) => {
    if (proto !== "tcp") return;
    const same = byBind.get(bind);
    if (same === undefined) byBind.set(bind, [listener]);
    else same.push(listener);
  });
  const groups = new Map<string, { readonly members: readonly number[]; readonly ports: { first: number; last: number }[] }>();
  let counted = 0;
  for (const own of byBind.values()) {
    const edges = own.flatMap((listener) => (listeners[listener]?.ports ?? []).flatMap(({ first, last }) => [first, last + 1].map((at) => ({ at, listener }))));
    edges.sort((x, y) => x.at - y.at);
    const active = new Set<number>();
    for (let i = 0; i < edges.length;) {
      const first = edges[i]?.at ?? 0;
      for (; edges[i]?.at === first; i++) {
        const listener = edges[i]?.listener ?? 0;
        if (!active.delete(listener)) active.add(listener);
      }
      const [only] = active;
      if (only === undefined || (active.size === 1 && listeners[only]?.named !== true)) continue;
      counted += active.size;
      if (counted > MAX_GROUP_MEMBERS) return null;
      const members = [...active].sort((x, y) => x - y);
      const range = { first, last: (edges[i]?.at ?? 0) - 1 };
      const known = groups.get(members.join());
      if (known === undefined) groups.set(members.join(), { members, ports: [range] });
      else if (known.ports.at(-1)?.last === first - 1) known.ports.push({ first: known.ports.pop()?.first ?? first, last: range.last });
      else known.ports.push(range);
    }
  }
  if (groups.size > MAX_GROUPS) return null;
  return [...groups.values()].sort((x, y) => compareLists(x.members, y.members));
}

function compareLists(x: readonly number[], y: readonly number[]): number {
  const shared = Math.min(x.length, y.length);
  for (let i = 0; i < shared; i++) {
    const difference = (x[i] ?? 0) - (y[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return x.length - y.length;
}
