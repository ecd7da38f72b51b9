// The words of a matrix that its picture and its table share: what a cell says, the notes about conditions, and the legend.
import type { Admission } from "./admissions.ts";
import type { Matrix, MatrixCell, MatrixRow } from "./matrix.ts";

/** Conditions that have a note; the others are in the JSON alone. */
const MOST_NOTES = 24;

export interface Notes {
  /** Numbers of the conditions, from 1 in the order of the cells. */
  readonly numbers: ReadonlyMap<string, number>;
  /** Conditions without a number. */
  readonly more: number;
}

export function notesOf({ rows }: Matrix): Notes {
  const all = new Set(rows.flatMap(({ cells }) => cells.flatMap(({ after }) => after.says ?? [])));
  const kept = [...all].slice(0, MOST_NOTES);
  return { numbers: new Map(kept.map((says, i) => [says, i + 1])), more: all.size - kept.length };
}

/** `admitted with a certificate of its ca, limited` */
export function admissionText({ verdict, says, limited }: Admission): string {
  const said = says === null ? "" : ` ${says}`;
  const text =
    verdict === "refused" ? "refused"
    : verdict === "partly" ? `some of these ranges are admitted${said}`
    : `admitted${said}`;
  return limited ? `${text}, limited` : text;
}

/** A cell in full. */
export function cellText({ before, after, opens, closes, example }: MatrixCell): string {
  const now = admissionText(after);
  const was = before === null ? now : admissionText(before);
  const text =
    before === null ? now
    : opens || closes ? `${changeText(opens, closes)}: was ${was}, now ${now}`
    : was === now ? now
    : `was ${was}, now ${now}`;
  return example === null ? text : `${text}; for example: ${example}`;
}

function changeText(opens: boolean, closes: boolean): string {
  return [...(opens ? ["opens"] : []), ...(closes ? ["closes"] : [])].join(" and ");
}

/** `2 listeners by 3 ranges of sources; 1 cell opens, none closes` */
export function summaryText({ rows, columns, isDifference, moreRows }: Matrix): string {
  const cells = rows.flatMap((row) => row.cells);
  const [opens, closes] = [cells.filter((cell) => cell.opens).length, cells.filter((cell) => cell.closes).length];
  const ranges = columns.reduce((sum, column) => sum + column.ranges, 0);
  const size = `${counted(rows.length + moreRows, "row")} by ${counted(ranges, "range")} of sources`;
  return isDifference ? `${size}; ${counted(opens, "cell")} ${opens === 1 ? "opens" : "open"}, ${closes} ${closes === 1 ? "closes" : "close"}` : size;
}

export function counted(n: number, noun: string): string {
  return `${n} ${noun}${n === 1 ? "" : "s"}`;
}

/** `tcp 443, www.example.com, new` */
export function rowDetail({ place, names, was, change }: MatrixRow): string {
  return [place, names, was === null ? null : `was ${was}`, change].filter((text) => text !== null).join(", ");
}
