// Runs loadPolicyApart in a thread that is terminated when it takes too long, so that a module that is not yet trusted
// never blocks the thread that serves.
import { readFileSync } from "node:fs";
import type { Worker } from "node:worker_threads";
import { ok, type Result } from "../result/result.ts";
import { takeThread } from "./load_thread.ts";
import type { LoadedPolicy, Refusal } from "./module.ts";
import { refuse } from "./verify.ts";
import type { Trust } from "./verify.ts";

/** A policy that a thread has checked, with the bytes that the caller passed to it. */
export interface LoadedInWorker extends LoadedPolicy {
  readonly bytes: Uint8Array;
}

/** The message that a thread posts before it begins with the module: its number in /proc, null where there is none. */
interface Began {
  readonly thread: number | null;
}

/** A check ends at the latest after this many times its time limit by the clock, even on a busy machine. */
const CLOCK_FACTOR = 60;
/** A thread may take this many times the time limit, by the clock, to begin. */
const BEGIN_FACTOR = 6;
/** The most milliseconds between two readings of a thread's time. */
const LOOK_MS = 1_000;

/** The processor time of a thread of this process, in milliseconds; null where the system does not report it. */
function processorMs(thread: number): number | null {
  try {
    const ms = Number(readFileSync(`/proc/self/task/${thread}/schedstat`, "latin1").split(" ", 1)[0]) / 1e6;
    return Number.isFinite(ms) ? ms : null;
  } catch {
    return null;
  }
}

/**
 * Checks a module in a thread. Bytes that fill their whole buffer move to the thread, so the caller's array is empty
 * afterwards; they come back with the policy. When `ending` aborts, the thread is terminated and the refusal comes at once.
 * `timeoutMs` limits the thread's own processor time after it has begun with the module, or the time by the clock where
 * the system does not report processor time.
 */
export function loadPolicyInWorker(bytes: Uint8Array, trust: Trust, timeoutMs: number, ending?: AbortSignal): Promise<Result<LoadedInWorker, Refusal>> {
  const abandoned = refuse("module_selftest", "the module's checks were abandoned");
  if (ending?.aborted === true) return Promise.resolve(abandoned);
  return new Promise((resolve) => {
    // Copying a large policy would block this thread.
    const moved = isWhole(bytes) ? bytes : Uint8Array.from(bytes);
    const started = start({ bytes: moved, trust });
    if (!started.ok) return resolve(started);
    const worker = started.value;
    const finish = (result: Result<LoadedInWorker, Refusal>): void => {
      clearTimeout(timer);
      clearTimeout(last);
      ending?.removeEventListener("abort", abandon);
      void worker.terminate();
      resolve(result);
    };
    const late = (): void => {
      finish(refuse("module_selftest", `the module's checks took more than ${timeoutMs} ms`));
    };
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
    const abandon = (): void => {
      finish(abandoned);
    };
    ending?.addEventListener("abort", abandon);
    const vanished = (): void => {
      finish(refuse("module_selftest", "the module's checks ended without an answer"));
    };
    // The promise resolves after the thread's descriptors are closed, so that the gateway doesn't count them when it then
    // opens its ports.
    worker.on("message", (result: Result<LoadedInWorker, Refusal> | Began) => {
      if ("thread" in result) {
        watch(result);
        return;
      }
      const end = (): void => {
        finish(result);
      };
      worker.off("exit", vanished);
      void worker.terminate().then(end, end);
    });
    worker.once("error", (error: Error) => {
      finish(refuse("module_selftest", `the module's checks failed: ${error.message}`));
    });
    worker.once("exit", vanished);
  });
}

/** Passes the module to a thread; the system refuses one where the machine or the user has too many. */
function start(given: { readonly bytes: Uint8Array<ArrayBuffer>; readonly trust: Trust }): Result<Worker, Refusal> {
  let worker: Worker | null = null;
  try {
    worker = takeThread();
    worker.postMessage(given, [given.bytes.buffer]);
    return ok(worker);
  } catch (error) {
    void worker?.terminate();
    return refuse("module_selftest", `no thread could be started for the module's checks (${error instanceof Error ? error.message : String(error)})`);
  }
}

function isWhole(bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> {
  return bytes.buffer instanceof ArrayBuffer && bytes.byteLength === bytes.buffer.byteLength;
}
