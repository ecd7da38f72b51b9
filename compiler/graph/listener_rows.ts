// The rows of a matrix: each listener where it is, and at ports that several share, the names that lead to it. Of two policies a row is a
// listener of each that are at the same places and that the same names lead to, whatever they are called.
import { cellsOf } from "../analysis/cells.ts";
import type { PlaceOf } from "../analysis/difference.ts";
import { NEVER, type Diagram } from "../analysis/diagrams.ts";
import type { NumberRange } from "../analysis/number_ranges.ts";
import { pairsOf, type Pair, type TwoSides } from "../analysis/pairs.ts";

export interface ListenerRow {
  /** Numbers of listeners in the two policies; null: none is there. */
  readonly before: number | null;
  readonly after: number | null;
  /** The classes of names that lead to it; null: all, whether or not one was sent. */
  readonly names: readonly NumberRange[] | null;
  readonly places: readonly PlaceOf[];
  /** The requests that each policy admits through it. */
  readonly was: Diagram;
  readonly is: Diagram;
}

/** In the order of protocol and first port. */
export function listenerRows(sides: TwoSides): readonly ListenerRow[] {
  const { before, after } = sides;
  const rows = new Map<string, ListenerRow & { readonly places: PlaceOf[] }>();
  for (const cell of cellsOf([before.model, after.model])) {
    for (const pair of pairsOf(sides, cell)) {
      const [was, is] = [within(sides, pair, pair.before === null ? NEVER : before.listener(pair.before)), admittedNow(sides, pair)];
      const names = namesOf(sides, pair);
      const key = [pair.before, pair.after, was, is, names?.map(({ first, last }) => `${first}-${last}`).join(" ") ?? "all"].join();
      const place = { proto: cell.proto, ports: cell.ports, local: cell.local, isShared: pair.names !== null };
      const known = rows.get(key);
      if (known === undefined) rows.set(key, { before: pair.before, after: pair.after, names, places: [place], was, is });
      else known.places.push(place);
    }
  }
  return [...rows.values()];
}

function admittedNow(sides: TwoSides, pair: Pair): Diagram {
  return within(sides, pair, pair.after === null ? NEVER : sides.after.listener(pair.after));
}

function within({ space }: TwoSides, { names }: Pair, d: Diagram): Diagram {
  return names === null ? d : space.diagrams.and(d, space.named(names));
}

function namesOf({ space }: TwoSides, { names }: Pair): readonly NumberRange[] | null {
  const [only] = names ?? [];
  return names?.length === 1 && only?.first === 0 && only.last === space.names.count - 1 ? null : names;
}
