// Which expose of a group has a port that a set of ports has. Each `deny on` needs it, so it must
// not read all exposes each time.
import type { PartialExpose } from "./partial_expose.ts";
import type { PortSet } from "../names/port_numbers.ts";

interface Row {
  readonly first: number;
  readonly last: number;
  readonly expose: PartialExpose;
}

export class PortIndex {
  readonly #rows: readonly Row[];
  /** Of the rows up to each, the one that ends last. */
  readonly #longest: Row[] = [];
  readonly #found = new Map<PortSet, PartialExpose | null>();

  constructor(exposes: readonly PartialExpose[]) {
    this.#rows = exposes.flatMap((expose) => (expose.ports ?? []).map(({ first, last }) => ({ first, last, expose }))).sort((a, b) => a.first - b.first);
    for (const row of this.#rows) {
      const before = this.#longest.at(-1);
      this.#longest.push(before !== undefined && before.last >= row.last ? before : row);
    }
  }

  /** An expose with one of the ports, or null. */
  meets(ports: PortSet): PartialExpose | null {
    const known = this.#found.get(ports);
    if (known !== undefined) return known;
    const found = this.#rows.length === 0 ? null : this.#find(ports);
    this.#found.set(ports, found);
    return found;
  }

  #find(ports: PortSet): PartialExpose | null {
    for (const { first, last } of ports) {
      let low = 0;
      let high = this.#rows.length;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if ((this.#rows[middle]?.first ?? 0) <= last) low = middle + 1;
        else high = middle;
      }
      const row = this.#longest[low - 1];
      if (row !== undefined && row.last >= first) return row.expose;
    }
    return null;
  }
}
