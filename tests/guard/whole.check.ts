// ingress-guard with real programs and a real kernel, at length: each test fails without what it is about.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { compileText } from "../oracle/ask.ts";
import { ended, missing, place, printed, program, remove, run, runNode, start } from "./guarded.ts";

const guard = suite("guard at length");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const EPERM = -1;
const EACCES = -13;
const ENOSYS = -38;

const test = (name: string, work: () => Promise<void>): void => {
  if (lacks === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${lacks}`));
};

test("5,000 binds while a thread turns the address: none stands at any", async () => {
  const counts = printed(await runNode(where, "race", "5000")) as { readonly bound: number; readonly refused: number; readonly leaked: number; readonly other: number };
  console.log(`guard: of 5000 binds under a race ${counts.bound} were bound, ${counts.refused} refused, ${counts.leaked} leaked`);
  assert.equal([counts.leaked, counts.other], [0, 0]);
});

test("… while a broker that lets the call go on leaks", async () => {
  let counts = { leaked: 0 };
  for (let round = 0; round < 5 && counts.leaked === 0; round++) {
    const child = spawn(process.execPath, ["--import", "tsx", program("continuing"), program("race"), "5000"], { stdio: ["ignore", "pipe", "pipe"], cwd: new URL("../..", import.meta.url) });
    counts = printed(await ended(child)) as { readonly leaked: number };
  }
  console.log(`guard: a broker that lets calls go on leaked ${counts.leaked} of 5000`);
  assert.ok(counts.leaked > 0, "the race is not one");
});

test("4,000 binds under a timer that interrupts every millisecond", async () => {
  const { failed, signals } = printed(await runNode(where, "signals", "4000")) as { readonly failed: readonly unknown[]; readonly signals: number };
  assert.equal(failed, []);
  assert.ok(signals > 0);
});

test("rings, other processes, threads, children", async () => {
  assert.equal(printed(await runNode(where, "others")), {
    rings: ENOSYS, trace: EPERM, any: "EACCES", loopback: "listening", thread: "EACCES", child: "EACCES", grandchild: "EACCES",
  });
});

if (process.getuid?.() === 0) {
  test("a program that gave up root gets none of the guard's rights", async () => {
    const folder = join(where.folder, "rights");
    mkdirSync(folder);
    chmodSync(folder, 0o755);
    const { low, foreign, mine, uid, mode } = printed(await runNode(where, "rights", folder)) as Record<string, unknown>;
    assert.equal({ low, foreign, mine, uid, mode }, { low: EACCES, foreign: EACCES, mine: 0, uid: 65_534, mode: "700" });
  });
} else guard("rights (skipped)", () => console.log("SKIP guard rights of a program that gave up root: not root here"));

test("when the guard is killed, the program's next bind fails", async () => {
  const result = join(where.folder, "orphan.txt");
  const child = start(where, [process.execPath, program("orphan"), result]);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  child.kill("SIGKILL");
  await ended(child);
  while (!existsSync(result) || readFileSync(result, "utf8") === "") await new Promise((resolve) => setImmediate(resolve));
  assert.is(Number(readFileSync(result, "utf8")), ENOSYS);
});

test("exit codes, signals and standard streams are the program's own", async () => {
  assert.is((await run(where, [process.execPath, "-e", "process.exit(7)"])).code, 7);
  assert.is((await run(where, [process.execPath, "-e", "process.kill(process.pid, 'SIGTERM')"])).code, 143);
  assert.is((await run(where, ["no-such-program-anywhere"])).code, 127);
  assert.is((await run(where, [where.policy])).code, 126);
  const child = start(where, [process.execPath, "-e", "process.stdin.pipe(process.stdout)"]);
  const end = ended(child);
  child.stdin?.end("through");
  assert.is((await end).out, "through");
  const waiting = start(where, [process.execPath, "-e", "process.on('SIGTERM', () => process.exit(9)); console.log('up'); setInterval(() => {}, 1000)"]);
  const ending = ended(waiting);
  await new Promise<void>((resolve) => waiting.stdout?.once("data", () => resolve()));
  waiting.kill("SIGTERM");
  assert.is((await ending).code, 9);
});

test("the policy is read again while the program runs, and a bad one changes nothing", async () => {
  const fresh = place();
  const child = start(fresh, [process.execPath, "-e", "console.log('up'); setInterval(() => {}, 1000); process.on('SIGTERM', () => process.exit(0))"]);
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => { err += text; });
  const said = async (words: RegExp): Promise<void> => { while (!words.test(err)) await new Promise((resolve) => child.stderr?.once("data", resolve)); };
  const end = ended(child);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  const put = (bytes: Uint8Array): void => { writeFileSync(`${fresh.policy}.new`, bytes, { mode: 0o600 }); renameSync(`${fresh.policy}.new`, fresh.policy); };
  put(Uint8Array.of(1, 2, 3));
  await said(/the former policy stays in force/);
  put(compileText("edition 1\nexpose web on tcp 18463 { allow from any }\n"));
  await said(/the policy was read again and is in force/);
  child.kill("SIGTERM");
  assert.is((await end).code, 0);
  remove(fresh);
});

guard.run();
