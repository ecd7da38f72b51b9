// Runs jobs in a worker, one at a time, each for a bounded time. A policy in a link is a stranger's, and some policies take long.
import type { AnswerMessage, JobKind, JobMessage, Jobs } from "./messages.ts";

/** Of one job, in milliseconds. */
export const MOST_MS = 10_000;

export type Result<K extends JobKind> =
  | { readonly kind: "done"; readonly answer: Jobs[K]["answer"] }
  /** A later job of the same kind took its place. */
  | { readonly kind: "replaced" }
  | { readonly kind: "stopped"; readonly why: string };

interface Queued {
  readonly kind: JobKind;
  readonly given: JobMessage["given"];
  readonly finish: (result: Result<JobKind>) => void;
}

export interface Surroundings {
  startWorker(): Worker;
  /** Called when a job begins, and when none is left. */
  busy(isBusy: boolean): void;
  /** Calls `action` later; the result cancels that. */
  after(ms: number, action: () => void): () => void;
}

export class Workshop {
  readonly #around: Surroundings;
  readonly #queue: Queued[] = [];
  #worker: Worker | null = null;
  #running: Queued | null = null;
  #number = 0;
  #cancel: () => void = () => undefined;

  constructor(around: Surroundings) {
    this.#around = around;
  }

  run<K extends JobKind>(kind: K, given: Jobs[K]["given"]): Promise<Result<K>> {
    return new Promise((resolve) => {
      const older = this.#queue.findIndex((job) => job.kind === kind);
      if (older >= 0) for (const job of this.#queue.splice(older, 1)) job.finish({ kind: "replaced" });
      this.#queue.push({ kind, given, finish: (result) => resolve(result) });
      this.#next();
    });
  }

  /** Ends the running job and all that are queued. */
  stop(why = "stopped"): void {
    this.#worker?.terminate();
    this.#worker = null;
    const ended = [...(this.#running === null ? [] : [this.#running]), ...this.#queue.splice(0)];
    this.#running = null;
    this.#cancel();
    this.#around.busy(false);
    for (const job of ended) job.finish({ kind: "stopped", why });
  }

  #next(): void {
    if (this.#running !== null) return;
    const job = this.#queue.shift() ?? null;
    this.#running = job;
    this.#around.busy(job !== null);
    if (job === null) return;
    const worker = (this.#worker ??= this.#started());
    this.#number++;
    this.#cancel = this.#around.after(MOST_MS, () => this.stop(`stopped after ${MOST_MS / 1000} seconds, the most that this page allows`));
    worker.postMessage({ number: this.#number, kind: job.kind, given: job.given } satisfies JobMessage);
  }

  #started(): Worker {
    const worker = this.#around.startWorker();
    worker.addEventListener("message", ({ data }: MessageEvent<AnswerMessage>) => {
      if (worker === this.#worker) this.#heard(data);
    });
    worker.addEventListener("error", ({ message }) => {
      if (worker === this.#worker) this.stop(`stopped by an error of the page: ${message}`);
    });
    return worker;
  }

  #heard(message: AnswerMessage): void {
    const job = this.#running;
    if (job === null || message.number !== this.#number) return;
    this.#cancel();
    this.#running = null;
    job.finish("defect" in message ? { kind: "stopped", why: `stopped by a defect of the page: ${message.defect}` } : { kind: "done", answer: message.answer });
    this.#next();
  }
}
