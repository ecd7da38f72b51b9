export interface PlannedRow {
  readonly name: string;
  readonly key: string;
  readonly kind: "cpu" | "latency" | "memory" | "crowd";
  readonly log: boolean;
  readonly prefixes?: number;
}

export interface PlannedSubject {
  readonly id: string;
  readonly ours?: boolean;
  readonly cannot: Readonly<Record<string, string>>;
}

export interface PlanOptions {
  readonly quick: boolean;
  readonly rounds?: number;
}

type Seconds = Readonly<Record<"warm" | "warmNative" | "cpu" | "latency" | "reference" | "settle", number>>;

export declare const SECONDS: Seconds;
export declare const QUICK_SECONDS: Seconds;
export declare function variantsOf(rows: readonly object[], options: PlanOptions): readonly PlannedRow[];
export declare function subjectsOf(row: PlannedRow, subjects: readonly PlannedSubject[], options: PlanOptions): readonly PlannedSubject[];
export declare function roundsOf(row: PlannedRow, subject: PlannedSubject, options: PlanOptions): number;
export declare function rowSeconds(row: PlannedRow, subjects: readonly PlannedSubject[], options: PlanOptions, seconds: Seconds): number;
