// The chart of the gateway's part of docs/performance.md: CPU time of each work as a ratio to HAProxy's, with audit
// and logs. Plain SVG with its own ground, light or dark as the reader has it.
import { ratioOf, type GatewayResults } from "./results.ts";
import { digits } from "../../report/text.ts";

const WIDTH = 920;
const LEFT = 150;
const RIGHT = 70;
const TOP = 96;
const BAR = 12;
const GAP = 22;
/** A longer bar is cut, and its number says how long it is. */
const MOST = 4;

const STYLE = `
  .ground { fill: #ffffff; } .text { fill: #24292f; } .faint { fill: #57606a; } .grid { stroke: #d0d7de; } .one { stroke: #57606a; }
  text { font: 13px system-ui, "DejaVu Sans", sans-serif; } .title { font-size: 16px; font-weight: 600; } .small { font-size: 11px; }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117; } .text { fill: #e6edf3; } .faint { fill: #9198a1; } .grid { stroke: #30363d; } .one { stroke: #9198a1; }
  }`;

const WORK: readonly (readonly [row: string, title: string])[] = [
  ["connection", "new connection"],
  ["request", "request, response"],
  ["refusal", "refusal"],
  ["bulk1", "bulk, 1 stream"],
  ["bulk8", "bulk, 8 streams"],
  ["tls", "TLS"],
  ["mtls", "mTLS"],
  ["passthrough", "passthrough"],
];
const COLOURS: Readonly<Record<string, string>> = {
  "ingressd-kernel-20": "#7db3e8",
  "ingressd-kernel-26": "#1f78d1",
  "ingressd-node-20": "#f0a878",
  "ingressd-node-26": "#e8590c",
  nginx: "#2f9e44",
  envoy: "#9c6ade",
  "net-20": "#c3a24e",
  "net-26": "#a98307",
};
const ORDER = Object.keys(COLOURS);

const escape = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll("`", "");
const at = (n: number): string => n.toFixed(1);

interface Group {
  readonly title: string;
  readonly bars: readonly { readonly id: string; readonly ratio: number }[];
}

function groupsOf(results: GatewayResults): readonly Group[] {
  return WORK.map(([row, title]) => ({
    title,
    bars: ORDER.flatMap((id) => {
      const ratio = ratioOf(results.rows[row], id, "haproxy", ({ value }) => value);
      return ratio === null ? [] : [{ id, ratio }];
    }),
  })).filter(({ bars }) => bars.length > 0);
}

function legend(results: GatewayResults, ids: readonly string[]): string[] {
  return ids.map((id, i) => {
    const label = results.subjects.find((s) => s.id === id)?.label ?? id;
    const [x, y] = [LEFT - 130 + (i % 4) * 218, 50 + Math.floor(i / 4) * 18];
    return `<text class="text small" x="${x}" y="${y}"><tspan fill="${COLOURS[id] ?? ""}">■</tspan> ${escape(label)}</text>`;
  });
}

export function gatewayChart(results: GatewayResults): string {
  const groups = groupsOf(results);
  const used = ORDER.filter((id) => groups.some(({ bars }) => bars.some((bar) => bar.id === id)));
  const bottom = TOP + groups.reduce((sum, { bars }) => sum + bars.length * BAR + GAP, 0);
  const height = bottom + 44;
  const x = (ratio: number): number => LEFT + (Math.min(ratio, MOST) / MOST) * (WIDTH - LEFT - RIGHT);
  const out = [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" aria-label="CPU time of each work as a ratio to HAProxy's">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
    `<text class="text title" x="20" y="26">CPU time beside HAProxy's, with audit and logs (lower is better)</text>`,
    ...legend(results, used),
  ];
  for (let tick = 0; tick <= MOST; tick++) {
    out.push(
      `<line class="${tick === 1 ? "one" : "grid"}" x1="${at(x(tick))}" y1="${TOP - 8}" x2="${at(x(tick))}" y2="${at(bottom)}"/>`,
      `<text class="faint" x="${at(x(tick))}" y="${at(bottom + 20)}" text-anchor="middle">${tick === 1 ? "HAProxy = 1" : tick}</text>`,
    );
  }
  let y = TOP;
  for (const { title, bars } of groups) {
    out.push(`<text class="text" x="${LEFT - 10}" y="${at(y + (bars.length * BAR) / 2 + 4)}" text-anchor="end">${escape(title)}</text>`);
    for (const { id, ratio } of bars) {
      out.push(
        `<rect x="${LEFT}" y="${at(y)}" width="${at(x(ratio) - LEFT)}" height="${BAR - 2}" fill="${COLOURS[id] ?? ""}"/>`,
        `<text class="faint small" x="${at(x(ratio) + 5)}" y="${at(y + BAR - 3)}">${digits(ratio)}${ratio > MOST ? " (cut)" : ""}</text>`,
      );
      y += BAR;
    }
    y += GAP;
  }
  return `${out.join("\n")}\n</svg>\n`;
}
