// The threads in which modules are checked. A start of one takes 13 to 24 ms, so a program that is starting may have its
// first one started while it loads the rest of itself.
import { Worker } from "node:worker_threads";
import { LOAD_WORKER } from "../package/files.ts";

let prepared: Worker | null = null;

/** Starts the thread of the next check now. Where none can be started, the check itself reports it. */
export function prepareThread(): void {
  try {
    const worker = newThread();
    // It does not keep the program alive, and one that has failed is not used.
    worker.unref();
    const failed = (): void => {
      if (prepared === worker) prepared = null;
    };
    worker.once("error", failed);
    worker.once("exit", failed);
    prepared = worker;
  } catch {
    prepared = null;
  }
}

/** A thread that waits for the module that it checks. Throws where the system refuses one. */
export function takeThread(): Worker {
  const worker = prepared;
  prepared = null;
  if (worker === null) return newThread();
  worker.removeAllListeners();
  worker.ref();
  return worker;
}

function newThread(): Worker {
  return new Worker(LOAD_WORKER, { execArgv: [] });
}
