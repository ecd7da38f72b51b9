// A matrix as a table of text, for terminals and for pages that show text: the same content as the picture.
import { counted, notesOf, rowDetail, summaryText, type Notes } from "./cell_words.ts";
import type { Matrix, MatrixCell, MatrixColumn } from "./matrix.ts";

const LEGEND: readonly (readonly [sign: string, says: string, isSaid: (cell: MatrixCell) => boolean])[] = [
  ["yes", "admitted", ({ after }) => after.verdict === "admitted"],
  ["if N", "admitted under condition N", ({ after }) => after.verdict === "conditional"],
  ["part", "some of these ranges are admitted", ({ after }) => after.verdict === "partly"],
  ["-", "refused", ({ after }) => after.verdict === "refused"],
  ["*", "limited: a limit, or a cap per source or identity, counts these connections", ({ after }) => after.limited],
  ["[+]", "opens: admits requests that were refused", ({ opens }) => opens],
  ["[-]", "closes: refuses requests that were admitted", ({ closes }) => closes],
];

/** Lines without a final newline. `title` is the policy, or the two. */
export function matrixTable(matrix: Matrix, title: string): string {
  const notes = notesOf(matrix);
  const head = ["", "", ...matrix.columns.map((_, i) => letterOf(i))];
  const body = matrix.rows.map((row) => [row.listener, rowDetail(row), ...row.cells.map((cell) => wordOf(cell, notes))]);
  const cells = matrix.rows.flatMap((row) => row.cells);
  const legend = LEGEND.filter(([, , isSaid]) => cells.some(isSaid)).map(([sign, says]) => [sign, says]);
  return [
    `${title}: ${summaryText(matrix)}`,
    "",
    ...(body.length === 0 ? ["nothing is exposed"] : aligned([head, ...body])),
    ...(matrix.moreRows > 0 ? [`and ${counted(matrix.moreRows, "more row")}`] : []),
    "",
    ...aligned(matrix.columns.map((column, i) => [letterOf(i), columnText(column)])),
    ...(notes.numbers.size > 0 ? ["", ...aligned([...notes.numbers].map(([says, number]) => [String(number), says]))] : []),
    ...(notes.more > 0 ? [`and ${counted(notes.more, "more condition")}`] : []),
    ...(legend.length > 0 ? ["", ...aligned(legend)] : []),
  ].join("\n");
}

/** `A` … `Z`, `AA` … */
export function letterOf(i: number): string {
  return i < 26 ? String.fromCharCode(65 + i) : `${letterOf(Math.floor(i / 26) - 1)}${letterOf(i % 26)}`;
}

export function columnText({ label, size, within }: MatrixColumn): string {
  const about = [size, within === null ? null : `in ${within}`].filter((text) => text !== null);
  return about.length === 0 ? label : `${label} (${about.join(", ")})`;
}

/** `yes`, `if 2*`, `[+] yes` */
function wordOf({ after, opens, closes }: MatrixCell, { numbers }: Notes): string {
  const note = after.says === null ? undefined : numbers.get(after.says);
  const number = note === undefined ? "" : ` ${note}`;
  const word =
    after.verdict === "refused" ? "-"
    : after.verdict === "admitted" ? "yes"
    : after.verdict === "partly" ? `part${number}`
    : `if${number}`;
  const change = opens || closes ? `[${opens ? "+" : ""}${closes ? "-" : ""}] ` : "";
  return `${change}${word}${after.limited ? "*" : ""}`;
}

function aligned(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) row.forEach((text, i) => (widths[i] = Math.max(widths[i] ?? 0, text.length)));
  return rows.map((row) =>
    row
      .map((text, i) => text.padEnd(widths[i] ?? 0))
      .join("  ")
      .trimEnd(),
  );
}
