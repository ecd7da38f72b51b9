// The main thread's side of the worker: jobs with their answers, and the end of a worker that is still busy with what nobody wants.
import { Worker } from "node:worker_threads";
import { INGRESSC } from "../../../runtime/package/files.ts";
import type { Answers, Job, Reply, Request } from "./messages.ts";
import type { WorkerData } from "./worker.ts";

/** Runs the program's own `main` as `ingressc lsp`, which sees that it is in a worker. A program in one file does so by itself. */
const BEGIN = 'import(require("node:worker_threads").workerData.program).then(({ main }) => main?.(["lsp"]))';

/** Of new objects in the worker's heap. Node's own limit is 48 or 96; this one saves a tenth of the server's memory at 10,000 rules. */
const YOUNG_MB = 16;

interface Pending {
  readonly change: number;
  readonly done: (reply: Reply | null) => void;
}

export class WorkThread {
  readonly #program: URL;
  readonly #lastChange = new Int32Array(new SharedArrayBuffer(4));
  readonly #failed: (text: string) => void;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  /** The texts that are open, and which of them the worker has. */
  readonly #texts = new Map<string, string>();
  readonly #sent = new Map<string, string>();
  #ids = 0;

  /** `failed`: gets the text of a defect. `program`: of this build, where a test runs the rest from its sources. */
  constructor(failed: (text: string) => void, program = INGRESSC) {
    this.#failed = failed;
    this.#program = program;
  }

  get change(): number {
    return this.#lastChange[0] ?? 0;
  }

  /** A text was opened or has changed; null: it was closed. Jobs of before are given up. */
  changed(path: string | null, text: string | null): void {
    Atomics.add(this.#lastChange, 0, 1);
    if (path === null) return;
    if (text === null) this.#texts.delete(path);
    else this.#texts.set(path, text);
  }

  /** Null where there was a later change, or the job failed. */
  async run<K extends Job["kind"]>(job: Job & { readonly kind: K }): Promise<{ readonly answer: Answers[K] } | null> {
    if ([...this.#pending.values()].some(({ change }) => change !== this.change)) await this.end();
    const worker = this.#worker ?? this.#start();
    const id = this.#ids++;
    const request: Request = { id, change: this.change, texts: this.#unsent(), job };
    const replied = new Promise<Reply | null>((done) => this.#pending.set(id, { change: request.change, done }));
    worker.postMessage(request);
    const reply = await replied;
    if (reply === null || "cancelled" in reply || request.change !== this.change) return null;
    if ("failure" in reply) {
      this.#failed(reply.failure);
      return null;
    }
    // The worker answers a job with the answer of its kind.
    return { answer: reply.answer as Answers[K] };
  }

  /** Ends the worker, whatever it does; the next job starts another one. */
  async end(): Promise<void> {
    const worker = this.#worker;
    this.#worker = null;
    this.#sent.clear();
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { done } of pending) done(null);
    await worker?.terminate();
  }

  #start(): Worker {
    const workerData: WorkerData = { program: this.#program.href, given: this.#lastChange };
    // Its standard output is not this process's, which is the protocol's.
    const worker = new Worker(BEGIN, { eval: true, workerData, stdout: true, stderr: true, resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB } });
    worker.stdout.pipe(process.stderr, { end: false });
    worker.stderr.pipe(process.stderr, { end: false });
    worker.on("message", (reply: Reply) => {
      const pending = this.#pending.get(reply.id);
      this.#pending.delete(reply.id);
      pending?.done(reply);
    });
    worker.on("error", (error) => {
      this.#failed(error instanceof Error ? (error.stack ?? error.message) : String(error));
      if (this.#worker === worker) void this.end();
    });
    worker.unref();
    this.#worker = worker;
    return worker;
  }

  #unsent(): Request["texts"] {
    const texts = [...this.#texts].filter(([path, text]) => this.#sent.get(path) !== text);
    const closed = [...this.#sent.keys()].filter((path) => !this.#texts.has(path));
    for (const [path, text] of texts) this.#sent.set(path, text);
    for (const path of closed) this.#sent.delete(path);
    return [...texts, ...closed.map((path) => [path, null] as const)];
  }
}
