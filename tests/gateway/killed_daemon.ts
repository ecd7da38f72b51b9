// A gateway that kills itself with SIGKILL at one step of keeping a policy: started by
// killed.test.ts with a folder, a step, and a configuration. It loads `policy.wasm`, puts
// `next.wasm` in its place and reloads.
import { writeFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { systemClock } from "../../runtime/shell/clock.ts";
import { parseConfig } from "../../gateway/config/read.ts";
import { startDaemon } from "../../gateway/daemon.ts";
import { systemDisk, type Disk } from "../../runtime/shell/disk.ts";

const [folder = "", step = "", text = ""] = process.argv.slice(2);
let armed = false;

/** Ends the process at once; nothing after it runs. */
function dieAt(here: string): Promise<void> {
  if (armed && here === step) process.kill(process.pid, "SIGKILL");
  return Promise.resolve();
}

const disk: Disk = {
  async write(path, bytes) {
    const what = path.includes("mark") ? "mark" : "copy";
    if (armed && step === `half of the ${what}`) writeFileSync(path, bytes.subarray(0, bytes.length >> 1), { mode: 0o600 });
    await dieAt(`half of the ${what}`);
    await systemDisk.write(path, bytes);
  },
  async replace(from, to) {
    const what = to.includes("mark") ? "mark" : "copy";
    await dieAt(`before the ${what} takes its place`);
    await systemDisk.replace(from, to);
    await dieAt(`after the ${what} took its place`);
  },
  remove: (path) => systemDisk.remove(path),
};

const parsed = parseConfig(text, "killed.toml");
if (!parsed.ok) throw new Error(parsed.error.message);
const config = parsed.value;
const daemon = await startDaemon({
  policyPath: join(folder, "policy.wasm"),
  controlPath: join(folder, "run", "control.sock"),
  stateDirectory: config.state_dir ?? null,
  config,
  clock: systemClock(),
  hostAddresses: () => [],
  print: () => undefined,
  say: () => undefined,
  disk,
});
if (!daemon.ok) throw new Error(daemon.error.message);
renameSync(join(folder, "next.wasm"), join(folder, "policy.wasm"));
armed = true;
const result = await daemon.value.reload();
throw new Error(result.ok ? "it lived" : result.error.message);
