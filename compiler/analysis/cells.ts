// Where connections arrive: protocols, ports and local addresses, cut into cells at which each of several policies has the same
// listeners throughout. Listeners of different policies are compared where they share a cell, whatever they are called.
import { isEmpty, subtract, union } from "../check/sets/intervals.ts";
import { ANY, UNBINDABLE } from "../check/sets/builtin_nets.ts";
import type { AddressSet, PortRange } from "../policy/policy.ts";
import type { PolicyModel } from "./model.ts";

export interface Cell {
  readonly proto: "tcp" | "udp";
  /** Rising and disjoint. */
  readonly ports: readonly PortRange[];
  /** Addresses of the host; null: all that an interface can have. */
  readonly local: AddressSet | null;
  /** For each policy its listeners there: none, one, or several that names distinguish. */
  readonly members: readonly (readonly number[])[];
}

/** No interface has any other address. */
const USABLE = subtract(ANY, UNBINDABLE);

interface Piece {
  readonly local: AddressSet | null;
  readonly members: readonly (readonly number[])[];
}

/** Cells at which at least one policy has a listener, in the order of protocol and first port. */
export function cellsOf(models: readonly PolicyModel[]): readonly Cell[] {
  const cells: (Piece & { readonly proto: "tcp" | "udp"; readonly ports: { first: number; last: number }[] })[] = [];
  const known = new Map<string, typeof cells>();
  for (const proto of ["tcp", "udp"] as const) {
    sweep(models, proto, (ports, active) => {
      const key = `${proto} ${active.map((own) => own.join()).join(" | ")}`;
      const same = known.get(key);
      if (same === undefined) {
        const made = piecesOf(models, active).map((piece) => ({ ...piece, proto, ports: [{ ...ports }] }));
        known.set(key, made);
        cells.push(...made);
        return;
      }
      for (const cell of same) {
        const before = cell.ports.at(-1);
        if (before !== undefined && before.last + 1 === ports.first) before.last = ports.last;
        else cell.ports.push({ ...ports });
      }
    });
  }
  return cells;
}

/** Each range of ports at which the same listeners are. */
function sweep(models: readonly PolicyModel[], proto: "tcp" | "udp", each: (ports: PortRange, active: readonly (readonly number[])[]) => void): void {
  const edges = models.flatMap(({ listeners }, model) =>
    listeners.flatMap((listener, i) =>
      listener.proto === proto ? listener.ports.flatMap(({ first, last }) => [first, last + 1].map((at) => ({ at, model, listener: i }))) : [],
    ),
  );
  edges.sort((x, y) => x.at - y.at);
  const active = models.map(() => new Set<number>());
  for (let i = 0; i < edges.length;) {
    const first = edges[i]?.at ?? 0;
    for (let edge = edges[i]; edge !== undefined && edge.at === first; edge = edges[++i]) {
      const own = active[edge.model];
      if (own !== undefined && !own.delete(edge.listener)) own.add(edge.listener);
    }
    const here = active.map((own) => [...own].sort((x, y) => x - y));
    if (here.some((own) => own.length > 0)) each({ first, last: (edges[i]?.at ?? 65_536) - 1 }, here);
  }
}

/** The local addresses, divided by the binds of the listeners. */
function piecesOf(models: readonly PolicyModel[], active: readonly (readonly number[])[]): readonly Piece[] {
  let pieces: readonly Piece[] = [{ local: null, members: [] }];
  models.forEach((model, m) => {
    const byBind = new Map<string | null, number[]>();
    for (const i of active[m] ?? []) {
      const bind = model.listeners[i]?.bind ?? null;
      const same = byBind.get(bind);
      if (same === undefined) byBind.set(bind, [i]);
      else same.push(i);
    }
    pieces = pieces.flatMap((piece) => divided(piece, model, byBind));
  });
  return pieces.filter(({ members }) => members.some((own) => own.length > 0));
}

function divided(piece: Piece, model: PolicyModel, byBind: ReadonlyMap<string | null, readonly number[]>): readonly Piece[] {
  const everywhere = byBind.get(null);
  if (everywhere !== undefined) return [{ ...piece, members: [...piece.members, everywhere] }];
  if (byBind.size === 0) return [{ ...piece, members: [...piece.members, []] }];
  const all = piece.local ?? USABLE;
  const out: Piece[] = [];
  const binds: AddressSet[] = [];
  for (const [key, own] of byBind) {
    const bind = key === null ? ANY : model.net(key);
    binds.push(bind);
    const local = subtract(all, subtract(all, bind));
    if (!isEmpty(local)) out.push({ local, members: [...piece.members, own] });
  }
  const rest = subtract(all, union(binds));
  return isEmpty(rest) ? out : [...out, { local: rest, members: [...piece.members, []] }];
}
