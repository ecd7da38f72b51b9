// An exposure matrix for programs: the same cells as its picture, and of each column exactly its sources.
import type { Matrix, MatrixCell, MatrixColumn, MatrixRow } from "../../graph/matrix.ts";
import { MOST_PREFIXES, placeJson, prefixes } from "./difference_json.ts";

export interface MatrixJson {
  readonly proven: true;
  readonly nodes: number;
  readonly difference: boolean;
  readonly opens: number;
  readonly closes: number;
  readonly columns: readonly unknown[];
  readonly rows: readonly unknown[];
  readonly moreRows: number;
}

export function matrixJson({ isDifference, columns, rows, moreRows, nodes }: Matrix): MatrixJson {
  const cells = rows.flatMap((row) => row.cells);
  const counted = (which: (cell: MatrixCell) => boolean): number => cells.filter(which).length;
  let left = MOST_PREFIXES;
  const columnJson = ({ label, size, within, ranges, set }: MatrixColumn): unknown => {
    const { texts, count } = prefixes(set, left);
    left -= texts.length;
    return { label, size, within, ranges, from: texts, moreFrom: count - texts.length };
  };
  return {
    proven: true,
    nodes,
    difference: isDifference,
    opens: counted(({ opens }) => opens),
    closes: counted(({ closes }) => closes),
    columns: columns.map(columnJson),
    rows: rows.map(rowJson),
    moreRows,
  };
}

function rowJson({ listener, was, place, places, names, change, cells }: MatrixRow): unknown {
  return { listener, was, place, places: places.map(placeJson), names, change, cells };
}
