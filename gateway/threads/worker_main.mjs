// A thread that serves connections. It never returns to its event loop before it is stopped.
import { parentPort, workerData } from "node:worker_threads";
import "../../runtime/host/register.mjs";

const { runWorker } = await import("./worker.ts");
const { given, port } = workerData;
runWorker(given, port, () => parentPort.postMessage("ready"));
