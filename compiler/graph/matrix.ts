// The exposure matrix of a policy, or of two: who reaches what. Its rows are listeners, and at ports that several share the names that lead
// to each; its columns are ranges of sources; a cell says whether these sources are admitted there, under which conditions, and what a
// change opens and closes. Everything is computed from what the policies admit, exactly; past the budget of nodes there is no matrix.
import type { PlaceOf } from "../analysis/difference.ts";
import { NEVER, type Diagram } from "../analysis/diagrams.ts";
import { hostsOfWords, NAMELESS } from "../analysis/names.ts";
import type { PolicyModel } from "../analysis/model.ts";
import { Permitted, withinBudget } from "../analysis/permitted.ts";
import { rowsOf, sourcesBelow } from "../analysis/rows.ts";
import { Space } from "../analysis/space.ts";
import { EMPTY, intersect, isEmpty } from "../check/sets/intervals.ts";
import type { AddressSet } from "../policy/policy.ts";
import type { Result } from "../../runtime/result/result.ts";
import type { NamedNet } from "../wording/largest_parts.ts";
import { placesText, targetText } from "../wording/place_text.ts";
import { witnessText } from "../wording/row_text.ts";
import { listText } from "../wording/sources_text.ts";
import { admissionOf, REFUSED, type Admission, type Seat } from "./admissions.ts";
import { columnTexts, type ColumnText } from "./column_texts.ts";
import { countedSources } from "./counted_sources.ts";
import { listenerRows, type ListenerRow } from "./listener_rows.ts";
import { sourceColumns, type SourceColumn } from "./source_columns.ts";

/** One policy: what its module says, and the nets by whose names ranges are called. */
export interface MatrixSide {
  readonly model: PolicyModel;
  readonly nets: readonly NamedNet[];
}

export interface MatrixColumn extends ColumnText, SourceColumn {}

export interface MatrixCell {
  /** Null where there is one policy. */
  readonly before: Admission | null;
  readonly after: Admission;
  /** Requests of these sources that only the second policy admits here, and that only the first did. */
  readonly opens: boolean;
  readonly closes: boolean;
  /** A request as `ingressc explain` reads it: of those that open, else close, else are admitted; null: there is none. */
  readonly example: string | null;
}

export interface MatrixRow {
  readonly listener: string;
  /** Its name in the first policy, where that is another one. */
  readonly was: string | null;
  /** `tcp 443 and 8443` */
  readonly place: string;
  /** The same, for programs. */
  readonly places: readonly PlaceOf[];
  /** The server names that lead to it; null: all, whether or not one was sent. */
  readonly names: string | null;
  readonly change: "new" | "gone" | null;
  /** As many as there are columns. */
  readonly cells: readonly MatrixCell[];
}

export interface Matrix {
  readonly isDifference: boolean;
  readonly columns: readonly MatrixColumn[];
  readonly rows: readonly MatrixRow[];
  /** Rows that are not shown. */
  readonly moreRows: number;
  /** Nodes of the analysis that were made. */
  readonly nodes: number;
}

export interface MatrixBounds {
  /** At least 2; `MOST_COLUMNS` by default. */
  readonly columns?: number;
  readonly rows?: number;
  readonly nodes?: number;
}

export const MOST_COLUMNS = 12;
export const MOST_ROWS = 100;
const MOST_NAMES = 3;

/** A policy that exposes nothing. */
const NOTHING: PolicyModel = { listeners: [], denies: [], dials: [], net: () => EMPTY, hosts: () => hostsOfWords([]), ids: () => [] };

/**
 * The matrix of one policy (`before` is null), or of a change from one to another. Models that are compared are read with the same
 * SharedSets. Fails where the analysis needs more than the budget of nodes.
 */
export function matrixOf(before: MatrixSide | null, after: MatrixSide, bounds: MatrixBounds = {}): Result<Matrix, "not_proven"> {
  return withinBudget(() => made(before, after, bounds));
}

interface Sides {
  readonly space: Space;
  readonly before: Permitted;
  readonly after: Permitted;
  readonly nets: { readonly before: readonly NamedNet[]; readonly after: readonly NamedNet[] };
  readonly isDifference: boolean;
}

function made(before: MatrixSide | null, after: MatrixSide, bounds: MatrixBounds): Matrix {
  const old = before?.model ?? NOTHING;
  const space = new Space([old, after.model], bounds.nodes);
  const sides: Sides = {
    space,
    before: new Permitted(space, old),
    after: new Permitted(space, after.model),
    nets: { before: before?.nets ?? [], after: after.nets },
    isDifference: before !== null,
  };
  const all = listenerRows(sides);
  const rows = shownRows(sides, all, bounds.rows ?? MOST_ROWS);
  const columns = columnsOf(sides, rows, Math.max(2, bounds.columns ?? MOST_COLUMNS));
  const texts = columnTexts(columns, netsOfBoth(sides.nets));
  return {
    isDifference: sides.isDifference,
    columns: columns.flatMap((column, i) => (texts[i] === undefined ? [] : [{ ...column, ...texts[i] }])),
    rows: rows.map((row) => rowOf(sides, row, columns)),
    moreRows: all.length - rows.length,
    nodes: space.diagrams.nodes,
  };
}

/** A name that both policies have is that of the second one's net. */
function netsOfBoth({ before, after }: Sides["nets"]): readonly NamedNet[] {
  const names = new Set(after.map(({ name }) => name));
  return [...after, ...before.filter(({ name }) => !names.has(name))];
}

/** Of too many the changed ones are kept, then the first. */
function shownRows(sides: Sides, all: readonly ListenerRow[], most: number): readonly ListenerRow[] {
  if (all.length <= most) return all;
  const isChanged = (row: ListenerRow): boolean => sides.isDifference && (row.was !== row.is || row.before === null || row.after === null);
  const kept = new Set([...all.filter(isChanged), ...all.filter((row) => !isChanged(row))].slice(0, most));
  return all.filter((row) => kept.has(row));
}

/** The sources are divided by everything that a row says of them, and by the limits that count them where they are admitted. */
function columnsOf({ space, before, after }: Sides, rows: readonly ListenerRow[], most: number): readonly SourceColumn[] {
  const { diagrams } = space;
  const steps = (n: number): void => diagrams.spend(n);
  const unique = (all: readonly Diagram[]): readonly AddressSet[] => [...new Set(all.flatMap((d) => sourcesBelow(space, d)))].map((d) => space.addressesOf(d));
  const counted = rows.flatMap((row) => [...countedAt(space, before, row.before, row.was), ...countedAt(space, after, row.after, row.is)]);
  const changed = rows.flatMap(({ was, is }) => [diagrams.minus(is, was), diagrams.minus(was, is)]);
  return sourceColumns([...unique(rows.flatMap(({ was, is }) => [was, is])), ...counted], unique(changed), most, steps);
}

function countedAt(space: Space, { model }: Permitted, i: number | null, admitted: Diagram): readonly AddressSet[] {
  const listener = model.listeners[i ?? -1];
  if (listener === undefined || admitted === NEVER) return [];
  const counted = countedSources(listener, model);
  if (counted.length === 0) return [];
  const met = space.addressesOf(space.diagrams.any(sourcesBelow(space, admitted)));
  return counted.map((set) => intersect(set, met)).filter((set) => !isEmpty(set));
}

function rowOf(sides: Sides, row: ListenerRow, columns: readonly SourceColumn[]): MatrixRow {
  const { before, after, space } = sides;
  const [old, now] = [before.model.listeners[row.before ?? -1], after.model.listeners[row.after ?? -1]];
  const seats: Seats = {
    before:
      old === undefined ? null : { listener: old, admitted: row.was, names: row.names, counted: countedSources(old, before.model), nets: sides.nets.before },
    after: now === undefined ? null : { listener: now, admitted: row.is, names: row.names, counted: countedSources(now, after.model), nets: sides.nets.after },
  };
  const shown = now ?? old;
  return {
    listener: shown?.name ?? "",
    was: old !== undefined && now !== undefined && old.name !== now.name ? old.name : null,
    place: placesText(row.places),
    places: row.places,
    names: row.names === null ? null : namesText(space, row.names),
    change:
      !sides.isDifference || (old !== undefined && now !== undefined) ? null
      : old === undefined ? "new"
      : "gone",
    cells: columns.map(({ set }) => cellOf(sides, row, seats, set)),
  };
}

/** Null: no listener is there. */
interface Seats {
  readonly before: Seat | null;
  readonly after: Seat | null;
}

function cellOf(sides: Sides, row: ListenerRow, seats: Seats, column: AddressSet): MatrixCell {
  const { space, isDifference } = sides;
  const { diagrams } = space;
  const [was, is] = [row.was, row.is].map((d) => diagrams.and(d, space.sources(column))) as [Diagram, Diagram];
  const [opened, closed] = isDifference ? [diagrams.minus(is, was), diagrams.minus(was, is)] : [NEVER, NEVER];
  const admission = (seat: Seat | null): Admission => (seat === null ? REFUSED : admissionOf(space, seat, column));
  return {
    before: isDifference ? admission(seats.before) : null,
    after: admission(seats.after),
    opens: opened !== NEVER,
    closes: closed !== NEVER,
    example: exampleOf(sides, row, [opened, closed, is].find((d) => d !== NEVER) ?? NEVER),
  };
}

/** A request of a set, to the listener that admits it. */
function exampleOf({ space, before, after }: Sides, row: ListenerRow, d: Diagram): string | null {
  const [first] = d === NEVER ? [] : rowsOf(space, d);
  if (first === undefined) return null;
  const isNow = space.diagrams.minus(d, row.is) === NEVER;
  const { listeners } = (isNow ? after : before).model;
  const listener = listeners[(isNow ? row.after : row.before) ?? -1];
  if (listener === undefined) return null;
  const isAlone = listeners.filter(({ name }) => name === listener.name).length === 1;
  return witnessText(space, first, targetText(listener, row.places, isAlone), listener.mode === "mtls");
}

/** `www.example.com and *.shop.example`, `any name but www.example.com, or none`, `no name` */
function namesText(space: Space, ranges: NonNullable<ListenerRow["names"]>): string {
  const { words } = space.names.wordsOf(ranges);
  const nameless = ranges[0]?.first === NAMELESS;
  const [inside, out] = [words.filter((word) => !word.startsWith("!")), words.filter((word) => word.startsWith("!")).map((word) => word.slice(1))];
  if (inside.length === 0) return nameless ? "no name" : "no name leads here";
  const shown = (list: readonly string[]): string => listText(list.slice(0, MOST_NAMES), Math.max(0, list.length - MOST_NAMES));
  const named = inside.length === 1 && inside[0] === "**" ? "any name" : shown(inside);
  return `${named}${out.length === 0 ? "" : ` but ${shown(out)}`}${nameless ? ", or none" : ""}`;
}
