// SIGUSR1 opens no debugger, however early it comes, and has ingressd open its audit file again.
import { spawn, type ChildProcessWithoutNullStreams } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync, readlinkSync, renameSync, writeFileSync } from "node:fs";
import { delimiter, dirname, join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { withoutDebugger } from "../../runtime/host/debugger.mjs";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { program, shipped } from "../ready.ts";
import { backend, eventually, freePort, moduleOf, probe, temporaryFolder } from "./gateway_under_test.ts";
import { launch, place, web } from "./ingressd_process.ts";

const test = suite("debugger");
/** The executables find the Node of this run. */
const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env["PATH"] ?? ""}` };
const path = (name: string): string => shipped(name).at(-1) ?? "";

/** A start as users make it takes seconds on a busy machine. */
const PATIENCE_MS = 60_000;

async function patiently(isSo: () => boolean, what: () => string): Promise<void> {
  const from = performance.now();
  while (!isSo()) {
    if (performance.now() - from > PATIENCE_MS) throw new Error(`never came: ${what()}`);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

/** Ports that a process of this host listens on. */
function listeningOf(pid: number): number[] {
  const inodes = new Set(
    readdirSync(`/proc/${pid}/fd`).flatMap((fd) => {
      try {
        return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1] ?? [];
      } catch {
        return [];
      }
    }),
  );
  return ["tcp", "tcp6"]
    .flatMap((name) => (existsSync(`/proc/net/${name}`) ? readFileSync(`/proc/net/${name}`, "latin1").split("\n").slice(1) : []))
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[3] === "0A" && inodes.has(columns[9] ?? ""))
    .map((columns) => Number.parseInt(columns[1]?.split(":")[1] ?? "", 16));
}

/** Sends the signal once so many milliseconds have passed; the time is what is tested. */
async function signalAfter(child: ChildProcessWithoutNullStreams, ms: number): Promise<void> {
  const from = performance.now();
  await patiently(
    () => performance.now() - from >= ms,
    () => `${ms} ms`,
  );
  child.kill("SIGUSR1");
}

interface Started {
  readonly child: ChildProcessWithoutNullStreams;
  readonly text: () => string;
  readonly ended: Promise<void>;
}

function start(command: string, args: readonly string[]): Started {
  const child = spawn(command, args, { env, cwd: "/" });
  let text = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (text += chunk.toString()));
  return { child, text: () => text, ended: once(child, "close").then(() => undefined) };
}

/** Sends the signal after `ms`, waits for a word or the end, and looks. */
async function signalled(command: string, args: readonly string[], word: string, ms: number): Promise<void> {
  const { child, text, ended } = start(command, args);
  let over = false;
  void ended.then(() => (over = true));
  await signalAfter(child, ms);
  await patiently(
    () => over || text().includes(word),
    () => `${word}: ${text()}`,
  );
  assert.not.match(text(), /Debugger listening/, `${command} after ${ms} ms`);
  if (!over && child.pid !== undefined) assert.equal(listeningOf(child.pid), [], `${command} after ${ms} ms`);
  child.kill("SIGKILL");
  await ended;
}

if (process.platform !== "linux") skip("SIGUSR1", "not Linux");
else {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "none.wasm"), moduleOf("edition 1"), { mode: 0o644 });
  writeFileSync(join(folder, "p.ingress"), "edition 1\n");
  const DELAYS = [0, 15, 40, 100, 250, 500];

  test("SIGUSR1 opens no port, 0 to 500 ms after the start", async () => {
    for (const [i, ms] of DELAYS.entries()) {
      await signalled(
        path("gateway/ingressd.mjs"),
        ["--policy", join(folder, "none.wasm"), "--control", join(folder, `run${i}`, "c.sock"), "--set", "audit.file=/dev/null"],
        "ingressd: ready",
        ms,
      );
    }
  });

  test("the other programs: the compiler, the guard, the demo and its backend", async () => {
    for (const ms of [0, 20, 60]) {
      await signalled(path("compiler/cli/ingressc.mjs"), ["check", join(folder, "p.ingress")], "no such word", ms);
      await signalled(path("runtime/guard/ingress-guard.mjs"), ["--help"], "no such word", ms);
      await signalled("/bin/sh", [path("policies/demo/start.mjs"), "--no-such-option"], "no such word", ms);
      const { child, text, ended } = start(process.execPath, [...withoutDebugger(), path("policies/demo/backend.mjs"), "127.0.0.1", String(await freePort())]);
      await signalAfter(child, ms);
      child.stdin.end();
      await ended;
      assert.not.match(text(), /Debugger listening/, `the backend after ${ms} ms`);
    }
  });

  test("without the option, what was opened before the first line is closed by it", async () => {
    for (const ms of [15, 35]) {
      const { child, text, ended } = start(process.execPath, [
        path("gateway/ingressd.mjs"),
        "--policy",
        join(folder, "none.wasm"),
        "--control",
        join(folder, `plain${ms}`, "c.sock"),
        "--set",
        "audit.file=/dev/null",
      ]);
      let over = false;
      void ended.then(() => (over = true));
      await signalAfter(child, ms);
      await patiently(() => over || text().includes("ingressd: ready"), text);
      if (!over && child.pid !== undefined) assert.equal(listeningOf(child.pid), [], `after ${ms} ms: ${text()}`);
      child.kill("SIGKILL");
      await ended;
    }
  });

  test("a debugger that the command line requests stays", async () => {
    const { child, text, ended } = start(process.execPath, [
      "--inspect=127.0.0.1:0",
      path("gateway/ingressd.mjs"),
      "--policy",
      join(folder, "none.wasm"),
      "--control",
      join(folder, "asked", "c.sock"),
      "--set",
      "audit.file=/dev/null",
    ]);
    await patiently(() => text().includes("ingressd: ready"), text);
    assert.is(listeningOf(child.pid ?? 0).length, 1);
    child.kill("SIGKILL");
    await ended;
  });
}

test("SIGUSR1 and `reopen` open the audit file again, and do nothing else", async () => {
  const folder = temporaryFolder();
  const [port, behind] = [await freePort(), await backend("hello")];
  place(folder, web(port, behind.port));
  // Where Node has the option it blocks the signal, and koffi is what unblocks it.
  const unblocked = !withoutDebugger().includes("--disable-sigusr1") || openLibc() !== null;
  const running = launch(folder, "[policy]\nwatch = false", { node: withoutDebugger() });
  await running.line("ingressd: ready");
  place(folder, web(port, behind.port, "192.0.2.1"));
  const audit = join(folder, "audit.jsonl");
  if (unblocked) {
    renameSync(audit, `${audit}.1`);
    running.child.kill("SIGUSR1");
    await eventually(() => existsSync(audit), "a new audit file by the signal");
  } else skip("SIGUSR1 opens the audit file again", "koffi is not installed");
  renameSync(audit, `${audit}.2`);
  assert.equal(running.order("reopen"), { code: 0, out: `reopened\n  audit: ${audit}\n`, err: "" });
  assert.ok(existsSync(audit));
  assert.is(await probe(port), "allow", "the new policy was not read");
  assert.is(readFileSync(audit, "utf8").split("\n").length - 1, 1);
  running.child.kill("SIGTERM");
  assert.is(await running.exit, 0);
  assert.not.match(running.err(), /generation 2|Debugger/);
  behind.close();
});

for (const [name, stream] of [
  ["stdout", "out"],
  ["stderr", "err"],
  ["fd/1", "out"],
] as const) {
  test(`audit.file may be /dev/${name}`, async () => {
    const folder = temporaryFolder();
    const [port, behind] = [await freePort(), await backend("hello")];
    place(folder, web(port, behind.port));
    const running = launch(folder, "", { program: [...program("gateway/ingressd.mjs"), "--set", `audit.file=/dev/${name}`] });
    const markers = stream === "out" ? running.err : running.out;
    await patiently(() => markers().includes("ingressd: ready\n"), markers);
    assert.is(await probe(port), "allow");
    assert.is(running.order("reopen").code, 0);
    assert.is(await probe(port), "allow");
    running.child.kill("SIGTERM");
    assert.is(await running.exit, 0);
    const lines = running[stream]().split("\n").slice(0, -1);
    const records = lines.filter((line) => line.startsWith("{"));
    assert.is(records.filter((line) => line.includes('"op":"accept"')).length, 2);
    if (stream === "out") assert.equal(lines, records, "records alone");
    assert.match(markers(), /^ingressd: port open \(port=\d+, proto=tcp\)$/m);
    behind.close();
  });
}

test.run();
