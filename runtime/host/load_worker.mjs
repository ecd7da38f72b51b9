// The thread that checks a module. Its parent can terminate it, whatever the module does.
import { once } from "node:events";
import { readlinkSync } from "node:fs";
import { parentPort } from "node:worker_threads";
import "./register.mjs";

const given = once(parentPort, "message");
const { loadPolicyApart } = await import("./load.ts");
const [{ bytes, trust }] = await given;
let thread = null;
try {
  thread = Number(readlinkSync("/proc/thread-self").split("/").at(-1));
} catch {
  // Without Linux's /proc the parent measures time by the clock.
}
parentPort.postMessage({ thread });
// A caller that requires no signature passes null; where no list was passed, no key is trusted.
const policy = loadPolicyApart(bytes, trust === undefined ? [] : trust);
if (policy.ok) parentPort.postMessage({ ok: true, value: { ...policy.value, bytes } }, [policy.value.tables.buffer, bytes.buffer]);
else parentPort.postMessage(policy);
