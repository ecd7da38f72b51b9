// Which policy a running guard follows, and what it keeps where it can't: links that are turned, signatures, revisions,
// folders that can't be watched, a user that is out of threads.
import { spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually } from "../gateway/gateway_under_test.ts";
import { newSigner, signed } from "../host/signed.ts";
import { compileText } from "../oracle/ask.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, remove, startWith, type Ended, type Place, type StartOptions } from "./guarded.ts";

const guard = suite("guard following");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const test = (name: string, work: () => Promise<void>, needsRoot = false): void => {
  if (!chosen(name)) return;
  const why = lacks ?? (needsRoot && process.getuid?.() !== 0 ? "not root here" : null);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
};

const LOADED = /the policy was read again and is in force/g;
const exposing = (port: number): Uint8Array => compileText(`edition 1\nexpose web on tcp ${port} { allow from any }\n`);

function put(path: string, bytes: Uint8Array | string, uid: number | null = null): void {
  writeFileSync(`${path}.new`, bytes, { mode: 0o600 });
  if (uid !== null) chownSync(`${path}.new`, uid, uid);
  renameSync(`${path}.new`, path);
}

interface Running {
  readonly child: ChildProcess;
  /** Waits until it has said this so often. */
  said(words: RegExp, times?: number): Promise<void>;
  count(words: RegExp): number;
  stop(): Promise<Ended>;
}

/** A guarded program that waits for its end. */
async function idleProgram(at: Place, options: StartOptions = {}): Promise<Running> {
  const child = startWith(
    at,
    [process.execPath, "-e", "console.log('up'); process.stdin.on('end', () => process.exit(0)).resume(); process.on('SIGTERM', () => process.exit(0))"],
    options,
  );
  let err = "";
  let up = false;
  child.stderr?.on("data", (chunk: Buffer) => {
    err += chunk.toString();
  });
  child.stdout?.on("data", () => {
    up = true;
  });
  const end = ended(child);
  await eventually(() => up || child.exitCode !== null, `the program's start: ${err}`);
  assert.ok(up, err);
  const count = (words: RegExp): number => [...err.matchAll(new RegExp(words, "g"))].length;
  return {
    child,
    count,
    said: (words, times = 1) => eventually(() => count(words) >= times, `${String(words)} in ${err}`),
    async stop() {
      child.kill("SIGTERM");
      return end;
    },
  };
}

test("a link to a folder on the policy's way is turned, and turned again", async () => {
  const at = place();
  for (const [name, port] of [
    ["r1", 18_461],
    ["r2", 18_462],
    ["r3", 18_463],
  ] as const) {
    mkdirSync(join(at.folder, name), { mode: 0o755 });
    writeFileSync(join(at.folder, name, "p.wasm"), exposing(port), { mode: 0o600 });
  }
  const turn = (to: string): void => {
    symlinkSync(to, join(at.folder, "turned"));
    renameSync(join(at.folder, "turned"), join(at.folder, "current"));
  };
  turn("r1");
  const s = await idleProgram({ ...at, policy: join(at.folder, "current", "p.wasm") });
  turn("r2");
  await s.said(LOADED, 1);
  turn("r3");
  await s.said(LOADED, 2);
  // The same policy under another name is no other one.
  mkdirSync(join(at.folder, "r4"), { mode: 0o755 });
  writeFileSync(join(at.folder, "r4", "p.wasm"), exposing(18_463), { mode: 0o600 });
  turn("r4");
  writeFileSync(join(at.folder, "r4", "p.wasm"), "damaged", { mode: 0o600 });
  await s.said(/the previous policy stays in force/);
  assert.is(s.count(LOADED), 2);
  await s.stop();
  remove(at);
});

test("with trusted keys what is not signed, signed by others, or older is refused, over a restart too", async () => {
  const at = place();
  const [ours, other] = [newSigner(), newSigner()];
  const [key, state] = [join(at.folder, "ours.pub"), join(at.folder, "state")];
  writeFileSync(key, ours.pem, { mode: 0o644 });
  const words = ["--trusted-key", key, "--state-dir", state];
  const attempt = (): Promise<Ended> => ended(startWith(at, ["echo", "runs"], { words }));
  const refused = async (bytes: Uint8Array, because: RegExp): Promise<void> => {
    put(at.policy, bytes);
    const { code, out, err } = await attempt();
    assert.equal([code, out], [3, ""], err);
    assert.match(err, because);
  };
  await refused(exposing(18_461), /\(signature_missing\): nothing was started|signature/);
  await refused(signed(exposing(18_461), other, { revision: 9n }), /signature/);
  put(at.policy, signed(exposing(18_461), ours, { revision: 5n }));
  const s = await idleProgram(at, { words });
  assert.match(readFileSync(join(state, "revision.mark"), "utf8"), / revision=5 /);
  put(at.policy, signed(exposing(18_462), ours, { revision: 4n }));
  await s.said(/\(revision_old\): .*the previous policy stays in force/);
  put(at.policy, signed(exposing(18_462), ours, { revision: 6n }));
  await s.said(LOADED);
  assert.match(readFileSync(join(state, "revision.mark"), "utf8"), / revision=6 /);
  // A key that is taken away: what it has signed is no longer loaded, and what is in force stays.
  put(key, other.pem);
  await s.said(/signature|trusted/);
  put(key, ours.pem);
  await s.stop();
  await refused(signed(exposing(18_461), ours, { revision: 5n }), /\(revision_old\)/);
  await refused(signed(exposing(18_463), ours, { revision: 6n }), /\(revision_reused\)/);
  put(at.policy, signed(exposing(18_462), ours, { revision: 6n }));
  assert.is((await attempt()).out, "runs\n");
  writeFileSync(join(state, "revision.mark"), "damaged\n");
  await refused(signed(exposing(18_462), ours, { revision: 7n }), /\(mark_unreadable\)/);
  chmodSync(state, 0o777);
  await refused(signed(exposing(18_462), ours, { revision: 7n }), /the state directory `.*` can be written by others .*: nothing was started/);
  remove(at);
});

test(
  "a folder that can't be watched is said once, and followed all the same",
  async () => {
    const at = place(undefined, NOBODY);
    const folder = join(at.folder, "closed");
    mkdirSync(folder);
    const policy = join(folder, "p.wasm");
    put(policy, exposing(18_461), NOBODY);
    // It may be entered, and not read.
    chmodSync(folder, 0o711);
    const s = await idleProgram({ ...at, policy });
    await s.said(/the directory `.*closed` can't be watched \(.*EACCES.*\): a change of the file is seen within 2000 ms/);
    put(policy, exposing(18_462), NOBODY);
    await s.said(LOADED);
    assert.is(s.count(/can't be watched/g), 1);
    await s.stop();
    remove(at);
  },
  true,
);

test(
  "a reload for which no thread can be started keeps the policy, and the guard",
  async () => {
    const at = place(undefined, NOBODY);
    const s = await idleProgram(at);
    const limit = (threads: string): void =>
      assert.is(spawnSync("prlimit", ["--pid", String(s.child.pid), `--nproc=${threads}`], { uid: NOBODY, gid: NOBODY }).status, 0);
    limit("1:");
    put(at.policy, exposing(18_462), NOBODY);
    await s.said(/no thread could be started for the module's checks .*the previous policy stays in force/);
    limit("5000:");
    s.child.kill("SIGHUP");
    await s.said(LOADED);
    assert.is((await s.stop()).code, 0);
    remove(at);
  },
  true,
);

guard.run();
