// loadPolicy in a thread that is terminated when it takes too long: a module that is not yet
// trusted never holds up the thread that serves.
import { Worker } from "node:worker_threads";
import type { LoadedPolicy, Refusal } from "./module.ts";
import { refuse } from "./verify.ts";
import type { Trust } from "./verify.ts";

/** `ending` gives the check up: its thread is terminated and the answer comes at once. */
export function loadPolicyInWorker(bytes: Uint8Array, trust: Trust, timeoutMs: number, ending?: AbortSignal): Promise<LoadedPolicy | Refusal> {
  const abandoned = refuse("module_selftest", "the module's checks were abandoned");
  if (ending?.aborted === true) return Promise.resolve(abandoned);
  return new Promise((resolve) => {
    const worker = new Worker(new URL("./loadWorker.mjs", import.meta.url), { workerData: { bytes, trust }, execArgv: [] });
    const finish = (result: LoadedPolicy | Refusal): void => {
      clearTimeout(timer);
      ending?.removeEventListener("abort", abandon);
      void worker.terminate();
      resolve(result);
    };
    const timer = setTimeout(() => {
      finish(refuse("module_selftest", `the module's checks took more than ${timeoutMs} ms`));
    }, timeoutMs);
    const abandon = (): void => { finish(abandoned); };
    ending?.addEventListener("abort", abandon);
    const vanished = (): void => { finish(refuse("module_selftest", "the module's checks ended without an answer")); };
    // The answer comes when the thread's descriptors are free again, so that they are not counted
    // among those of the gateway that then opens its ports.
    worker.once("message", (result: LoadedPolicy | Refusal) => {
      const end = (): void => { finish(result); };
      worker.off("exit", vanished);
      void worker.terminate().then(end, end);
    });
    worker.once("error", (error: Error) => { finish(refuse("module_selftest", `the module's checks failed: ${error.message}`)); });
    worker.once("exit", vanished);
  });
}
