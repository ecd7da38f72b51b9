// The exposure matrix: a picture with a row for each listener and a column for each range of sources, and tables with the same content.
import { element, paragraph, picture, shape, table, words } from "../dom.ts";
import type { ChangeLine, MatrixCellShown, MatrixShown } from "../messages.ts";

const [LABEL, TOP, ROW, WIDTH] = [200, 26, 34, 640];
const MOST_WIDTH = 110;

export function matrixView(matrix: MatrixShown | { readonly trouble: string }): Node {
  if ("trouble" in matrix) return paragraph(words(matrix.trouble), { class: "deny" });
  const { summary, columns, rows, moreRows, changes } = matrix;
  return element(
    "div",
    {},
    changes === null ? null : changesView(changes),
    paragraph(`${summary}.${moreRows > 0 ? ` ${moreRows} more rows are not shown.` : ""}`),
    rows.length === 0 ? paragraph("Nothing is exposed.") : picture("exposure matrix", matrixPicture(matrix)),
    rows.length === 0 ?
      null
    : table(
        "Columns: ranges of source addresses, which have no address in common",
        ["Column", "Sources"],
        columns.map(({ letter, text }) => [letter, text]),
      ),
    rows.length === 0 ?
      null
    : table(
        "Cells: what each range may reach",
        ["Listener", ...columns.map(({ letter }) => letter)],
        rows.map(({ listener, detail, cells }) => [`${listener} (${detail})`, ...cells.map(cellView)]),
      ),
  );
}

function cellView({ verdict, says, opens, closes }: MatrixCellShown): Node {
  const effect = opens ? "deny" : "allow";
  return element("span", { class: opens || closes ? effect : verdict }, says);
}

/** Of a cell that opens and closes, what opens is the danger. */
function effectOf({ opens, closes }: Pick<MatrixCellShown, "opens" | "closes">): string {
  return (
    opens ? " opens"
    : closes ? " closes"
    : ""
  );
}

/** `+` for what opens, `−` for what closes. */
function changesView(changes: readonly ChangeLine[]): Node {
  if (changes.length === 0) return paragraph("Both policies admit the same requests.");
  const opens = changes.filter(({ effect }) => effect === "opens").length;
  const closes = changes.filter(({ effect }) => effect === "closes").length;
  return element(
    "div",
    {},
    paragraph(`${opens} ${opens === 1 ? "opening" : "openings"}, ${closes} ${closes === 1 ? "closing" : "closings"}.`, { class: opens > 0 ? "deny" : "allow" }),
    table(
      "What opens and what closes",
      ["Effect", "Listener", "Change", "For example"],
      changes.map(({ effect, listener, place, text, example }) => [
        effect ?? "only tried out",
        `${listener}${place === "" ? "" : ` (${place})`}`,
        element("span", {}, ...words(text)),
        example === null ? "" : element("code", {}, example),
      ]),
    ),
  );
}

function matrixPicture({ summary, columns, rows, isDifference }: MatrixShown): SVGSVGElement {
  const each = Math.min(MOST_WIDTH, (WIDTH - LABEL) / Math.max(1, columns.length));
  const heads = columns.map(({ letter }, i) => shape("text", { x: LABEL + i * each + each / 2, y: 18, "text-anchor": "middle" }, letter));
  const body = rows.flatMap(({ listener, detail, cells }, r) => [
    shape("text", { x: 0, y: TOP + r * ROW + 15 }, shortened(listener, 26)),
    shape("text", { x: 0, y: TOP + r * ROW + 28, class: "small" }, shortened(detail, 34)),
    ...cells.map((cell, c) => cellPicture(cell, LABEL + c * each, TOP + r * ROW, each - 3)),
  ]);
  const changed = isDifference ? " + opens, − closes." : "";
  return shape(
    "svg",
    {
      viewBox: `0 0 ${WIDTH} ${TOP + rows.length * ROW + 4}`,
      role: "img",
      "aria-label": `Exposure matrix: ${summary}.${changed} The tables below have the same content.`,
    },
    ...heads,
    ...body,
  );
}

function cellPicture({ verdict, word, limited, opens, closes }: MatrixCellShown, x: number, y: number, width: number): Node {
  const change = `${opens ? "+" : ""}${closes ? "−" : ""}`;
  return shape(
    "g",
    {},
    shape("rect", { x, y, width, height: ROW - 4, class: `fill-${verdict}${change === "" ? "" : " changed"}${effectOf({ opens, closes })}` }),
    shape("text", { x: x + width / 2, y: y + 20, "text-anchor": "middle" }, `${change === "" ? "" : `${change} `}${word}${limited ? "*" : ""}`),
  );
}

function shortened(text: string, most: number): string {
  return text.length <= most ? text : `${text.slice(0, most - 1)}…`;
}
