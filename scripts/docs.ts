// Generates the parts of documents that come from code: the tables of docs/abi.md from runtime/abi and the engine's
// exports, the grammar of docs/language.md and the parser's table of decisions from its rules, the schemas of source JSON and of the configuration from
// their forms, the figures of docs/performance.md from the recorded bench, and the completions and manual pages in
// docs/deploy from the command tables, and the list of markers. `--check` only reports whether they are up to date. Text outside the markers is
// not changed.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { policySchema } from "../compiler/json/form.ts";
import { grammarText } from "../compiler/syntax/ebnf.ts";
import { CODES as DIAGNOSTICS } from "../compiler/diagnostics/codes.ts";
import { markersToml } from "../runtime/abi/markers.ts";
import { CODES, REASON_NAMES } from "../runtime/abi/names.ts";
import { gatewayChart } from "../tests/bench/gateway/report/chart.ts";
import { analysisPage, readAnalysisResults } from "../tests/bench/analysis/report.ts";
import { gatewayPage } from "../tests/bench/gateway/report/page.ts";
import { readGatewayResults } from "../tests/bench/gateway/report/results.ts";
import { chart } from "../tests/bench/report/chart.ts";
import { page } from "../tests/bench/report/page.ts";
import { readResults } from "../tests/bench/report/results.ts";
import { hasFallback, type Field, type Keys } from "../gateway/config/field.ts";
import { NAMED, TABLES, TOP } from "../gateway/config/keys.ts";
import { configSchema } from "../gateway/config/schema.ts";
import { fleetTable } from "./fleet_table.ts";
import { lookaheadText } from "./lookahead.ts";
import { validatorsText } from "./validators.ts";
import { bashCompletion } from "../runtime/shell/completion_bash.ts";
import { offered } from "../runtime/shell/completion_words.ts";
import { zshCompletion } from "../runtime/shell/completion_zsh.ts";
import { manPage } from "../runtime/shell/man_page.ts";
import { PROGRAMS } from "./programs.ts";

const root = new URL("../", import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), "utf8");

function row(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  return [row(heads), row(heads.map(() => "---")), ...rows.map(row)].join("\n");
}

/** `export const NAME = number` with its comment, under the headings of layout.ts. */
function layoutTables(): string {
  const out: string[] = [];
  let rows: string[][] = [];
  let comment = "";
  const flush = (): void => {
    if (rows.length > 0) out.push(table(["name", "value", "meaning"], rows));
    rows = [];
  };
  for (const line of read("runtime/abi/layout.ts").split("\n")) {
    const heading = /^\/\/ ---- (.*?) -+$/.exec(line)?.[1];
    const constant = /^export const (\w+) = (\d+|-\d+);$/.exec(line);
    if (heading !== undefined) {
      flush();
      out.push(`### ${heading}`);
    } else if (line.startsWith("/**")) comment = line.replace(/^\/\*\* (.*) \*\/$/, "$1");
    else if (constant !== null) {
      rows.push([`\`${constant[1] ?? ""}\``, constant[2] ?? "", comment]);
      comment = "";
    }
  }
  flush();
  return out.join("\n\n");
}

/** The exported functions of the engine with the sentence above each. */
function exportTable(): string {
  const rows: string[][] = [];
  let comment = "";
  for (const line of read("runtime/engine/main.ts").split("\n")) {
    const call = /^export function (\w+\(.*\): \w+) \{$/.exec(line)?.[1];
    if (line.startsWith("/**")) comment = line.replace(/^\/\*\* (.*) \*\/$/, "$1");
    if (call !== undefined) {
      rows.push([`\`${call}\``, comment]);
      comment = "";
    }
  }
  return table(["export", "meaning"], rows);
}

function codeTable(): string {
  return table(
    ["number", "code", "reason", "meaning"],
    Object.entries(CODES).map(([number, { name, reason, says }]) => [number, `\`${name}\``, REASON_NAMES[reason], says]),
  );
}

function reasonTable(): string {
  return table(
    ["number", "reason"],
    Object.entries(REASON_NAMES).map(([number, name]) => [number, `\`${name}\``]),
  );
}

/** Every key of the configuration with its default and its allowed values. */
function configTable(): string {
  const range = ({ schema: { minimum, maximum, enum: words } }: Field<unknown>): string =>
    typeof minimum === "number" ? `${minimum}..${Number(maximum)}`
    : Array.isArray(words) ? words.map((word) => `\`${String(word)}\``).join(" ")
    : "";
  const rows = (prefix: string, keys: Keys): string[][] =>
    Object.entries(keys).map(([key, field]) => [
      `\`${prefix}${key}\``,
      hasFallback(field) ? `\`${JSON.stringify(field.fallback)}\`` : "none",
      range(field),
      field.says,
    ]);
  return table(
    ["key", "default", "range", "meaning"],
    [
      ...rows("", TOP),
      ...Object.entries(TABLES).flatMap(([name, { keys }]) => rows(`${name}.`, keys)),
      ...Object.entries(NAMED).flatMap(([name, { keys }]) => rows(`${name}.NAME.`, keys)),
    ],
  );
}

const RESULTS = new URL("tests/bench/results.json", root);
/** The results of the last full run of the bench; null if none was recorded. */
const figures = existsSync(RESULTS) ? readResults(RESULTS) : null;

const GATEWAY_RESULTS = new URL("tests/bench/gateway/results.json", root);
/** The results of the last whole run of `npm run bench:gateway`; null if none was recorded. */
const gatewayFigures = existsSync(GATEWAY_RESULTS) ? readGatewayResults(GATEWAY_RESULTS) : null;

const ANALYSIS_RESULTS = new URL("tests/bench/analysis/results.json", root);
/** The results of the last whole run of `npm run bench:analysis`; null if none was recorded. */
const analysisFigures = existsSync(ANALYSIS_RESULTS) ? readAnalysisResults(ANALYSIS_RESULTS) : null;

const GENERATED: Readonly<Record<string, () => string>> = {
  exports: exportTable,
  reasons: reasonTable,
  codes: codeTable,
  config: configTable,
  layout: layoutTables,
  fleet: fleetTable,
  grammar: grammarText,
  analysis_performance: () =>
    analysisFigures === null ? "No run is recorded here yet: `npm run bench:analysis` measures and fills this in." : analysisPage(analysisFigures),
  gateway_performance: () =>
    gatewayFigures === null ? "No run is recorded here yet: `npm run bench:gateway` measures and fills this in." : gatewayPage(gatewayFigures),
  performance: () => (figures === null ? "No run is recorded here yet: `npm run bench` measures and fills this in." : page(figures)),
};

export function regenerate(text: string): string {
  return text.replace(
    /(<!-- generated: (\w+) -->)[^]*?(<!-- end -->)/g,
    (_, open: string, name: string, close: string) => `${open}\n${GENERATED[name]?.() ?? `no table is called ${name}`}\n${close}`,
  );
}

/**
 * Every number with a meaning, one per line: `code 7 deny_rule`. Rows are only added. A name with another number than
 * before, or a number with another name, is an error. A removed diagnostic keeps its row, so its number is never reused.
 */
export function codeNumbers(before: string): string {
  const rows = new Map(
    before
      .split("\n")
      .filter((line) => line !== "")
      .map((line): [string, string] => {
        const [kind = "", number = "", word = ""] = line.split(" ");
        return [`${kind} ${number}`, word];
      }),
  );
  const current = new Map([
    ...Object.entries(REASON_NAMES).map(([n, word]): [string, string] => [`reason ${n}`, word]),
    ...Object.entries(CODES).map(([n, { name }]): [string, string] => [`code ${n}`, name]),
    ...Object.keys(DIAGNOSTICS).map((code): [string, string] => [`diagnostic ${code.slice(3)}`, "used"]),
  ]);
  for (const [row, word] of current) {
    const pinned = rows.get(row);
    if (pinned !== undefined && pinned !== word)
      throw new Error(`tests/house/code_numbers.txt pins \`${row} ${pinned}\`, and the code has \`${word}\`: use a new number`);
    rows.set(row, word);
  }
  for (const [row, word] of rows) {
    if (current.has(row) || word === "gone") continue;
    if (!row.startsWith("diagnostic "))
      throw new Error(`tests/house/code_numbers.txt pins \`${row} ${word}\`, which is no longer in the code: a pinned number must not be removed`);
    rows.set(row, "gone");
  }
  const order = ([a]: readonly [string, string], [b]: readonly [string, string]): number => {
    const [[kindA = "", nA], [kindB = "", nB]] = [a.split(" "), b.split(" ")];
    return (
      kindA === kindB ? Number(nA) - Number(nB)
      : kindA < kindB ? -1
      : 1
    );
  };
  return [...rows]
    .sort(order)
    .map(([row, word]) => `${row} ${word}\n`)
    .join("");
}

/** The sections of docs/diagnostics.md by their codes, for `ingressc explain CODE`; one line each. */
function diagnosticPages(): string {
  const sections = read("docs/diagnostics.md")
    .split(/^#{2,3} /m)
    .filter((section) => /^ING\d{3}: /.test(section));
  const rows = sections.map((section) => {
    const [heading = "", ...body] = section.split("\n");
    return `  ${heading.slice(0, 6)}: ${JSON.stringify(body.join("\n").trim())},`;
  });
  return `// Written by \`npm run docs\` from docs/diagnostics.md.\nexport const DIAGNOSTIC_PAGES: Readonly<Record<string, string>> = {\n${rows.join("\n")}\n};\n`;
}

/** The content that each generated file should have, given its present content. */
export const WRITTEN: Readonly<Record<string, (before: string) => string>> = {
  "docs/abi.md": regenerate,
  "docs/fleet.md": regenerate,
  "docs/language.md": regenerate,
  "docs/operations.md": regenerate,
  "docs/performance.md": regenerate,
  ...(figures !== null && { "docs/performance.svg": () => chart(figures) }),
  ...(gatewayFigures !== null && { "docs/performance_gateway.svg": () => gatewayChart(gatewayFigures) }),
  ...Object.fromEntries(
    PROGRAMS.flatMap((program) => [
      [`docs/deploy/completion/${program.name}.bash`, () => bashCompletion(offered(program))],
      [`docs/deploy/completion/_${program.name}`, () => zshCompletion(offered(program))],
      [`docs/deploy/man/${program.name}.${program.section}`, () => manPage(program)],
    ]),
  ),
  "compiler/cli/diagnostic_pages.ts": diagnosticPages,
  "tests/house/code_numbers.txt": codeNumbers,
  "compiler/syntax/lookahead_table.ts": lookaheadText,
  "gateway/control/validators.mjs": validatorsText,
  "schemas/markers.toml": markersToml,
  "schemas/config/ingressd.schema.json": () => `${JSON.stringify(configSchema(), null, 2)}\n`,
  "schemas/policy/ingress.schema.json": () => `${JSON.stringify(policySchema(), null, 2)}\n`,
};

if (process.argv[1] !== undefined && import.meta.url === new URL(`file://${process.argv[1]}`).href) {
  for (const [path, write] of Object.entries(WRITTEN)) {
    const before = existsSync(new URL(path, root)) ? read(path) : "";
    const after = write(before);
    if (before === after) continue;
    if (process.argv.includes("--check")) {
      console.error(`${path} is out of date; run \`npm run docs\``);
      process.exitCode = 1;
    } else {
      mkdirSync(new URL("./", new URL(path, root)), { recursive: true });
      writeFileSync(new URL(path, root), after);
    }
  }
}
