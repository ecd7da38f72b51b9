// The part of docs/performance.md that is generated from results.json of `npm run bench:gateway`.
import { BARS, reachedBar } from "./bars.ts";
import { figuresOf, median, ratioOf, type GatewayResults, type GatewayRow, type Measure } from "./results.ts";
import { digits, table, thousands } from "../../report/text.ts";

const MAJORS = ["20", "26"] as const;
const VALUE: Measure = ({ value }) => value;

/** Each bar and the figure that was reached; a bar that is missed has its cause below. */
export function barTable(results: GatewayResults): string {
  const causes: string[] = [];
  const rows = BARS.map((bar) => {
    const reached = MAJORS.map((major) => reachedBar(results, bar, major));
    const missed = reached.some((r) => r?.met === false);
    const verdict =
      reached.every((r) => r === null) ? "not measured"
      : missed ? "**missed**"
      : reached.some((r) => r === null) ? "reached where measured"
      : "reached";
    if (missed) causes.push(`- *${bar.work}*: missed: ${bar.cause ?? "the cause is not known yet."}`);
    return [bar.work, `<= ${bar.required}`, ...reached.map((r) => r?.text ?? "not measured"), verdict];
  });
  const made = table(["work, beside HAProxy", "required (Node 20 / 26)", ...MAJORS.map((major) => `Node ${major}`), ""], rows);
  return causes.length === 0 ? made : `${made}\n\n${causes.join("\n")}`;
}

/** Median, least and most over the rounds, and the ratio to HAProxy. */
function cell(row: GatewayRow | undefined, id: string, measure: Measure): string {
  const measured = row?.subjects[id];
  if (row === undefined || measured === undefined) return "";
  if (measured.unserved !== undefined) return "not served";
  const figures = figuresOf(row, id, measure);
  const middle = median(figures);
  if (middle === null || measured.stopped !== undefined) return "failed";
  const ratio = ratioOf(row, id, "haproxy", measure);
  const spread = figures.length === 1 ? "" : ` (${digits(Math.min(...figures))}–${digits(Math.max(...figures))})`;
  return `${digits(middle)}${spread}${ratio === null || id === "haproxy" ? "" : ` ×${digits(ratio)}`}`;
}

type Column = readonly [title: string, row: string, measure: Measure];

/** A line for each subject that has a figure in one of the columns. */
function figureTable(results: GatewayResults, columns: readonly Column[]): string | null {
  const used = columns.filter(([, row]) => results.rows[row] !== undefined);
  const rows = results.subjects
    .map(({ id, label }) => [label, ...used.map(([, row, measure]) => cell(results.rows[row], id, measure))])
    .filter(([, ...cells]) => cells.some((text) => /\d/.test(text)));
  return rows.length === 0 ? null : table(["", ...used.map(([title]) => title)], rows);
}

const WORK: readonly (readonly [title: string, row: string])[] = [
  ["connection, µs", "connection"],
  ["request, µs", "request"],
  ["refusal, µs", "refusal"],
  ["bulk 1, s/GB", "bulk1"],
  ["bulk 8, s/GB", "bulk8"],
  ["TLS, µs", "tls"],
  ["mTLS, µs", "mtls"],
  ["passthrough, µs", "passthrough"],
  ["datagram, µs", "udp"],
];

function sections(results: GatewayResults): readonly (readonly [title: string, body: string | null])[] {
  const crowd = results.rows["crowd"];
  const others = Object.values(crowd?.subjects ?? {})
    .flatMap(({ figures }) => figures ?? [])
    .find((f) => f.others !== undefined)?.others;
  const prefixes = Object.entries(results.rows)
    .filter(([, { prefixes: n }]) => n !== null)
    .sort(([, a], [, b]) => (a.prefixes ?? 0) - (b.prefixes ?? 0));
  const latency = (row: string, shares: readonly ("p50" | "p99" | "p999")[]): Column[] =>
    shares.map((share) => [`${results.rows[row]?.title ?? row}: ${share === "p999" ? "p99.9" : share}, ms`, row, (figure) => figure[share]]);
  return [
    [
      "CPU time, with audit and logs",
      figureTable(
        results,
        WORK.map(([title, row]) => [title, row, VALUE]),
      ),
    ],
    [
      "CPU time, without a log file",
      figureTable(
        results,
        WORK.map(([title, row]) => [title, `${row}_unlogged`, VALUE]),
      ),
    ],
    [
      "Memory of an idle connection",
      figureTable(results, [
        ["plain, KiB", "idle", VALUE],
        ["TLS, KiB", "idle_tls", VALUE],
      ]),
    ],
    ["Latency", figureTable(results, [...latency("latency", ["p50", "p999"]), ...latency("newcomers", ["p50", "p99"])])],
    [
      "Many connections open",
      figureTable(results, [
        ["new connection with few others, µs", "crowd", ({ alone }) => alone],
        [`with ${thousands(others ?? 0)} others, µs`, "crowd", VALUE],
      ]),
    ],
    [
      "Many prefixes: a new connection, µs",
      figureTable(
        results,
        prefixes.map(([name, row]) => [thousands(row.prefixes ?? 0), name, VALUE]),
      ),
    ],
  ];
}

/** Exchanges that failed or came back wrong, rows that are not served, and rounds that were measured again. */
function remarks(results: GatewayResults): string {
  const label = (id: string): string => results.subjects.find((s) => s.id === id)?.label ?? id;
  const lines: string[] = [];
  let [done, wrong] = [0, 0];
  for (const [name, row] of Object.entries(results.rows)) {
    for (const [id, { unserved, stopped, figures = [] }] of Object.entries(row.subjects)) {
      const sum = (of: "done" | "failed" | "wrong"): number => figures.reduce((n, figure) => n + figure[of], 0);
      done += row.unit === "s/GB" ? figures.length : sum("done");
      wrong += sum("wrong");
      const where = `${label(id)}, ${name}`;
      if (unserved !== undefined && row.log) lines.push(`- ${where}: not served: ${unserved}`);
      if (stopped !== undefined) lines.push(`- ${where}: failed: ${stopped}`);
      if (sum("failed") > 0) lines.push(`- ${where}: ${thousands(sum("failed"))} of ${thousands(sum("failed") + sum("done"))} did not come back whole`);
      if (sum("wrong") > 0) lines.push(`- ${where}: **${thousands(sum("wrong"))} wrong bytes**`);
    }
    if (row.made !== results.made) lines.push(`- ${name}: measured on ${row.made}`);
    if (row.moved > 0) lines.push(`- ${name}: the direct reference still moved by 30 % in ${row.moved} of the rounds that count`);
  }
  const repeated = Object.values(results.rows).reduce((n, row) => n + row.repeated, 0);
  return [
    `${thousands(wrong)} wrong bytes in ${thousands(done)} exchanges; ${repeated} rounds were measured again because the direct reference moved by 30 %.`,
    "",
    ...lines,
    ...results.missing.map((line) => `- Missing: ${line}`),
  ]
    .join("\n")
    .trimEnd();
}

function made({ made: day, seconds, rounds, machine: { cpu, cores, memoryGiB, kernel }, subjects }: GatewayResults): string {
  const versions = new Set(subjects.map(({ version, node }) => version ?? (node === null ? "" : `Node ${node}`)).filter((text) => text !== ""));
  return `Measured on ${day} in ${Math.round(seconds / 60)} minutes, ${rounds} alternating rounds: ${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; ${[...versions].join(", ")}.`;
}

export function gatewayPage(results: GatewayResults): string {
  return [
    made(results),
    barTable(results),
    "![CPU time of each work beside HAProxy's](performance_gateway.svg)",
    ...sections(results).flatMap(([title, body]) => (body === null ? [] : [`### ${title}`, body])),
    "### Wrong bytes, failures and gaps",
    remarks(results),
  ].join("\n\n");
}
