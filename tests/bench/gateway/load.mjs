// The load generator (load/*.c), built when it is first needed, and its backend.
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { cpuNs, pinned } from "./processes.mjs";

const SOURCES = fileURLToPath(new URL("load/", import.meta.url));

/** Builds the generator into `folder`; its path, or `{ missing }`. */
export function buildLoad(folder) {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "load");
  const files = readdirSync(SOURCES)
    .filter((name) => name.endsWith(".c"))
    .map((name) => join(SOURCES, name));
  const { status, error, stderr } = spawnSync("gcc", ["-O2", "-Wall", "-o", path, ...files, "-lssl", "-lcrypto"], { encoding: "utf8" });
  if (error !== undefined) return { missing: "gcc is not installed (apt-get install gcc libc6-dev libssl-dev)" };
  if (status !== 0)
    return {
      missing:
        /openssl\/ssl\.h/.test(stderr) ?
          "OpenSSL's headers are not installed (apt-get install libssl-dev)"
        : `the load generator does not build: ${stderr.slice(0, 400)}`,
    };
  return { path };
}

/** The backend of all subjects; resolves when it listens. */
export async function startBackend(path, ports) {
  const [command, args] = pinned(1, path, ["backend", String(ports.echo), String(ports.bulk), String(ports.udp)]);
  const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
  process.on("exit", () => child.kill("SIGKILL"));
  await new Promise((resolve, reject) => {
    child.stdout.once("data", resolve);
    child.once("close", (code) => reject(new Error(`the backend ended with exit code ${code}`)));
  });
  return { pid: child.pid, cpuNs: () => cpuNs(child.pid) };
}

const argumentsOf = (options) => Object.entries(options).map(([key, value]) => `${key}=${value}`);

/** One run of the generator to its end; its last line. */
export async function runLoad(path, { mode, ...options }, port, mostMs) {
  const one = begin(path, mode, options, port);
  const timer = setTimeout(() => one.child.kill("SIGKILL"), mostMs);
  const status = await one.ended;
  clearTimeout(timer);
  const line = one.lines().at(-1);
  if (status !== 0 || line === undefined) throw new Error(`the load ended with ${status}: ${one.errors().trim().slice(0, 200)}`);
  return JSON.parse(line);
}

function begin(path, mode, options, port) {
  const [command, args] = pinned(1, path, [mode, "127.0.0.1", String(port), ...argumentsOf(options)]);
  const child = spawn(command, args, { stdio: ["pipe", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    out += text;
    child.emit("line");
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    errors += text;
  });
  child.stdin.on("error", () => undefined);
  const ended = new Promise((resolve) => {
    child.on("close", (code, signal) => resolve(signal ?? code));
  });
  return { child, ended, lines: () => out.split("\n").slice(0, -1), errors: () => errors };
}

/** Opens `count` connections that stay open; `end()` tries each once more, closes them and gives the outcome. */
export async function openIdle(path, options, port, count, mostMs) {
  const one = begin(path, "ping", { ...options, count, keep: 1 }, port);
  const timer = setTimeout(() => one.child.kill("SIGKILL"), mostMs);
  await new Promise((resolve, reject) => {
    one.child.on("line", () => {
      if (one.lines().length > 0) resolve();
    });
    void one.ended.then((status) => reject(new Error(`the load ended with ${status}: ${one.errors().trim().slice(0, 200)}`)));
  });
  clearTimeout(timer);
  const { resting, failed } = JSON.parse(one.lines()[0]);
  return {
    resting,
    failed,
    async end() {
      one.child.stdin.end();
      await one.ended;
      return JSON.parse(one.lines().at(-1));
    },
  };
}
