// Figures as text, and tables of them.
import type { Figure } from "./results.ts";

export const thousands = (n: number): string => n.toLocaleString("en-US");

/** Three digits that count, and no exponent. */
export function digits(n: number): string {
  if (n === 0) return "0";
  if (Math.abs(n) >= 100) return thousands(Math.round(n));
  return n.toFixed(Math.abs(n) >= 10 ? 1 : 2);
}

const UNITS = [
  ["ns", 1],
  ["µs", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
] as const;

/** The unit in which the number is below a thousand. */
function unitOf(ns: number): readonly [string, number] {
  return UNITS.find(([, size]) => Math.abs(ns) < 1_000 * size) ?? UNITS[3];
}

export function duration(ns: number): string {
  const [unit, size] = unitOf(ns);
  return `${digits(ns / size)} ${unit}`;
}

/** Least and median, in one unit; one figure where there was one run or they are the same. */
export function spread({ least, median }: Figure): string {
  const [unit, size] = unitOf(median);
  const [low, high] = [digits(least / size), digits(median / size)];
  return low === high ? `${high} ${unit}` : `${low}–${high} ${unit}`;
}

export function bytes(n: number): string {
  if (n < 10_240) return `${thousands(n)} bytes`;
  return n < 10 * 2 ** 20 ? `${digits(n / 1024)} KiB` : `${digits(n / 2 ** 20)} MiB`;
}

export function table(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  return [line(heads), line(heads.map(() => "---")), ...rows.map(line)].join("\n");
}
