// loadPolicy in a thread that is terminated when it takes too long: a module that is not yet
// trusted never holds up the thread that serves.
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { LOAD_WORKER } from "../package/files.ts";
import { ok, type Result } from "../result/result.ts";
import type { LoadedPolicy, Refusal } from "./module.ts";
import { refuse } from "./verify.ts";
import type { Trust } from "./verify.ts";

/** What a thread has checked, with the bytes that it was given. */
export interface LoadedInWorker extends LoadedPolicy {
  readonly bytes: Uint8Array;
}

/** What a thread says before it begins with the module: its number in /proc, null where there is none. */
interface Began {
  readonly thread: number | null;
}

/** The clock ends a check at the latest after so many times its limit, on however busy a machine. */
const CLOCK_FACTOR = 60;
/** And its thread has so many times the limit to begin. */
const BEGIN_FACTOR = 6;
/** Between two looks at a thread's time. */
const LOOK_MS = 1_000;

/** Milliseconds of a processor that a thread of this process has had; null where the system does not say. */
function processorMs(thread: number): number | null {
  try {
    const ms = Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "latin1").split(" ", 1)[0]) / 1e6;
    return Number.isFinite(ms) ? ms : null;
  } catch {
    return null;
  }
}

/**
 * The bytes are given away: a whole buffer moves to the thread and is empty here afterwards; they
 * come back with the policy. `ending` gives the check up: its thread is terminated and the answer
 * comes at once. `timeoutMs` is the thread's own processor time, from when it begins with the module; where
 * the system does not say that, it is the clock's.
 */
export function loadPolicyInWorker(bytes: Uint8Array, trust: Trust, timeoutMs: number, ending?: AbortSignal): Promise<Result<LoadedInWorker, Refusal>> {
  const abandoned = refuse("module_selftest", "the module's checks were abandoned");
  if (ending?.aborted === true) return Promise.resolve(abandoned);
  return new Promise((resolve) => {
    // To copy a large policy would hold this thread up.
    const moved = isWhole(bytes) ? bytes : Uint8Array.from(bytes);
    const workerData = { bytes: moved, trust };
    const started = start(workerData);
    if (!started.ok) return resolve(started);
    const worker = started.value;
    const finish = (result: Result<LoadedInWorker, Refusal>): void => {
      clearTimeout(timer);
      clearTimeout(last);
      ending?.removeEventListener("abort", abandon);
      void worker.terminate();
      resolve(result);
    };
    const late = (): void => { finish(refuse("module_selftest", `the module's checks took more than ${timeoutMs} ms`)); };
    let last = setTimeout(late, timeoutMs * BEGIN_FACTOR);
    let timer: NodeJS.Timeout | undefined;
    const watch = ({ thread }: Began): void => {
      clearTimeout(last);
      last = setTimeout(late, timeoutMs * CLOCK_FACTOR);
      const beganMs = thread === null ? null : processorMs(thread);
      const look = (): void => {
        const nowMs = thread === null ? null : processorMs(thread);
        const leftMs = beganMs === null || nowMs === null ? 0 : timeoutMs - (nowMs - beganMs);
        if (leftMs > 0) timer = setTimeout(look, Math.min(LOOK_MS, Math.max(leftMs, 1)));
        else late();
      };
      timer = setTimeout(look, timeoutMs);
    };
    const abandon = (): void => { finish(abandoned); };
    ending?.addEventListener("abort", abandon);
    const vanished = (): void => { finish(refuse("module_selftest", "the module's checks ended without an answer")); };
    // The answer comes when the thread's descriptors are free again, so that they are not counted
    // among those of the gateway that then opens its ports.
    worker.on("message", (result: Result<LoadedInWorker, Refusal> | Began) => {
      if ("thread" in result) {
        watch(result);
        return;
      }
      const end = (): void => { finish(result); };
      worker.off("exit", vanished);
      void worker.terminate().then(end, end);
    });
    worker.once("error", (error: Error) => { finish(refuse("module_selftest", `the module's checks failed: ${error.message}`)); });
    worker.once("exit", vanished);
  });
}

/** A machine, or a user, that is out of threads starts none. */
function start(workerData: { readonly bytes: Uint8Array<ArrayBuffer>; readonly trust: Trust }): Result<Worker, Refusal> {
  try {
    return ok(new Worker(LOAD_WORKER, { workerData, transferList: [workerData.bytes.buffer], execArgv: [] }));
  } catch (error) {
    return refuse("module_selftest", `no thread could be started for the module's checks (${error instanceof Error ? error.message : String(error)})`);
  }
}

function isWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
}
