// Processes of the bench: started on one core, watched until they accept, and what the kernel says of their CPU
// time and memory.
import { spawn, spawnSync } from "node:child_process";
import { closeSync, openSync, readFileSync, readdirSync } from "node:fs";
import { connect } from "node:net";
import { cpus } from "node:os";

export function versionOf(command, args, name) {
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) return { missing: `${name} is not installed (apt-get install ${name})` };
  return { version: (stdout + stderr).trim().split("\n")[0].trim() };
}

const running = new Set();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** `core` 0 is of the proxies, 1 of clients and backend; with one core everything shares it. */
export function pinned(core, command, args) {
  return cpus().length < 2 ? [command, args] : ["taskset", ["-c", String(core), command, ...args]];
}

/** A child whose standard output goes to the file `out`, or is thrown away; `errors()` has the last of its standard error. */
export function start(core, { command, args, cwd, out }) {
  const [program, all] = pinned(core, command, args);
  const to = out === null ? "ignore" : openSync(out, "a");
  const child = spawn(program, all, { cwd, stdio: ["ignore", to, "pipe"] });
  if (to !== "ignore") closeSync(to);
  running.add(child);
  let errors = "";
  child.on("error", (error) => {
    errors += error.message;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors = (errors + text).slice(-4_000);
  });
  const ended = new Promise((resolve) => {
    child.on("close", (code, signal) => {
      running.delete(child);
      resolve(signal ?? code);
    });
  });
  return {
    pid: child.pid,
    ended,
    errors: () => errors,
    child,
    async stop() {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Resolves when the port accepts a client of an allowed source; rejects with how the process failed. */
export async function accepts(port, { child, errors }, mostMs) {
  const from = performance.now();
  while (child.exitCode === null && child.signalCode === null) {
    const up = await new Promise((resolve) => {
      const probe = connect({ port, host: "127.0.0.1", localAddress: "127.0.1.1" }, () => {
        probe.destroy();
        resolve(true);
      });
      probe.on("error", () => resolve(false));
    });
    if (up) return;
    if (performance.now() - from > mostMs) throw new Error(`it did not start within ${mostMs / 1000} s`);
    await new Promise((resolve) => {
      setTimeout(resolve, 20);
    });
  }
  throw new Error(`it ended at once: ${errors().trim().split("\n").at(-1)?.slice(0, 200) ?? child.exitCode}`);
}

/** Nanoseconds of CPU that all threads of a process have had. */
export function cpuNs(pid) {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    try {
      sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ", 1)[0]);
    } catch (error) {
      // A thread can end between the two calls.
      if (error.code !== "ENOENT" && error.code !== "ESRCH") throw error;
    }
  }
  return sum;
}

/** KiB of memory that is the process's own: no file, nothing shared. */
export const memoryKiB = (pid) => Number(/RssAnon:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0);

/** Descriptors that a process here may have. */
export const descriptors = () => Number(/Max open files\s+(\d+)/.exec(readFileSync("/proc/self/limits", "utf8"))?.[1] ?? 1024);
