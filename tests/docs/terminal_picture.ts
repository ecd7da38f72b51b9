// A terminal as a picture, from commands and what they printed: SVG without fonts or scripts, with the same bytes for the same lines.

const COLUMNS = 100;
const LINE = 19;
const PAD = 18;
const TOP = 44;

const STYLE = `
  .ground { fill: #0d1117; stroke: #3d444d; } text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #c9d1d9; white-space: pre; }
  .command { fill: #f0f6fc; font-weight: 700; } .good { fill: #3fb950; } .bad { fill: #f85149; } .faint { fill: #9198a1; }
`;

/** The colour of a printed line, by what begins it. */
function classOf(line: string): string {
  if (/^(?:\+|FAIL|ingressc:|error)/.test(line)) return "bad";
  if (/^(?:ok|-) /.test(line)) return "good";
  return /^(?:help:| {4}for example:)/.test(line) ? "faint" : "";
}

/** Of one session: each command with what it printed. The text ends with a newline. */
export function terminalPicture(title: string, session: readonly (readonly [command: string, printed: string])[]): string {
  const rows = session.flatMap(([command, printed], i) => [
    ...(i === 0 ? [] : [{ text: "", kind: "" }]),
    ...wrapped(`$ ${command}`).map((text) => ({ text, kind: "command" })),
    ...printed
      .trimEnd()
      .split("\n")
      .flatMap((line) => wrapped(line).map((text) => ({ text, kind: classOf(line) }))),
  ]);
  const [width, height] = [COLUMNS * 8 + 2 * PAD, TOP + rows.length * LINE + PAD];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img">`,
    `<title>${escaped(title)}</title>`,
    `<desc>${escaped(session.map(([command]) => command).join("; "))}</desc>`,
    `<style>${STYLE}</style>`,
    `<rect class="ground" x="0.5" y="0.5" width="${width - 1}" height="${height - 1}" rx="8"/>`,
    ...["#f85149", "#d29922", "#3fb950"].map((colour, i) => `<circle cx="${PAD + 4 + 18 * i}" cy="20" r="5" fill="${colour}"/>`),
    ...rows.flatMap(({ text, kind }, i) =>
      text === "" ? [] : [`<text${kind === "" ? "" : ` class="${kind}"`} x="${PAD}" y="${TOP + LINE * i + 12}">${escaped(text)}</text>`],
    ),
    "</svg>",
    "",
  ].join("\n");
}

/** At spaces, where there are some; what follows is indented. */
function wrapped(line: string): readonly string[] {
  if (line.length <= COLUMNS) return [line];
  const space = line.lastIndexOf(" ", COLUMNS);
  const at = space > COLUMNS / 2 ? space : COLUMNS;
  return [line.slice(0, at), ...wrapped(`    ${line.slice(at).trimStart()}`)];
}

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (c) => ENTITIES[c] ?? "");
}
