// The answer of one policy to the sources of a column at a row: exactly, from the diagram of all requests that it admits there.
import { NEVER, type Diagram } from "../analysis/diagrams.ts";
import type { ListenerModel } from "../analysis/model.ts";
import type { NumberRange } from "../analysis/number_ranges.ts";
import { clientsOf, rowsOf, type Row } from "../analysis/rows.ts";
import type { Space } from "../analysis/space.ts";
import { intersects } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { NamedNet } from "../wording/largest_parts.ts";
import { rowsText } from "../wording/row_text.ts";

/** The facts beside the source that can decide. */
export const CONDITIONS = ["name", "certificate", "time"] as const;
export type Condition = (typeof CONDITIONS)[number];

/**
 * `admitted`: every request of these sources. `conditional`: every source, with some names, certificates or times. `partly`: some of the
 * sources, which happens only in a column of several ranges. `refused`: no request.
 */
export type Verdict = "admitted" | "conditional" | "partly" | "refused";

export interface Admission {
  readonly verdict: Verdict;
  /** In the order of CONDITIONS; empty of `admitted` and `refused`. */
  readonly conditions: readonly Condition[];
  /** The conditions of most of these sources in words; null where there is none. */
  readonly says: string | null;
  /** A limit, or a cap per source or per identity, counts some of the connections that are admitted. */
  readonly limited: boolean;
}

export const REFUSED: Admission = { verdict: "refused", conditions: [], says: null, limited: false };

/** A listener of one policy at a row. */
export interface Seat {
  readonly listener: ListenerModel;
  /** The requests that the policy admits through it. */
  readonly admitted: Diagram;
  /** The names that lead to it; null: all. */
  readonly names: readonly NumberRange[] | null;
  readonly counted: readonly AddressSet[];
  readonly nets: readonly NamedNet[];
}

export function admissionOf(space: Space, { listener, admitted, names, counted, nets }: Seat, column: AddressSet): Admission {
  const sources = space.sources(column);
  const inside = space.diagrams.and(admitted, sources);
  if (inside === NEVER) return REFUSED;
  const rows = rowsOf(space, inside);
  const met = space.diagrams.any(rows.map((row) => row.sources));
  const needsCertificate = listener.mode === "mtls";
  const has: Readonly<Record<Condition, boolean>> = {
    name: rows.some((row) => !sameRanges(row.names, names)),
    certificate: needsCertificate || rows.some((row) => clientsOf(space, row) !== space.possible),
    time: rows.some(({ moments }) => moments !== null),
  };
  const conditions = CONDITIONS.filter((condition) => has[condition]);
  const isWhole = met === sources;
  return {
    verdict:
      !isWhole ? "partly"
      : conditions.length > 0 ? "conditional"
      : "admitted",
    conditions,
    says: conditions.length === 0 ? null : conditionsText(space, inside, nets, has.name, needsCertificate),
    limited: counted.length > 0 && isCounted(counted, isWhole ? column : space.addressesOf(met)),
  };
}

function isCounted(counted: readonly AddressSet[], sources: AddressSet): boolean {
  return counted.some((set) => intersects(set, sources));
}

function sameRanges(x: Row["names"], y: Row["names"]): boolean {
  if (x === null || y === null) return x === y;
  return x.length === y.length && x.every(({ first, last }, i) => first === y[i]?.first && last === y[i].last);
}

/** Those of the most sources. Names that lead to the listener in any case are no condition. */
function conditionsText(space: Space, d: Diagram, nets: readonly NamedNet[], named: boolean, needsCertificate: boolean): string {
  const { rows, more } = rowsText(space, d, nets, 1, needsCertificate);
  const [row] = rows;
  const parts = [named ? (row?.sni ?? null) : null, row?.client ?? null, row?.time ?? null].filter((text) => text !== null);
  const first = parts.length === 0 ? "without a condition" : parts.join(", ");
  return `${first}${more > 0 ? `, or in ${more} other way${more === 1 ? "" : "s"}` : ""}`.replaceAll("`", "");
}
