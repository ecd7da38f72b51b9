// The chart of docs/performance.md: time of a decision by the size of an IPv4 list, random sources,
// both axes logarithmic. Plain SVG with its own ground, light or dark as the reader has it.
import { isDecided, type Results, type World } from "./results.ts";
import { SUBJECTS } from "./subjects.ts";
import { thousands } from "./text.ts";

const WIDTH = 920;
const HEIGHT = 520;
const LEFT = 74;
const RIGHT = 310;
const TOP = 62;
const BOTTOM = 62;
/** Lines of text at the right end keep this apart. */
const LABEL_GAP = 17;

const TICKS = ["1 ns", "10 ns", "100 ns", "1 µs", "10 µs", "100 µs", "1 ms", "10 ms", "100 ms", "1 s", "10 s"];

const STYLE = `
  .ground { fill: #ffffff; } .text { fill: #24292f; } .faint { fill: #57606a; } .grid { stroke: #d0d7de; }
  text { font: 13px system-ui, "DejaVu Sans", sans-serif; } .title { font-size: 16px; font-weight: 600; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .text { fill: #e6edf3; } .faint { fill: #9198a1; } .grid { stroke: #30363d; }
  }`;

interface Line {
  readonly label: string;
  readonly colour: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
  /** Size at which it ended, where that is not the last. */
  readonly ended: boolean;
}

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");
const at = (n: number): string => n.toFixed(1);

export function chart(results: Results): string {
  const [version, node] = Object.entries(results.nodes).at(-1) ?? [];
  const worlds = results.worlds.filter((w) => w.kind === "list" && w.family === 4);
  const sizes = worlds.map(({ size }) => Math.log10(size));
  const [first = 0, last = 1] = [sizes[0], sizes.at(-1)];
  const plotWidth = WIDTH - LEFT - RIGHT;
  const plotHeight = HEIGHT - TOP - BOTTOM;
  const x = (size: number): number => LEFT + ((Math.log10(size) - first) / Math.max(1, last - first)) * plotWidth;

  const found = (world: World, id: string): number | null => {
    const outcome = node?.decide[world.name]?.[id] ?? results.proxies[world.name]?.[id];
    return isDecided(outcome) && outcome.random.median > 0 ? outcome.random.median : null;
  };
  const drawn = SUBJECTS.flatMap(({ id, label, colour }) => {
    const figures = worlds.flatMap((world) => {
      const ns = found(world, id);
      return ns === null ? [] : [{ size: world.size, ns }];
    });
    return colour === null || figures.length === 0 ? [] : [{ label, colour, figures, ended: figures.length < worlds.length }];
  });
  const most = Math.max(10, ...drawn.flatMap(({ figures }) => figures.map(({ ns }) => ns)));
  const decades = Math.min(TICKS.length - 1, Math.ceil(Math.log10(most)));
  const y = (ns: number): number => TOP + plotHeight * (1 - Math.max(0, Math.log10(ns)) / decades);

  const lines: Line[] = drawn.map(({ figures, ...rest }) => ({ ...rest, points: figures.map(({ size, ns }) => ({ x: x(size), y: y(ns) })) }));
  const labels = placed(lines);
  const bottom = TOP + plotHeight;
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img" aria-label="Time of a decision by the number of prefixes">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" width="${WIDTH}" height="${HEIGHT}"/>`,
    `<text class="text title" x="${LEFT}" y="26">Time of a decision: an IPv4 list, random sources</text>`,
    `<text class="faint" x="${LEFT}" y="46">Node ${escape(version ?? "")}; medians, both axes logarithmic, lower is better; ○: stopped or not tried beyond</text>`,
  ];
  for (let tick = 0; tick <= decades; tick++) {
    const line = y(10 ** tick);
    out.push(
      `<line class="grid" x1="${LEFT}" y1="${at(line)}" x2="${LEFT + plotWidth}" y2="${at(line)}"/>`,
      `<text class="faint" x="${LEFT - 8}" y="${at(line + 4)}" text-anchor="end">${TICKS[tick] ?? ""}</text>`,
    );
  }
  for (const { size } of worlds) {
    out.push(
      `<line class="grid" x1="${at(x(size))}" y1="${TOP}" x2="${at(x(size))}" y2="${bottom}"/>`,
      `<text class="faint" x="${at(x(size))}" y="${bottom + 20}" text-anchor="middle">${thousands(size)}</text>`,
    );
  }
  out.push(`<text class="text" x="${at(LEFT + plotWidth / 2)}" y="${bottom + 44}" text-anchor="middle">prefixes in the policy</text>`);
  out.push(`<text class="text" transform="translate(18 ${at(TOP + plotHeight / 2)}) rotate(-90)" text-anchor="middle">time of one decision</text>`);
  lines.forEach(({ label, colour, points, ended }, i) => {
    const end = points.at(-1);
    if (end === undefined) return;
    const labelY = labels[i] ?? end.y;
    const labelX = LEFT + plotWidth + 26;
    out.push(`<polyline fill="none" stroke="${colour}" stroke-width="2.5" points="${points.map((p) => `${at(p.x)},${at(p.y)}`).join(" ")}"/>`);
    points.forEach((p, n) =>
      out.push(
        `<circle cx="${at(p.x)}" cy="${at(p.y)}" r="4" stroke="${colour}" stroke-width="2" ${ended && n === points.length - 1 ? `class="ground"` : `fill="${colour}"`}/>`,
      ),
    );
    out.push(
      `<line stroke="${colour}" stroke-width="1" stroke-dasharray="2 3" x1="${at(end.x + 6)}" y1="${at(end.y)}" x2="${labelX - 4}" y2="${at(labelY)}"/>`,
    );
    out.push(`<text class="text" x="${labelX}" y="${at(labelY + 4)}"><tspan fill="${colour}">■</tspan> ${escape(label)}</text>`);
  });
  return `${out.join("\n")}\n</svg>\n`;
}

/** The place of each label: near the end of its line, none on another, all within the chart. */
function placed(lines: readonly Line[]): number[] {
  const order = lines.map((line, i) => ({ i, y: line.points.at(-1)?.y ?? 0 })).sort((a, b) => a.y - b.y);
  const out: number[] = lines.map(() => 0);
  let free = TOP;
  for (const { i, y } of order) {
    out[i] = Math.max(y, free);
    free = (out[i] ?? 0) + LABEL_GAP;
  }
  // A label that was pushed out below moves up again, and pushes those above it.
  let room = HEIGHT - BOTTOM;
  for (const { i } of [...order].reverse()) {
    out[i] = Math.min(out[i] ?? 0, room);
    room = (out[i] ?? 0) - LABEL_GAP;
  }
  return out;
}
