// The worker in which a module is checked: whatever it does, the thread can be ended.
import { parentPort, workerData } from "node:worker_threads";
import "./register.mjs";

const { loadPolicy } = await import("./load.ts");
parentPort.postMessage(loadPolicy(workerData));
