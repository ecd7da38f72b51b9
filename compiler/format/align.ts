// Lines -> text, with the columns of neighbouring rows of one table in common, and comments behind
// neighbouring lines below each other.

export type Line =
  | {
      readonly kind: "code";
      readonly indent: number;
      /** One, or the text of each column. */
      readonly cells: readonly string[];
      readonly comment: string | null;
      /** Null: its columns are nobody else's. */
      readonly table: string | null;
    }
  | { readonly kind: "comment"; readonly indent: number; readonly text: string }
  | { readonly kind: "blank" };

type Code = Extract<Line, { readonly kind: "code" }>;

/** A wider cell, or line with a comment, is in no column, because it would move all others away. */
const MAX_CELL = 60;
const MAX_COMMENTED = 80;
const COMMENT_GAP = "  ";

export function alignLines(lines: readonly Line[]): string[] {
  const texts = new Map<Line, string>();
  for (const run of runs(lines, tableOf, "keep")) {
    const widths: number[] = [];
    for (const { cells } of run)
      cells.slice(0, -1).forEach((cell, i) => {
        widths[i] = Math.max(widths[i] ?? 0, cell.length);
      });
    for (const line of run) texts.set(line, line.cells.map((cell, i) => (i < line.cells.length - 1 ? cell.padEnd(widths[i] ?? 0) : cell)).join(" "));
  }
  const whole = (line: Code): string => " ".repeat(line.indent) + (texts.get(line) ?? line.cells.join(" "));
  const commented = (line: Code): string | null => (line.comment === null || whole(line).length > MAX_COMMENTED ? null : String(line.indent));
  const columns = new Map<Line, number>();
  for (const run of runs(lines, commented, "end")) {
    const column = run.reduce((most, line) => Math.max(most, whole(line).length), 0);
    for (const line of run) columns.set(line, column);
  }
  return lines.map((line) => {
    switch (line.kind) {
      case "blank":
        return "";
      case "comment":
        return " ".repeat(line.indent) + line.text;
      case "code":
        return line.comment === null ? whole(line) : `${whole(line).padEnd(columns.get(line) ?? 0)}${COMMENT_GAP}${line.comment}`;
    }
  });
}

function tableOf({ table, cells, indent }: Code): string | null {
  return table === null || cells.slice(0, -1).some((cell) => cell.length > MAX_CELL) ? null : `${table} ${cells.length} ${indent}`;
}

/** Neighbouring lines of one key; lines that are comments end a run or not. */
function runs(lines: readonly Line[], keyOf: (line: Code) => string | null, comments: "keep" | "end"): Code[][] {
  const found: Code[][] = [];
  let open: string | null = null;
  for (const line of lines) {
    if (line.kind === "comment" && comments === "keep") continue;
    const key = line.kind === "code" ? keyOf(line) : null;
    if (line.kind === "code" && key !== null) {
      if (key === open) found.at(-1)?.push(line);
      else found.push([line]);
    }
    open = key;
  }
  return found;
}
