// Named sets in layers: the lowest is built of what has no name, and each above it of the one below, as
// unions with several subtrahends, so that exceptions have exceptions and lie across each other.
import type { Chance } from "./random.ts";

interface SetOf<T> {
  readonly members: readonly T[];
  readonly except: readonly T[];
}

interface Named<T> {
  readonly name: string;
  readonly set: SetOf<T>;
}

/** How one kind of set is made. */
export interface Kind<T> {
  /** `net1` and so on. */
  readonly name: string;
  /** A term without a name. */
  plain(): T;
  /** A term that is another set. */
  use(named: Named<T>): T;
  isEmpty(set: SetOf<T>): boolean;
}

export const LAYERS = 3;
const EACH = 3;

/** In the order in which they need each other; none is empty. */
export function layered<T>(c: Chance, { name, plain, use, isEmpty }: Kind<T>): readonly Named<T>[] {
  const all: Named<T>[] = [];
  let below: readonly Named<T>[] = [];
  for (let layer = 0; layer < LAYERS; layer++) {
    const term = (): T => (below.length > 0 && c.below(3) > 0 ? use(c.pick(below)) : plain());
    below = Array.from({ length: EACH }, (_, i) => {
      const members = Array.from({ length: 1 + c.below(3) }, term);
      const except = Array.from({ length: c.below(layer === 0 ? 2 : 4) }, term);
      return { name: `${name}${layer}${"abc"[i] ?? ""}`, set: isEmpty({ members, except }) ? { members, except: [] } : { members, except } };
    });
    all.push(...below);
  }
  return all;
}
