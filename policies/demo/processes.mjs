// Child processes of the demo: started with their output as lines, ended by their own id.
import { spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { withoutDebugger } from "../../runtime/host/debugger.mjs";

/** Time for a child to end before it is killed, and for an expected line before the demo fails. */
const END_MS = 5_000;
const LINE_MS = 30_000;

const running = new Set();

/** A failure that is reported as one sentence. */
export class Trouble extends Error {}

/** Starts `node ARGS` in a separate process group, so that only the demo receives Ctrl-C and ends its children. */
export function start(name, args) {
  const child = spawn(process.execPath, [...withoutDebugger(), ...args], { stdio: ["pipe", "pipe", "pipe"], detached: process.platform !== "win32" });
  running.add(child);
  const ended = new Promise((resolve) => {
    child.once("error", (error) => resolve({ code: null, error }));
    child.once("close", (code) => resolve({ code, error: null }));
  }).finally(() => running.delete(child));
  let said = [];
  let follower = null;
  const pending = new Set();
  const hear = (stream) => (line) => {
    if (follower !== null) return follower(stream, line);
    said.push({ stream, line });
    for (const look of [...pending]) look();
  };
  createInterface({ input: child.stdout }).on("line", hear("out"));
  createInterface({ input: child.stderr }).on("line", hear("err"));
  return {
    name,
    child,
    ended,
    /** Passes each line to `hears` from now on, and keeps none. */
    follow(hears) {
      follower = hears;
      said = [];
    },
    lines: (stream) => said.filter((s) => s.stream === stream).map((s) => s.line),
    /** The first line, past or future, that `wanted` accepts. */
    line(stream, wanted) {
      return new Promise((resolve, reject) => {
        const done = (settle, value) => {
          pending.delete(look);
          clearTimeout(timer);
          settle(value);
        };
        const look = () => {
          for (const s of said) {
            const found = s.stream === stream ? wanted(s.line) : undefined;
            if (found !== undefined && found !== false) return done(resolve, found === true ? s.line : found);
          }
        };
        const timer = setTimeout(() => done(reject, new Trouble(`${name} did not answer within ${LINE_MS / 1000} s`)), LINE_MS);
        pending.add(look);
        void ended.then(({ code }) => {
          look();
          if (!pending.has(look)) return;
          const last = said.filter((s) => s.stream === "err").at(-1)?.line;
          done(reject, new Trouble(last ?? `${name} ended with exit code ${code}`));
        });
        look();
      });
    },
  };
}

/** Runs `node ARGS` to its end; returns its output, or throws a Trouble with it. */
export async function run(name, args) {
  const started = start(name, args);
  const { code, error } = await started.ended;
  if (code === 0) return started.lines("out");
  throw new Trouble([...started.lines("out"), ...started.lines("err"), error?.message ?? `${name} ended with exit code ${code}`].join("\n"));
}

/** Stops one child and waits for its end. */
export async function end({ child, ended }) {
  if (!running.has(child)) return;
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), END_MS);
  await ended;
  clearTimeout(timer);
}

/** Kills all children and returns at once. */
export function killAll() {
  for (const child of running) child.kill("SIGKILL");
}
