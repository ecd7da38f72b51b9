// The worker thread of the language server: one job after the other. A shared number says which change is the last; a job of an earlier
// one is given up between two phases.
import { parentPort } from "node:worker_threads";
import { Cancelled, Checking } from "./checking.ts";
import type { Reply, Request } from "./messages.ts";

export interface WorkerData {
  /** The URL of the program. */
  readonly program: string;
  /** One number, that of the last change. */
  readonly given: Int32Array;
}

export function isWorkerData(value: unknown): value is WorkerData {
  return typeof value === "object" && value !== null && "given" in value && value.given instanceof Int32Array;
}

/** Returns when the main thread ends it. */
export async function work({ given: lastChange }: WorkerData, wallSeconds: () => number): Promise<void> {
  const port = parentPort;
  if (port === null) throw new Error("not a worker thread");
  let change = 0;
  const checking = new Checking(() => Atomics.load(lastChange, 0) !== change, wallSeconds);
  let turn = Promise.resolve();
  const reply = async (request: Request): Promise<void> => {
    change = request.change;
    port.postMessage(await replyTo(checking, request));
  };
  port.on("message", (request: Request) => {
    turn = turn.then(() => reply(request));
  });
  await new Promise((resolve) => port.once("close", resolve));
}

async function replyTo(checking: Checking, request: Request): Promise<Reply> {
  const { id } = request;
  try {
    return { id, answer: await checking.answer(request) };
  } catch (error) {
    if (error instanceof Cancelled) return { id, cancelled: true };
    return { id, failure: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}
