// The content of results.json, which a run of the bench writes and docs/performance.md is generated from. Quoted names are
// recorded keys.
import { readFileSync } from "node:fs";

/** Nanoseconds or milliseconds, as the place says. */
export interface Figure {
  readonly least: number;
  readonly median: number;
  readonly runs: number;
}

interface Answered {
  readonly "asked": number;
  readonly wrong: number;
  readonly allowed: number;
}

export interface Decided {
  readonly loadMs: number;
  /** How much the process grew by loading. */
  readonly rssMiB: number;
  readonly answers: Answered;
  /** Nanoseconds a decision. */
  readonly hot: Figure;
  readonly random: Figure;
  /** Nanoseconds of the reference loop in the same process. */
  readonly reference?: Figure;
}

/** `stopped`: seconds after which it was ended. */
export type Outcome = Decided | { readonly stopped: number } | { readonly failed: string } | { readonly notTried: string };

export function isDecided(x: Outcome | undefined): x is Decided {
  return x !== undefined && "random" in x;
}

export interface World {
  readonly name: string;
  readonly kind: "list" | "rules" | "names";
  readonly family: 4 | 6;
  readonly size: number;
  readonly rules: number;
}

interface Compiled {
  /** The first time in a fresh process, by the clock, and the CPU time of all its threads. */
  readonly coldMs: number;
  readonly coldCpuMs: number;
  readonly warmMs: number | null;
  /** The process at its largest, Node and the policy's text included. */
  readonly peakMiB: number;
  /** The process with the policy's text read, before it is compiled. */
  readonly beforeMiB: number;
  readonly moduleBytes: number;
  /** Without custom sections. */
  readonly coreBytes: number;
  readonly maxSteps: number;
  readonly stretches: number;
  readonly classes: number;
  readonly sha256: string;
}

/** Milliseconds of one span of the event loop. */
interface Stop extends Figure {
  readonly most: number;
}

interface Swap {
  readonly megabytes: number;
  readonly bytes: number;
  readonly swaps: number;
  /** Connections that stayed open, and how many of them did not. */
  readonly "held": number;
  readonly lost: number;
  readonly visits: { readonly served: number; readonly failed: number };
  readonly stopMs: Stop;
  /** The same in CPU time of the serving thread, which other processes don't lengthen; 0 where the kernel doesn't say. */
  readonly stopCpuMs: Stop;
  readonly quietMs: Stop;
  readonly wholeMs: Figure;
}

export interface OnNode {
  readonly compile: Readonly<Record<string, Compiled>>;
  readonly decide: Readonly<Record<string, Readonly<Record<string, Outcome>>>>;
  readonly swap: readonly Swap[];
  readonly sizes: { readonly engineBytes: number; readonly tenRuleBytes: number; readonly tenRuleSteps: number } | null;
}

interface Flood {
  readonly name: string;
  readonly served: number;
  readonly "asked": number;
  readonly abuser: number;
  readonly due: number;
  readonly places: number;
}

export interface Results {
  readonly made: string;
  readonly machine: { readonly cpu: string; readonly cores: number; readonly memoryGiB: number; readonly kernel: string };
  readonly versions: Readonly<Record<string, string>>;
  readonly worlds: readonly World[];
  readonly nodes: Readonly<Record<string, OnNode>>;
  readonly proxies: Readonly<Record<string, Readonly<Record<string, Outcome & { readonly version?: string }>>>>;
  readonly floods: readonly Flood[];
  readonly skipped: readonly string[];
  readonly seconds: number;
}

export function readResults(path: string | URL): Results {
  return JSON.parse(readFileSync(path, "utf8")) as Results;
}
