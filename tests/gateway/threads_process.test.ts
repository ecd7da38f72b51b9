// `threads = 3` in ingressd as it is shipped, which runs from its build: its threads serve, end with it, and a thread that
// dies or runs no more takes the process with it.
import { existsSync, readdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc } from "../../runtime/shell/libc.ts";
import { shipped } from "../ready.ts";
import { skip } from "../skip.ts";
import { stallsAfter, suite } from "../suite.ts";
import { backend, eventually, freePort, probe, recordsIn, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, web, type Running } from "./ingressd_process.ts";

const test = suite("threads as a process");
/** A thread that runs no more is found after 10 s, in which nothing happens here. */
const MOST_IDLE_MS = 30_000;
const CONFIG = 'threads = 3\nforwarder = "kernel"\ntls.engine = "openssl"\n';
const PROGRAM = shipped("gateway/ingressd.mjs");

interface Process {
  readonly it: Running;
  readonly port: number;
  readonly behind: number;
  readonly folder: string;
}

async function started(hook = "", more = ""): Promise<Process> {
  const [{ port: behind }, port] = [await backend("hello"), await freePort()];
  const folder = temporaryFolder();
  place(folder, web(port, behind));
  const path = join(folder, "hook.cjs");
  writeFileSync(path, hook);
  const it = launch(folder, `${CONFIG}[policy]\nwatch = false\n${more}`, { program: PROGRAM, node: ["--require", path] });
  await it.line("ingressd: ready");
  return { it, port, behind, folder };
}

/** Threads of a process that serve connections have a name of their own. */
function tasks(pid: number | undefined): number {
  return existsSync(`/proc/${pid}/task`) ? readdirSync(`/proc/${pid}/task`).length : 0;
}

/** The process of the other side has ended. */
function ended({ socket }: ReturnType<typeof visit>): Promise<void> {
  return new Promise((resolve) => {
    if (socket.readableEnded || socket.closed) resolve();
    socket.once("end", resolve).once("close", resolve).resume();
  });
}

/** Has `act` done to the first worker, of which it has `worker` and `given`, on SIGUSR2. */
const onWorker = (act: string): string => `const threads = require("node:worker_threads");
const made = [];
threads.Worker = class extends threads.Worker {
  constructor(file, options) {
    super(file, options);
    if (options?.workerData?.given !== undefined) made.push({ worker: this, given: options.workerData.given });
  }
};
require("node:module").syncBuiltinESMExports();
process.on("SIGUSR2", () => {
  const { worker, given } = made[0];
  ${act}
});
`;

/** Has the thread itself do `act` at its next turn once \`folder/now\` is there. */
function inWorker(act: string): string {
  return `const threads = require("node:worker_threads");
const { pathToFileURL } = require("node:url");
const { join } = require("node:path");
const { writeFileSync } = require("node:fs");
const script = join(__dirname, "thread.mjs");
threads.Worker = class extends threads.Worker {
  constructor(file, options) {
    const isFirst = options?.name === "connections 1";
    if (isFirst) writeFileSync(script, \`
import { existsSync } from "node:fs";
const now = new URL("now", import.meta.url);
const { load } = Atomics;
const koffi = await import(\${JSON.stringify(pathToFileURL(require.resolve("koffi", { paths: [process.cwd()] })).href)});
const pause = koffi.default.load(null).func("int pause()");
Atomics.load = (...words) => {
  if (existsSync(now)) { ${act} }
  return load(...words);
};
await import(\${JSON.stringify(String(file))});
\`);
    super(isFirst ? pathToFileURL(script) : file, options);
  }
};
require("node:module").syncBuiltinESMExports();
`;
}

if (openLibc() === null) {
  skip("threads as a process", "koffi is not installed");
} else {
  test("three threads serve; a reload, an audit file that is opened again, metrics; SIGTERM drains and ends with 0", async () => {
    const { it, port, behind, folder } = await started();
    const all = [visit(port), visit(port), visit(port), visit(port)];
    for (const { first } of all) assert.is(await first, "hello");
    assert.match(it.order("status", "--json").out, /"threads":\{"count":3,"because":null,"connections":\[2,2\]\}/);
    assert.match(it.order("status").out, /threads +3/);

    place(folder, web(port, behind, "127.0.0.1"));
    assert.is(it.order("reload").code, 0);
    assert.is(await probe(port, "127.0.0.2"), "deny");

    const audit = join(folder, "audit.jsonl");
    renameSync(audit, `${audit}.1`);
    assert.is(it.order("reopen").code, 0);
    assert.is(await probe(port), "allow");
    assert.equal(
      recordsIn(audit)
        .filter(({ op }) => op === "accept")
        .map(({ decision }) => decision),
      ["allow"],
    );

    it.child.kill("SIGTERM");
    let refused = await probe(port);
    while (refused === "allow") refused = await probe(port);
    for (const { socket } of all) {
      const heard = new Promise((resolve) => socket.once("data", resolve));
      socket.write("still served");
      assert.is(String(await heard), "still served");
      socket.end();
    }
    assert.is(await it.exit, 0);
    assert.is(tasks(it.child.pid), 0, "no thread is left");
    assert.not.match(it.err(), /has died|internal error/);
  });

  test("metrics name the threads and what each has", async () => {
    const at = await freePort();
    const token = join(temporaryFolder(), "token");
    writeFileSync(token, "0123456789abcdef0123456789abcdef\n", { mode: 0o600 });
    const { port } = await started("", `[metrics]\nlisten = "127.0.0.1:${at}"\ntoken_file = "${token}"\n`);
    const all = [visit(port), visit(port), visit(port)];
    for (const { first } of all) await first;
    const page = await (await fetch(`http://127.0.0.1:${at}/metrics`, { headers: { authorization: "Bearer 0123456789abcdef0123456789abcdef" } })).text();
    assert.match(page, /^ingressd_threads 3$/m);
    assert.match(page, /^ingressd_thread_connections\{thread="1"\} 2$/m);
    assert.match(page, /^ingressd_thread_connections\{thread="2"\} 1$/m);
  });

  test("a second SIGTERM cuts what both threads have, and the process ends with 0", async () => {
    const { it, port } = await started("", "[timers]\ndrain_ms = 600000\n");
    const all = [visit(port), visit(port)];
    for (const { first } of all) await first;
    it.child.kill("SIGTERM");
    let refused = await probe(port);
    while (refused === "allow") refused = await probe(port);
    assert.not(all.some(({ socket }) => socket.destroyed));
    it.child.kill("SIGTERM");
    await Promise.all(all.map(({ closed }) => closed));
    assert.is(await it.exit, 0);
  });

  for (const [what, act, because] of [
    [
      "ends",
      "worker.terminate(); const wake = require('node:fs'); wake.writeSync(given.fd, new Uint8Array(new BigUint64Array([1n]).buffer));",
      /it ended by itself/,
    ],
    [
      "reads what is no record",
      "const words = new Int32Array(given.commands); words[16 + (words[0] & ((words.length - 16) - 1))] = 7; Atomics.add(words, 0, 8); require('node:fs').writeSync(given.fd, new Uint8Array(new BigUint64Array([1n]).buffer));",
      /no record where one must be/,
    ],
  ] as const) {
    test(`a thread that ${what} takes the process with it: exit 7, a sentence, and its clients get an end`, async () => {
      const { it, port } = await started(onWorker(act));
      const all = [visit(port), visit(port)];
      for (const { first } of all) await first;
      it.child.kill("SIGUSR2");
      assert.is(await it.exit, 7);
      assert.match(it.err(), /an internal error ends it: .*thread 1 of 2 that serve connections has died \(.*\), and nobody else can end its connections/);
      assert.match(it.err(), because);
      await Promise.all(all.map(ended));
    });
  }

  for (const [what, act] of [
    ["loops", "for (;;);"],
    ["is in a call that does not return", "pause();"],
  ] as const) {
    test(`a thread that ${what} for 10 s takes the process with it, and until then the other thread serves and refusals are prompt`, async () => {
      stallsAfter(MOST_IDLE_MS);
      const { it, port, behind, folder } = await started(inWorker(act));
      place(folder, web(port, behind, "127.0.0.1"));
      assert.is(it.order("reload").code, 0);
      writeFileSync(join(folder, "now"), "");
      const [stuck, served] = [visit(port), visit(port)];
      assert.is(await served.first, "hello");
      assert.is(await probe(port, "127.0.0.2"), "deny");
      assert.is(stuck.socket.bytesRead, 0);
      assert.is(await it.exit, 7);
      assert.match(it.err(), /thread 1 of 2 that serve connections has died \(it has not run for 10 s\)/);
      await Promise.all([stuck, served].map(ended));
      await eventually(() => tasks(it.child.pid) === 0, "no thread is left");
    });
  }
}

test.run();
