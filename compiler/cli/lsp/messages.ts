// The messages between the main thread of the language server and its worker. Places are those of the texts that the worker had.
import type { LineRange } from "../../lsp/positions.ts";

export interface FilePlace {
  /** The real path of the file. */
  readonly path: string;
  readonly range: LineRange;
}

export interface Finding {
  /** `ING204`; of a line of a test that failed null. */
  readonly code: string | null;
  readonly severity: "error" | "warning";
  readonly message: string;
  readonly place: FilePlace;
  readonly related: readonly (FilePlace & { readonly label: string })[];
  readonly fix: (FilePlace & { readonly text: string }) | null;
}

/** The results of the tests of one `test` statement. */
export interface TestRun {
  readonly name: string;
  readonly place: FilePlace;
  readonly lines: number;
  readonly failures: readonly Finding[];
}

/** A policy by the path of its entry file. */
export interface Entry {
  readonly entry: string;
}

/** The thing under the cursor. */
export type Subject =
  | { readonly kind: "set"; readonly set: "net" | "ports" | "hosts" | "ids"; readonly path: string; readonly name: string }
  | { readonly kind: "expose"; readonly name: string }
  /** An `allow` or `deny` by an offset in its text. */
  | { readonly kind: "rule"; readonly path: string; readonly offset: number };

export type Job =
  | ({ readonly kind: "check" } & Entry)
  | ({ readonly kind: "lint" } & Entry)
  | ({ readonly kind: "hover"; readonly subject: Subject } & Entry)
  | ({ readonly kind: "test"; readonly name: string } & Entry);

export interface Answers {
  /** `files`: the real paths of the policy's files, whether something is wrong in them or not. */
  check: { readonly findings: readonly Finding[]; readonly files: readonly string[] };
  /** Null: the policy has errors. */
  lint: { readonly findings: readonly Finding[]; readonly tests: readonly TestRun[] } | null;
  /** Lines of text; null: nothing is known. */
  hover: { readonly lines: readonly string[] | null };
  test: TestRun | null;
}

export interface Request {
  readonly id: number;
  /** The number of the change that the job belongs to. A later change cancels the job. */
  readonly change: number;
  /** Texts that are open now and were not sent before in this form; null: no longer open. */
  readonly texts: readonly (readonly [path: string, text: string | null])[];
  readonly job: Job;
}

export type Reply =
  | { readonly id: number; readonly answer: Answers[Job["kind"]] }
  /** There was a later change. */
  | { readonly id: number; readonly cancelled: true }
  /** A defect of ingressc. */
  | { readonly id: number; readonly failure: string };
