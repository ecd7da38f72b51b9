// loadPolicy in a thread that is terminated when it takes too long: a module that is not yet
// trusted never holds up the thread that serves.
import { Worker } from "node:worker_threads";
import type { LoadedPolicy, Refusal } from "./module.ts";
import { refuse } from "./verify.ts";

export function loadPolicyInWorker(bytes: Uint8Array, timeoutMs: number): Promise<LoadedPolicy | Refusal> {
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./loadWorker.mjs", import.meta.url), { workerData: bytes, execArgv: [] });
    const finish = (result: LoadedPolicy | Refusal): void => {
      clearTimeout(timer);
      void worker.terminate();
      resolve(result);
    };
    const timer = setTimeout(() => {
      finish(refuse("module_selftest", `the module's checks took more than ${timeoutMs} ms`));
    }, timeoutMs);
    worker.once("message", (result: LoadedPolicy | Refusal) => { finish(result); });
    worker.once("error", (error: Error) => { finish(refuse("module_selftest", `the module's checks failed: ${error.message}`)); });
    worker.once("exit", () => { finish(refuse("module_selftest", "the module's checks ended without an answer")); });
  });
}
