// Rows and comments -> lines -> text. The one layout of the language: what breaks a line is its
// width and the comments in it, never the previous layout of the text. Two things are kept of that: a
// comment behind a token stays on its line, and blank lines around comments on lines of their own
// stay (one of several).
import { EMPTY_GAP, gathered, type Gap } from "./comments.ts";
import { INDENT, tokensOf, type Doc, type Row } from "./layout.ts";
import { alignLines, type Line } from "./align.ts";

/** Columns that a line has, where it can be broken. */
const MAX_WIDTH = 100;

/** `gaps`: one more than the rows have tokens, or none at all. */
export function renderRows(rows: readonly Row[], gaps: readonly Gap[] = []): string {
  const writer = new Writer(settle(rows, gaps));
  rows.forEach((row, i) => {
    writer.row(row, rows[i - 1] ?? null);
  });
  writer.end();
  return alignLines(writer.lines)
    .map((line) => `${line}\n`)
    .join("");
}

/** Before these no line breaks: a comment before one is printed behind it. */
const NEVER_FIRST: ReadonlySet<string> = new Set([",", "{"]);

/** Moves each comment before a comma or a `{` behind it; all others stay between their words. */
function settle(rows: readonly Row[], given: readonly Gap[]): Gap[] {
  const gaps = [...given];
  let k = 0;
  for (const { parts } of rows) {
    for (const { text } of tokensOf(parts)) {
      const gap = gaps[k] ?? EMPTY_GAP;
      if (NEVER_FIRST.has(text) && hasComment(gap)) {
        gaps[k + 1] = gathered([gap, gaps[k + 1] ?? EMPTY_GAP]);
        gaps[k] = EMPTY_GAP;
      }
      k++;
    }
  }
  return gaps;
}

function hasComment({ trailing, own }: Gap): boolean {
  return trailing !== null || own.length > 0;
}

interface Measure {
  /** On one line. */
  readonly width: number;
  /** A comment is at one of its breaks. */
  readonly forced: boolean;
}

class Writer {
  readonly lines: Line[] = [];
  private readonly gaps: readonly Gap[];
  /** The number of the next token. */
  private next = 0;
  private cells: string[] = [""];
  private indent = 0;
  private rowIndent = 0;
  /** The number of the token whose gap was written last. */
  private written = -1;
  private readonly measures = new Map<Doc, Measure>();

  constructor(gaps: readonly Gap[]) {
    this.gaps = gaps;
  }

  row(row: Row, before: Row | null): void {
    this.between(row, before);
    this.measure(row.parts, this.next);
    const first = this.lines.length;
    this.cells = [""];
    this.indent = row.indent;
    this.rowIndent = row.indent;
    this.written = this.next;
    this.parts(row.parts, row.indent, false, 0);
    this.finish(this.gap().trailing, this.lines.length === first ? row.table : null);
  }

  end(): void {
    for (const { text, apart } of this.gap().own) {
      if (apart && this.lines.length > 0) this.lines.push({ kind: "blank" });
      this.lines.push({ kind: "comment", indent: 0, text });
    }
  }

  private gap(): Gap {
    return this.gaps[this.next] ?? EMPTY_GAP;
  }

  /** Comments on lines of their own before a row, and blank lines. */
  private between(row: Row, before: Row | null): void {
    const { own, apart } = this.gap();
    const tight = before?.edge === "leads";
    const asWritten = apart || own.some((c) => c.apart);
    own.forEach((comment, i) => {
      const wanted = comment.apart || (i === 0 && row.apart && !asWritten);
      if (wanted && !tight && !(i === 0 && (before === null || before.edge === "opens"))) this.lines.push({ kind: "blank" });
      this.lines.push({ kind: "comment", indent: row.indent + (row.edge === "closes" ? INDENT : 0), text: comment.text });
    });
    const blank = own.length > 0 ? apart && row.edge !== "closes" : row.apart && before !== null && before.edge !== "opens";
    if (blank && !tight) this.lines.push({ kind: "blank" });
  }

  /** Widths and comments of all groups; `k` is the number of the first token. */
  private measure(parts: readonly Doc[], k: number): Measure & { readonly next: number } {
    let width = 0;
    let forced = false;
    let next = k;
    for (const part of parts) {
      switch (part.kind) {
        case "token":
          forced ||= next > k && hasComment(this.gaps[next] ?? EMPTY_GAP);
          width += part.text.length;
          next++;
          break;
        case "space":
        case "column":
          width++;
          break;
        case "line":
        case "close": {
          forced ||= hasComment(this.gaps[next] ?? EMPTY_GAP);
          width += part.kind === "line" && part.soft ? 0 : 1;
          break;
        }
        case "group": {
          const inner = this.measure(part.parts, next);
          this.measures.set(part, inner);
          width += inner.width;
          forced ||= inner.forced;
          next = inner.next;
          break;
        }
      }
    }
    return { width, forced, next };
  }

  /** `tail`: columns of what can't be parted from the last of the parts. */
  private parts(parts: readonly Doc[], indent: number, flat: boolean, tail: number): void {
    parts.forEach((part, i) => {
      switch (part.kind) {
        case "token":
          this.breakAtComment(indent);
          this.write(part.text);
          this.next++;
          break;
        case "space":
          if (!this.breakAtComment(indent)) this.write(" ");
          break;
        case "column":
          if (!this.breakAtComment(indent)) this.cells.push("");
          break;
        case "line":
          if (!flat) this.breakLine(indent, indent);
          else if (!part.soft) this.write(" ");
          break;
        case "close":
          if (flat) this.write(" ");
          else this.breakLine(indent, indent - INDENT);
          break;
        case "group": {
          const { width, forced } = this.measures.get(part) ?? { width: 0, forced: false };
          const rest = this.glued(parts, i + 1, flat) + (parts.slice(i + 1).some((p) => p.kind === "line") && !flat ? 0 : tail);
          const fits = !forced && this.column() + width + rest <= MAX_WIDTH;
          this.parts(part.parts, indent + part.indent, flat || fits, rest);
          break;
        }
      }
    });
  }

  /** Columns up to the next place where a line breaks. */
  private glued(parts: readonly Doc[], from: number, flat: boolean): number {
    let width = 0;
    for (const part of parts.slice(from)) {
      if (part.kind === "token") width += part.text.length;
      else if (part.kind === "group") width += this.measures.get(part)?.width ?? 0;
      else if (part.kind === "line" && !flat) return width;
      else width++;
    }
    return width;
  }

  private write(text: string): void {
    this.cells.push(`${this.cells.pop() ?? ""}${text}`);
  }

  private column(): number {
    return this.indent + this.cells.reduce((sum, cell) => sum + cell.length + 1, -1);
  }

  /** Where a line breaks only because of a comment; the next part is below the one that it belongs to. */
  private breakAtComment(indent: number): boolean {
    if (this.written >= this.next || !hasComment(this.gap())) return false;
    const deeper = Math.max(indent, this.rowIndent + INDENT);
    this.breakLine(deeper, deeper);
    return true;
  }

  private breakLine(commentIndent: number, indent: number): void {
    this.written = this.next;
    const { trailing, own } = this.gap();
    this.finish(trailing, null);
    for (const { text } of own) this.lines.push({ kind: "comment", indent: commentIndent, text });
    this.indent = indent;
  }

  private finish(comment: string | null, table: string | null): void {
    this.lines.push({ kind: "code", indent: this.indent, cells: this.cells, comment, table });
    this.cells = [""];
  }
}
