// The messages between the page and its worker: plain data that survives a structured clone.

/** An offset range of the policy's text, with the line and column of its start, from 1. */
export interface Place {
  readonly from: number;
  readonly to: number;
  readonly line: number;
  readonly column: number;
}

export interface Problem {
  readonly severity: "error" | "warning";
  readonly code: string;
  readonly message: string;
  readonly place: Place;
  readonly help: string | null;
  readonly fix: { readonly from: number; readonly to: number; readonly text: string } | null;
}

export interface TestLine {
  readonly test: string;
  readonly question: string;
  readonly expected: string;
  readonly actual: string;
  readonly passed: boolean;
  readonly place: Place;
  /** The module's reason. */
  readonly because: string;
}

/** A claim of an invariant. */
export interface Claim {
  readonly invariant: string;
  readonly claim: string;
  readonly verdict: "proven" | "not_proven" | "false";
  readonly place: Place;
  /** A request that contradicts it, with the module's answer; null where none is known. */
  readonly witness: string | null;
}

/** A listener that the address strip can show. */
export interface PlaceChoice {
  /** Number of the listener. */
  readonly id: number;
  readonly text: string;
}

export interface Checked {
  readonly problems: readonly Problem[];
  /** Null where the policy has an error. */
  readonly compiled: {
    /** The bytes of a `.wasm` file as `ingressc build` writes it. */
    readonly module: Uint8Array<ArrayBuffer>;
    readonly listeners: number;
    readonly rules: number;
    readonly tests: readonly TestLine[];
    readonly claims: readonly Claim[];
    readonly places: readonly PlaceChoice[];
  } | null;
}

/** A rule as text, and where it is written. */
export interface RuleText {
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

export type Verdict = "allow" | "deny" | "depends";

export interface PathStep {
  readonly phase: string;
  readonly what: string;
  readonly verdict: Verdict;
  readonly says: string;
  readonly rule: RuleText | null;
  readonly overrides: readonly RuleText[];
}

export interface Path {
  /** Null where no listener decided. */
  readonly listener: string | null;
  readonly verdict: Verdict;
  /** `allow`, `deny (reason=cidr)` */
  readonly verdictText: string;
  readonly steps: readonly PathStep[];
  readonly notes: readonly string[];
  readonly nearMisses: readonly { readonly text: string; readonly rule: RuleText | null }[];
}

export type Explained = { readonly paths: readonly Path[] } | { readonly trouble: string; readonly help: string | null };

/** Layers of the address strip of one listener: a row of cells for each rule, and the module's answer for each range. */
export interface Strip {
  readonly listener: string;
  readonly family: 4 | 6;
  readonly layers: readonly {
    readonly rule: RuleText;
    readonly action: "allow" | "deny";
    readonly dryrun: boolean;
    /** Conditions beside the source, `sni`, `client`, `until …`. */
    readonly conditions: readonly string[];
    /** Why it has no effect; null where it has one. */
    readonly unused: string | null;
  }[];
  /** Disjoint ranges that cover the family, in order; at most a page of them. */
  readonly ranges: readonly {
    readonly text: string;
    readonly addresses: string;
    readonly verdict: Verdict;
    readonly says: string;
    /** Numbers of the layers whose sources have the range. */
    readonly layers: readonly number[];
  }[];
  readonly first: number;
  readonly total: number;
}

/** A cell of the exposure matrix. */
export interface MatrixCellShown {
  readonly verdict: Verdict;
  /** `yes`, `no`, `if`, `part` */
  readonly word: string;
  /** A limit counts these connections. */
  readonly limited: boolean;
  readonly opens: boolean;
  readonly closes: boolean;
  /** The whole cell in words, with an example. */
  readonly says: string;
}

/** A change as `ingressc diff` says it. */
export interface ChangeLine {
  readonly effect: "opens" | "closes" | null;
  readonly listener: string;
  readonly place: string;
  readonly text: string;
  readonly example: string | null;
}

/** Listeners by disjoint ranges of sources, of one policy or of a change. */
export interface MatrixShown {
  readonly summary: string;
  readonly isDifference: boolean;
  readonly columns: readonly { readonly letter: string; readonly text: string }[];
  readonly rows: readonly { readonly listener: string; readonly detail: string; readonly cells: readonly MatrixCellShown[] }[];
  readonly moreRows: number;
  /** Null of one policy. */
  readonly changes: readonly ChangeLine[] | null;
}

/** The requests of the page, each with its answer. */
export interface Jobs {
  readonly check: { readonly given: { readonly text: string; readonly wallSeconds: number }; readonly answer: Checked };
  readonly explain: { readonly given: { readonly text: string; readonly request: string; readonly wallSeconds: number }; readonly answer: Explained };
  readonly strip: {
    readonly given: { readonly text: string; readonly listener: number; readonly family: 4 | 6; readonly first: number; readonly wallSeconds: number };
    readonly answer: Strip | null;
  };
  readonly matrix: {
    /** `older`: the policy with which it is compared; null: none. */
    readonly given: { readonly text: string; readonly older: string | null };
    readonly answer: MatrixShown | { readonly trouble: string };
  };
  readonly format: { readonly given: { readonly text: string }; readonly answer: { readonly text: string } | { readonly trouble: string } };
}

export type JobKind = keyof Jobs;

export interface JobMessage {
  readonly number: number;
  readonly kind: JobKind;
  readonly given: Jobs[JobKind]["given"];
}

export type AnswerMessage = { readonly number: number; readonly answer: Jobs[JobKind]["answer"] } | { readonly number: number; readonly defect: string };
