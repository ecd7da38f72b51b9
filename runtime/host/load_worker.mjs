// The worker in which a module is checked: whatever it does, the thread can be ended.
import { readlinkSync } from "node:fs";
import { parentPort, workerData } from "node:worker_threads";
import "./register.mjs";

const { loadPolicyApart } = await import("./load.ts");
const { bytes, trust } = workerData;
let thread = null;
try {
  thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
} catch {
  // Not Linux, or no /proc: the clock counts.
}
parentPort.postMessage({ thread });
// A list that is missing trusts nobody; null is the caller's word for "no signature is asked for".
const policy = loadPolicyApart(bytes, trust === undefined ? [] : trust);
if (policy.ok) parentPort.postMessage({ ok: true, value: { ...policy.value, bytes } }, [policy.value.tables.buffer, bytes.buffer]);
else parentPort.postMessage(policy);
