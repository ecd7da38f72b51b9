// Sources that depend on protocol, port and local address, as exposes: requests are divided at the edges of ports and local addresses, each
// cell has the sources that it admits, and cells with equal answers are one expose.
import { ANY4, ANY6, UNBINDABLE } from "../../check/sets/builtin_nets.ts";
import { equal, intersects, isEmpty, STRIDE, subtract, union } from "../../check/sets/intervals.ts";
import type { AddressSet, PortRange } from "../../policy/policy.ts";
import { intersect } from "./addresses.ts";
import type { Cell } from "./bounds.ts";
import { PLAIN, type DraftExpose, type Protocol } from "./draft.ts";
import { portText } from "./policy_text.ts";

/** Where answers change: the first ports of ranges, and sets of local addresses. */
export interface Edges {
  readonly ports: ReadonlySet<number>;
  readonly locals: readonly AddressSet[];
}

/** The sources that one range of ports admits, by local address; null: the local address makes no difference. */
interface Admitted {
  readonly local: AddressSet | null;
  readonly from: AddressSet;
}

export function exposesOfCells(
  protocol: Protocol,
  families: readonly (4 | 6)[],
  edges: Edges,
  sourcesOf: (cell: Cell) => AddressSet,
  prefix = "",
): readonly DraftExpose[] {
  const locals = families.map((family) => ({ family, cells: localCells(edges.locals, family) }));
  const ids = new SetIds();
  const groups = new Map<string, { readonly admitted: readonly Admitted[]; readonly ports: PortRange[] }>();
  for (const range of portCells(edges.ports)) {
    const admitted = byLocal(
      locals.flatMap(({ family, cells }) => cells.map((local) => ({ local, from: sourcesOf({ protocol, port: range.first, family, local }) }))),
    );
    if (admitted.length === 0) continue;
    const key = admitted.map(({ local, from }) => `${local === null ? "" : ids.of(local)} ${ids.of(from)}`).join();
    const group = groups.get(key) ?? { admitted, ports: [] };
    groups.set(key, group);
    const before = group.ports.at(-1);
    if (before?.last === range.first - 1) group.ports[group.ports.length - 1] = { first: before.first, last: range.last };
    else group.ports.push(range);
  }
  return [...groups.values()].flatMap(({ admitted, ports }) =>
    admitted.map(({ local, from }) => ({
      ...PLAIN,
      name: `${prefix}${protocol}_${ports.slice(0, 3).map(portText).join("_")}`,
      protocols: [protocol],
      ports,
      bind: local,
      allows: [{ from, hosts: null }],
    })),
  );
}

/** Requests that are admitted, whatever else is. */
export interface Box {
  readonly protocols: readonly Protocol[];
  readonly ports: PortRange;
  /** Null: all local addresses. */
  readonly local: AddressSet | null;
  readonly from: AddressSet;
}

/** Exposes that admit what any of the boxes does. */
export function exposesOfBoxes(boxes: readonly Box[], prefix = ""): readonly DraftExpose[] {
  const edges: Edges = {
    ports: new Set(boxes.flatMap(({ ports }) => [ports.first, ports.last + 1])),
    locals: boxes.flatMap(({ local }) => (local === null ? [] : [local])),
  };
  return (["tcp", "udp"] as const).flatMap((protocol) => {
    const own = boxes.filter(({ protocols }) => protocols.includes(protocol));
    const sourcesOf = ({ port, family, local: here }: Cell): AddressSet => {
      const found = own.filter(({ ports, local }) => ports.first <= port && port <= ports.last && (local === null || intersects(local, here)));
      return intersect(union(found.map(({ from }) => from)), family === 4 ? ANY4 : ANY6);
    };
    return exposesOfCells(protocol, [4, 6], edges, sourcesOf, prefix);
  });
}

/** Ports in ranges that no rule divides. */
function portCells(edges: ReadonlySet<number>): readonly PortRange[] {
  const starts = [...new Set([1, ...edges])].filter((port) => port >= 1 && port <= 65_535).sort((a, b) => a - b);
  return starts.map((first, i) => ({ first, last: (starts[i + 1] ?? 65_536) - 1 }));
}

/** The local addresses of a family that an interface can have, divided where a rule does. */
function localCells(sets: readonly AddressSet[], family: 4 | 6): readonly AddressSet[] {
  const whole = subtract(family === 4 ? ANY4 : ANY6, UNBINDABLE);
  let cells: readonly AddressSet[] = [whole];
  const known: AddressSet[] = [];
  for (const set of sets) {
    const inside = intersect(set, whole);
    if (isEmpty(inside) || known.some((other) => equal(other, inside))) continue;
    known.push(inside);
    cells = cells.flatMap((cell) => [intersect(cell, inside), subtract(cell, inside)].filter((part) => !isEmpty(part)));
  }
  return cells;
}

/** Local addresses with equal sources together; nothing for those that admit nobody. */
function byLocal(cells: readonly { readonly local: AddressSet; readonly from: AddressSet }[]): readonly Admitted[] {
  const families = [ANY4, ANY6].map((whole) => cells.filter(({ local }) => isEmpty(subtract(local, whole))));
  if (families.every((all) => all.every(({ from }) => equal(from, all[0]?.from ?? from)))) {
    const from = union(families.flatMap((all) => all.slice(0, 1).map((cell) => cell.from)));
    return isEmpty(from) ? [] : [{ local: null, from }];
  }
  const ids = new SetIds();
  const groups = new Map<number, { local: AddressSet; readonly from: AddressSet }>();
  for (const { local, from } of cells) {
    if (isEmpty(from)) continue;
    const key = ids.of(from);
    const group = groups.get(key) ?? { local: { bounds: new Uint32Array(0) }, from };
    group.local = union([group.local, local]);
    groups.set(key, group);
  }
  return [...groups.values()].filter(({ local }) => local.bounds.length >= STRIDE);
}

/** Numbers of sets, equal ones alike: the text of a large set would be larger than the set. */
class SetIds {
  readonly #known = new Map<number, { readonly set: AddressSet; readonly id: number }[]>();
  #next = 0;

  of(set: AddressSet): number {
    let hash = set.bounds.length;
    for (const word of set.bounds) hash = (Math.imul(hash, 31) + word) | 0;
    const alike = this.#known.get(hash) ?? [];
    const found = alike.find((one) => equal(one.set, set));
    if (found !== undefined) return found.id;
    this.#known.set(hash, [...alike, { set, id: this.#next }]);
    return this.#next++;
  }
}
