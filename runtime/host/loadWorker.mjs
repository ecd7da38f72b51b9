// The worker in which a module is checked: whatever it does, the thread can be ended.
import { parentPort, workerData } from "node:worker_threads";
import "./register.mjs";

const { loadPolicy } = await import("./load.ts");
const { bytes, trust } = workerData;
// A list that is missing trusts nobody; null is the caller's word for "no signature is asked for".
parentPort.postMessage(loadPolicy(bytes, trust === undefined ? [] : trust));
