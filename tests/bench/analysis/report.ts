// The content of results.json, which `npm run bench:analysis` writes, and the part of docs/performance.md that is generated from it.
import { readFileSync } from "node:fs";
import { table } from "../report/text.ts";

export interface AnalysisRow {
  /** `lint`, `prove`, `diff`, `replay`, `learn` */
  readonly task: string;
  /** The policy, or the lines. */
  readonly of: string;
  /** The bar: a ratio of CPU times, or so many milliseconds, whichever is more. */
  readonly most: { readonly ratio: number; readonly ms: number | null };
  /** CPU milliseconds, of the task and of what it is compared with. */
  readonly rounds: readonly { readonly own: number; readonly base: number }[];
  /** Bytes, the most of all rounds. */
  readonly memory: number;
  readonly nodes: number | null;
  readonly says: string;
  /** Whether everything was judged. */
  readonly isWhole: boolean;
}

export interface AnalysisResults {
  readonly made: string;
  readonly seconds: number;
  readonly node: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly kernel: string };
  readonly rows: readonly AnalysisRow[];
}

/** Bytes that each measured process may have. */
export const MOST_MEMORY = 1024 ** 3;

export function readAnalysisResults(path: string | URL): AnalysisResults {
  return JSON.parse(readFileSync(path, "utf8")) as AnalysisResults;
}

function median(numbers: readonly number[]): number {
  return [...numbers].sort((x, y) => x - y)[Math.floor(numbers.length / 2)] ?? NaN;
}

export function ratioOf({ rounds }: AnalysisRow): number {
  return median(rounds.map(({ own, base }) => own / base));
}

export function isMet(row: AnalysisRow): boolean {
  const { most, rounds, memory, isWhole } = row;
  return isWhole && memory <= MOST_MEMORY && (ratioOf(row) <= most.ratio || median(rounds.map(({ own }) => own)) <= (most.ms ?? 0));
}

function cell(row: AnalysisRow | undefined): string {
  if (row === undefined) return "";
  const ratio = `${ratioOf(row).toFixed(2)} x`;
  const seconds = (median(row.rounds.map(({ own }) => own)) / 1_000).toFixed(2);
  return `${isMet(row) ? ratio : `**${ratio}**`} (${seconds} s)`;
}

const OF_POLICIES = ["lint", "prove", "diff"];
const OF_TRAFFIC = ["replay", "learn"];

function part(rows: readonly AnalysisRow[], head: string, titles: readonly string[], tasks: readonly string[]): string | null {
  const subjects = [...new Set(rows.filter(({ task }) => tasks.includes(task)).map(({ of }) => of))];
  if (subjects.length === 0) return null;
  const nodesOf = (own: readonly AnalysisRow[]): readonly string[] =>
    own.some(({ nodes }) => nodes !== null) ? [own.map(({ nodes }) => (nodes === null ? "" : nodes.toLocaleString("en-US"))).join(", ")] : [];
  const lines = subjects.map((subject) => {
    const own = rows.filter(({ of }) => of === subject);
    const memory = Math.max(...own.map((row) => row.memory));
    const cells = tasks.map((task) => cell(own.find((row) => row.task === task)));
    return [subject, ...cells, ...nodesOf(own), `${memory > MOST_MEMORY ? "**" : ""}${Math.round(memory / 1024 ** 2)} MiB${memory > MOST_MEMORY ? "**" : ""}`];
  });
  const hasNodes = (lines[0]?.length ?? 0) > tasks.length + 2;
  return table([head, ...titles, ...(hasNodes ? ["nodes"] : []), "memory"], lines);
}

export function analysisPage({ made, seconds, node, machine, rows }: AnalysisResults): string {
  const missed = rows.filter((row) => !isMet(row));
  const verdict =
    missed.length === 0 ? `All ${rows.length} figures are within their bars.` : `${missed.length} of ${rows.length} figures miss their bars, and are in bold.`;
  const minutes = Math.ceil(seconds / 60);
  const { cpu, cores, memoryGiB, kernel } = machine;
  const where = `${cpu}, ${cores} cores, ${memoryGiB} GiB, Linux ${kernel}; Node ${node}`;
  return [
    `Measured on ${made} in ${minutes === 1 ? "a minute" : `${minutes} minutes`}: ${where}. ${verdict} In parentheses is the CPU time of the task itself.`,
    part(rows, "policy", ["warnings of `check`", "`prove`", "`diff`"], OF_POLICIES),
    part(rows, "audit file", ["`replay`", "`learn`"], OF_TRAFFIC),
  ]
    .filter((text) => text !== null)
    .join("\n\n");
}
