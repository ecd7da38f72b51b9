// The content of results.json, which `npm run bench:gateway` writes and a part of docs/performance.md is generated from.
import { readFileSync } from "node:fs";

/** One round of one subject. `value` is in the row's unit; latencies are in milliseconds. */
export interface GatewayFigure {
  readonly done: number;
  /** Connections, streams or datagrams that did not come back whole. */
  readonly failed: number;
  /** Bytes that differ from those that were sent. */
  readonly wrong: number;
  readonly value?: number;
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  /** How many idle connections there were. */
  readonly others?: number;
  /** The cost with few others open. */
  readonly alone?: number;
}

/** `unserved`: it does not do this work; `stopped`: how it failed. */
export interface Measured {
  readonly unserved?: string;
  readonly stopped?: string;
  readonly figures?: readonly GatewayFigure[];
}

export interface GatewayRow {
  /** The day, which can be before that of the last run. */
  readonly made: string;
  /** How long it took. */
  readonly seconds: number;
  readonly kind: "cpu" | "latency" | "memory" | "crowd";
  readonly title: string;
  readonly unit: string;
  readonly log: boolean;
  readonly prefixes: number | null;
  readonly rate: number | null;
  /** The direct reference, before and after each round. */
  readonly references: readonly number[];
  /** Rounds that were measured again because the reference moved, and those that count although it moved. */
  readonly repeated: number;
  readonly moved: number;
  readonly subjects: Readonly<Record<string, Measured>>;
}

export interface GatewaySubject {
  readonly id: string;
  readonly label: string;
  readonly version: string | null;
  readonly node: string | null;
  readonly ours: boolean;
}

export interface GatewayResults {
  readonly made: string;
  readonly seconds: number;
  readonly rounds: number;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly kernel: string };
  readonly subjects: readonly GatewaySubject[];
  readonly missing: readonly string[];
  readonly rows: Readonly<Record<string, GatewayRow>>;
}

export type Measure = (figure: GatewayFigure) => number | undefined;

export function readGatewayResults(path: string | URL): GatewayResults {
  return JSON.parse(readFileSync(path, "utf8")) as GatewayResults;
}

export function median(list: readonly number[]): number | null {
  const sorted = [...list].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [low, high] = [sorted[middle - 1], sorted[middle]];
  if (high === undefined) return null;
  return sorted.length % 2 === 1 || low === undefined ? high : (low + high) / 2;
}

/** The figures of a subject in a row, round by round; empty where it has none. */
export function figuresOf(row: GatewayRow | undefined, id: string, measure: Measure): readonly number[] {
  return (row?.subjects[id]?.figures ?? []).map(measure).filter((n) => n !== undefined);
}

/** The median over the rounds of the two subjects' ratio in one round; null where a round has not both. */
export function ratioOf(row: GatewayRow | undefined, id: string, to: string, measure: Measure): number | null {
  const [own, other] = [figuresOf(row, id, measure), figuresOf(row, to, measure)];
  return median(
    own.flatMap((n, i) => {
      const m = other[i];
      return m === undefined || m === 0 ? [] : [n / m];
    }),
  );
}
