// ingressc lsp: the language server, and its worker, which is the same command in a thread of its own.
import { isMainThread, workerData } from "node:worker_threads";
import type { Arguments } from "../../../runtime/shell/command_line.ts";
import { systemClock } from "../../../runtime/shell/clock.ts";
import { useSmallerHeap } from "../disk.ts";
import { serve } from "../lsp/server.ts";
import { isWorkerData, work } from "../lsp/worker.ts";
import { usage, type Outcome } from "../outcome.ts";
import { wallSeconds } from "../terminal.ts";

export async function run(args: Arguments): Promise<Outcome> {
  if (args.flags.has("json")) return usage("protocol", "`lsp` has standard output for its own protocol", "omit `--json`");
  const data: unknown = workerData;
  if (!isMainThread && isWorkerData(data)) {
    await work(data, wallSeconds);
    return ENDED;
  }
  // It keeps trees for as long as the editor runs, in two threads.
  useSmallerHeap(GROWING_PERCENT);
  return serve({ input: process.stdin, output: process.stdout }, systemClock());
}

/** Half of what a large policy's check has: this saves a twelfth of the memory at 10,000 rules. */
const GROWING_PERCENT = 25;

/** Nothing is printed. */
const ENDED: Outcome = { class: "ok", code: "policy.ended", message: "the worker has ended", report: () => "", exact: true };
