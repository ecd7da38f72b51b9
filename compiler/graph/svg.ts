// A matrix as a picture: SVG without scripts, fonts or anything from another place, so that it shows in an <img> of a pull request. The
// same matrix has the same bytes. It has a ground of its own, and other colours where the reader's system is dark; no cell depends on its
// colour alone.
import { visible } from "../../runtime/text/characters.ts";
import { cellText, counted, notesOf, rowDetail, summaryText, type Notes } from "./cell_words.ts";
import type { Matrix, MatrixCell, MatrixColumn, MatrixRow } from "./matrix.ts";

const PAD = 20;
const ROW = 42;
const COLUMN = 48;
const LINE = 20;
/** Sine and cosine of the 45 degrees of the headers. */
const SLANT = Math.SQRT1_2;
const MOST_LABEL = 40;
const MOST_ABOUT = 36;
const MOST_ROW_TEXT = 46;
const LEAST_WIDTH = 560;

const STYLE = `
  .ground { fill: #ffffff; stroke: #d0d7de; } .text { fill: #1f2328; } .faint { fill: #59636e; } .line { stroke: #d0d7de; }
  .yes { fill: #0969da; stroke: #0969da; } .none { fill: none; stroke: #0969da; } .no { stroke: #8c959f; } .cell { fill: #f6f8fa; }
  .opens { fill: #ffebe9; stroke: #cf222e; } .closes { fill: #dafbe1; stroke: #1a7f37; } .plus { fill: #cf222e; } .minus { fill: #1a7f37; }
  text { font: 13px system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; } .title { font-size: 16px; font-weight: 600; }
  .name { font-weight: 600; } .small { font-size: 11px; } .sign { font-size: 15px; font-weight: 700; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; stroke: #3d444d; } .text { fill: #f0f6fc; } .faint { fill: #9198a1; } .line { stroke: #3d444d; }
    .yes { fill: #4493f8; stroke: #4493f8; } .none { stroke: #4493f8; } .no { stroke: #656c76; } .cell { fill: #151b23; }
    .opens { fill: #3c1618; stroke: #f85149; } .closes { fill: #12261e; stroke: #3fb950; } .plus { fill: #f85149; } .minus { fill: #3fb950; }
  }
`;

/** `title` is the policy, or the two. The text ends with a newline. */
export function matrixSvg(matrix: Matrix, title: string): string {
  const notes = notesOf(matrix);
  const place = placing(matrix, title);
  const foot = footLines(matrix, notes, Math.floor((place.width - 2 * PAD) / 6.2));
  const bottom = place.top + ROW * Math.max(1, matrix.rows.length);
  const height = bottom + 16 + LINE * foot.length + PAD;
  const about = summaryText(matrix);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${place.width} ${height}" width="${place.width}" height="${height}" role="img">`,
    `<title>Who reaches what: ${escaped(title)}</title>`,
    `<desc>${escaped(about)}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${place.width - 1}" height="${height - 1}" rx="6"/>`,
    text("text title", PAD, 32, shortened(title, Math.floor((place.width - 2 * PAD) / 9))),
    text("faint", PAD, 54, about),
    ...matrix.columns.map((column, i) => header(column, place.left + COLUMN * i + COLUMN / 2, place.top)),
    ...matrix.rows.flatMap((row, i) => rowLines(row, place, place.top + ROW * i, notes)),
    ...(matrix.rows.length === 0 ? [text("faint", PAD, place.top + 26, "nothing is exposed")] : []),
    ...foot.map((line, i) => line(bottom + 16 + LINE * i + 14)),
    "</svg>",
    "",
  ].join("\n");
}

interface Placing {
  readonly width: number;
  /** Of the first cell. */
  readonly left: number;
  readonly top: number;
}

function placing({ columns, rows }: Matrix, title: string): Placing {
  const rowText = Math.max(96, ...rows.flatMap((row) => rowTexts(row).map((words, i) => widthOf(words) * (i === 0 ? 7.8 : 6))));
  const left = Math.round(PAD + rowText + 16);
  const headers = columns.map((column) => Math.max(...headerTexts(column).map((words, i) => widthOf(words) * (i === 0 ? 6.9 : 5.9) + 14 * i)) * SLANT);
  const wanted = Math.max(...headers.map((header, i) => left + COLUMN * (i + 0.5) + header + PAD));
  return {
    width: Math.ceil(Math.max(LEAST_WIDTH, Math.min(widthOf(title) * 9 + 2 * PAD, 900), wanted)),
    left,
    top: Math.ceil(70 + Math.max(...headers) + 20),
  };
}

/** Letters of East Asia are as wide as two others. */
function widthOf(words: string): number {
  return [...words].reduce((sum, c) => sum + ((c.codePointAt(0) ?? 0) >= 0x1100 ? 2 : 1), 0);
}

function headerTexts({ label, size, within }: MatrixColumn): readonly string[] {
  const about = [size, within === null ? null : `in ${within}`].filter((words) => words !== null).join(", ");
  return [shortened(label, MOST_LABEL), shortened(about, MOST_ABOUT)];
}

function header(column: MatrixColumn, x: number, top: number): string {
  const [label = "", about = ""] = headerTexts(column);
  const lines = [text("text", 0, 0, label), ...(about === "" ? [] : [text("faint small", 0, 14, about)])];
  return `<g transform="translate(${x - 2} ${top - 14}) rotate(-45)"><title>${escaped([column.label, column.size].filter((words) => words !== null).join(", "))}</title>${lines.join("")}</g>`;
}

function rowTexts(row: MatrixRow): readonly string[] {
  return [shortened(row.listener, MOST_ROW_TEXT), shortened(rowDetail(row), MOST_ROW_TEXT)];
}

function rowLines(row: MatrixRow, { left, width }: Placing, y: number, notes: Notes): readonly string[] {
  const [name = "", detail = ""] = rowTexts(row);
  return [
    `<line class="line" x1="${PAD}" y1="${y}" x2="${Math.min(width - PAD, left + COLUMN * row.cells.length)}" y2="${y}"/>`,
    text("text name", PAD, y + 18, name),
    text("faint small", PAD, y + 33, detail),
    ...row.cells.map((cell, i) => cellGroup(cell, left + COLUMN * i, y, notes)),
  ];
}

function cellGroup(cell: MatrixCell, x: number, y: number, notes: Notes): string {
  const change =
    cell.opens ? " opens"
    : cell.closes ? " closes"
    : "";
  const number = cell.after.says === null ? undefined : notes.numbers.get(cell.after.says);
  return [
    `<g transform="translate(${x} ${y})"><title>${escaped(cellText(cell))}</title>`,
    change === "" ?
      `<rect class="cell" x="3" y="4" width="42" height="34" rx="4"/>`
    : `<rect class="cell${change}" stroke-width="2" x="4" y="5" width="40" height="32" rx="4"/>`,
    symbol(cell, change === "" ? 24 : 27, 21),
    ...(number === undefined ? [] : [text("text small", 35, 16, String(number))]),
    ...(cell.after.limited ? [`<path class="no" stroke-width="2" d="M17 33.5h16"/>`] : []),
    ...(cell.opens ? [text("plus sign", 8, 18, "+")] : []),
    ...(cell.closes ? [text("minus sign", 8, cell.opens ? 34 : 18, "−")] : []),
    "</g>",
  ].join("");
}

/** A disc, half a disc, a ring of dots, or a dash. */
function symbol({ after: { verdict } }: Pick<MatrixCell, "after">, x: number, y: number): string {
  switch (verdict) {
    case "admitted":
      return `<circle class="yes" cx="${x}" cy="${y}" r="7"/>`;
    case "conditional":
      return `<circle class="none" stroke-width="2" cx="${x}" cy="${y}" r="7"/><path class="yes" stroke="none" d="M${x} ${y - 7}a7 7 0 0 0 0 14z"/>`;
    case "partly":
      return `<circle class="none" stroke-width="2.5" stroke-dasharray="2.2 2.2" cx="${x}" cy="${y}" r="7"/>`;
    case "refused":
      return `<path class="no" stroke-width="2" d="M${x - 5} ${y}h10"/>`;
  }
}

type FootLine = (y: number) => string;

/** The legend of what the cells have, and the notes. */
function footLines({ rows, moreRows }: Matrix, { numbers, more }: Notes, most: number): readonly FootLine[] {
  const cells = rows.flatMap((row) => row.cells);
  const plain = { conditions: [], says: null, limited: false } as const;
  const signs: readonly (readonly [sign: (y: number) => string, says: string, isSaid: (cell: MatrixCell) => boolean])[] = [
    ...(
      [
        ["admitted", "admitted"],
        ["conditional", "admitted under the condition with this number"],
        ["partly", "some of these ranges are admitted"],
        ["refused", "refused"],
      ] as const
    ).map(
      ([verdict, says]) =>
        [(y: number) => symbol({ after: { ...plain, verdict } }, PAD + 8, y - 5), says, (cell: MatrixCell) => cell.after.verdict === verdict] as const,
    ),
    [
      (y) => `<path class="no" stroke-width="2" d="M${PAD} ${y - 4}h16"/>`,
      "limited: a limit, or a cap per source or identity, counts these connections",
      (cell) => cell.after.limited,
    ],
    [(y) => text("plus sign", PAD + 4, y, "+"), "opens: admits requests that were refused", (cell) => cell.opens],
    [(y) => text("minus sign", PAD + 4, y, "−"), "closes: refuses requests that were admitted", (cell) => cell.closes],
  ];
  const note = (words: string): FootLine[] => wrapped(words, most).map((line, i) => (y) => text("text small", i === 0 ? PAD : PAD + 16, y, line));
  return [
    ...(moreRows > 0 ? note(`and ${counted(moreRows, "more row")}`) : []),
    ...signs
      .filter(([, , isSaid]) => cells.some(isSaid))
      .map(
        ([sign, says]): FootLine =>
          (y) =>
            `${sign(y)}${text("faint small", PAD + 26, y, says)}`,
      ),
    ...[...numbers].flatMap(([says, number]) => note(`${number}  ${says}`)),
    ...(more > 0 ? note(`and ${counted(more, "more condition")}`) : []),
  ];
}

/** Lines of at most `most` characters, but for a word that is longer. */
function wrapped(words: string, most: number): readonly string[] {
  const lines: string[] = [];
  for (const word of words.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + 1 + word.length > most) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines;
}

function shortened(words: string, most: number): string {
  const all = [...words];
  return all.length <= most ? words : `${all.slice(0, most - 1).join("")}…`;
}

function text(classes: string, x: number, y: number, words: string): string {
  return `<text class="${classes}" x="${x}" y="${y}">${escaped(words)}</text>`;
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Of any text: what no XML can have, and what nobody would see, is written as its code point. */
function escaped(words: string): string {
  return visible(words).replace(/[&<>"']/g, (c) => ENTITIES[c] ?? "");
}
