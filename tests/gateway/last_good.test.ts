// The last good policy serves a restart, said loudly and checked in full; what can't be kept on the
// disk is not put in force.
import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { EXIT_DELEGATE, EXIT_REJECTED } from "../../gateway/exit.ts";
import { systemDisk, type Disk } from "../../runtime/shell/disk.ts";
import { backend, freePort, moduleOf, probe, running, start, temporaryFolder, type BackendUnderTest } from "./gateway_under_test.ts";
import { newState, policyStatus } from "./state_under_test.ts";

const test = suite<{ behind: BackendUnderTest }>("last_good");
test.before(async (context) => {
  context.behind = await backend("hello");
});
test.after(({ behind }) => behind.close());

const policy = (port: number, behind: BackendUnderTest): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any }`);
const config = (state: { readonly kept: string }): string => `${state.kept}\n[policy]\nwatch = false`;

test("a restart without its file serves the copy and says so everywhere", async ({ behind }) => {
  const state = newState();
  const port = await freePort();
  const module = policy(port, behind);
  const first = await running({ module, config: config(state) });
  assert.equal([(await policyStatus(first)).source, readdirSync(state.directory)], ["file", ["last_good.wasm"]]);
  assert.is(statSync(state.copy).mode & 0o777, 0o600);
  assert.ok(readFileSync(state.copy).equals(module));
  await first.stop();

  const second = await running({ module: null, config: config(state) });
  assert.is(await probe(port), "allow");
  assert.equal(second.markers, [`ingressd: port open (port=${port}, proto=tcp)`, "ingressd: deny (reason=policy)", "ingressd: ready"]);
  assert.match(second.said.join("\n"), /^WARNING: the last good policy is in force in place of the file: policy `.*` can't be read \(ENOENT/m);
  const status = await policyStatus(second);
  assert.is(status.source, "last_good");
  assert.match(status.instead_of ?? "", /can't be read \(ENOENT/);
  const records = second.records().filter(({ op }) => op === "load");
  assert.equal(
    records.map(({ decision, code, local }) => [decision, code, local]),
    [["deny", "no_module", second.policyPath]],
  );
  assert.match(records[0]?.detail ?? "", /can't be read/);

  // The very bytes of the copy, put back as the file: that is loaded too, and ends the warning.
  second.place(module);
  assert.ok((await second.daemon.reload()).ok);
  assert.equal([(await policyStatus(second)).source, (await policyStatus(second)).instead_of], ["file", null]);
  await second.stop();
});

test("a file that comes back while the copy serves is noticed", async ({ behind }) => {
  const state = newState();
  const port = await freePort();
  const module = policy(port, behind);
  mkdirSync(state.directory, { recursive: true });
  writeFileSync(state.copy, module, { mode: 0o600 });
  const gateway = await running({ module: module.subarray(0, 99), config: state.kept });
  assert.match((await policyStatus(gateway)).instead_of ?? "", /\(module_malformed\)/);
  gateway.place(module);
  while ((await policyStatus(gateway)).source !== "file") {
    gateway.clock.advance(2000);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  await gateway.stop();
});

test("a copy that is no good opens nothing either", async ({ behind }) => {
  const port = await freePort();
  const module = policy(port, behind);
  const flipped = Uint8Array.from(module, (byte, i) => (i === 5000 ? byte ^ 1 : byte));
  const rows: readonly (readonly [name: string, copy: Uint8Array | null, trusting: boolean, mode: number, due: RegExp])[] = [
    ["no copy", null, false, 0o600, /^policy `[^`]*` can't be read \(ENOENT[^)]*\): check the path of the policy$/],
    ["a damaged copy", flipped, false, 0o600, /; and the last good policy is refused \(module_hash\)/],
    ["a copy that others can write", module, false, 0o666, /; and last good policy `.*` is refused: others can write it/],
    ["an unsigned copy where keys are trusted", module, true, 0o600, /; and the last good policy is refused \(signature_missing\)/],
  ];
  for (const [name, copy, trusting, mode, due] of rows) {
    const state = newState();
    if (copy !== null) {
      writeFileSync(state.copy, copy);
      chmodSync(state.copy, mode);
    }
    const started = await start({ module: null, config: trusting ? state.trusting : config(state) });
    assert.ok("failure" in started, name);
    if (!("failure" in started)) continue;
    assert.match(started.failure.message, due, name);
    assert.equal([started.failure.exitCode, started.markers, await probe(port)], [EXIT_REJECTED, [], "deny"], name);
  }
});

test("a copy older than the mark is refused, and one that is newer raises it", async ({ behind }) => {
  const state = newState();
  const [old, now] = [await freePort(), await freePort()];
  const newest = state.sign(policy(now, behind), 6);
  const first = await running({ module: newest, config: state.trusting });
  await first.stop();
  writeFileSync(state.copy, state.sign(policy(old, behind), 5));
  const started = await start({ module: null, config: state.trusting });
  assert.ok("failure" in started && /last good policy is refused \(revision_old\)/.test(started.failure.message));
  assert.is(await probe(old), "deny");
  // The state after a kill between the two renames.
  writeFileSync(state.copy, state.sign(policy(old, behind), 7));
  const second = await running({ module: newest.subarray(1), config: state.trusting });
  assert.equal([(await policyStatus(second)).source, state.revision(), await probe(old)], ["last_good", 7, "allow"]);
  await second.stop();
});

test("a busy port is no reason to fall back", async ({ behind }) => {
  const state = newState();
  const port = await freePort();
  const first = await running({ module: policy(port, behind), config: config(state) });
  await first.stop();
  const other = await backend("");
  const started = await start({ module: policy(other.port, behind), config: config(state) });
  assert.ok("failure" in started && started.failure.exitCode === EXIT_DELEGATE && started.markers.length === 0);
  assert.is(await probe(port), "deny");
  other.close();
});

const full = (): Promise<never> => Promise.reject(Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" }));

test("the previous policy stays in force when the disk refuses a write, before the swap and after it", async ({ behind }) => {
  const state = newState();
  const [port, other] = [await freePort(), await freePort()];
  let disk: Disk = systemDisk;
  const through: Disk = {
    write: (path, bytes) => disk.write(path, bytes),
    replace: (from, to) => disk.replace(from, to),
    remove: (path) => disk.remove(path),
  };
  const broken: readonly (readonly [string, Partial<Disk>, RegExp])[] = [
    ["at the copy", { write: full }, /^policy `.*` is not in force, because it could not be kept in the state directory \(ENOSPC/],
    ["at the mark's place", { replace: (from, to) => (to.includes("mark") ? full() : systemDisk.replace(from, to)) }, /could not be put in its place/],
  ];
  const never = await start({ module: state.sign(policy(port, behind), 1), config: state.trusting, disk: { ...systemDisk, write: full } });
  assert.ok("failure" in never && never.failure.exitCode === EXIT_DELEGATE && never.markers.length === 0);
  assert.is(await probe(port), "deny");

  const gateway = await running({ module: state.sign(policy(port, behind), 1), config: state.trusting, disk: through });
  gateway.place(state.sign(policy(other, behind), 2));
  for (const [name, how, due] of broken) {
    disk = { ...systemDisk, ...how };
    const result = await gateway.daemon.reload();
    assert.is(result.ok || result.error.cause, "state", name);
    if (!result.ok) assert.match(result.error.message, due, name);
    assert.equal([await probe(port), await probe(other), state.revision()], ["allow", "deny", 1], name);
  }
  const inForce: unknown[] = [];
  disk = {
    ...systemDisk,
    async replace(from, to) {
      inForce.push([to.includes("mark") ? "mark" : "copy", (await policyStatus(gateway)).signature]);
      await systemDisk.replace(from, to);
    },
  };
  assert.ok((await gateway.daemon.reload()).ok);
  const due = { key_id: state.ours.trusted.id, revision: 2, verified: true };
  // The copy is in its place already, since the last of the failures.
  assert.equal(inForce, [["mark", due]], "the new policy decides before the mark rises");
  assert.equal([await probe(port), await probe(other), state.revision()], ["deny", "allow", 2]);
  await gateway.stop();

  // A copy that is on the disk already needs no room.
  const again = await running({ module: state.sign(policy(other, behind), 2), config: state.trusting, disk: { ...systemDisk, write: full, replace: full } });
  assert.is(await probe(other), "allow");
  await again.stop();
});

test("who may write the state directory", async () => {
  const module = moduleOf("edition 1");
  const folder = temporaryFolder();
  const file = join(folder, "file");
  writeFileSync(file, "");
  const loose = join(folder, "open");
  mkdirSync(loose);
  chmodSync(loose, 0o777);
  const rows: readonly (readonly [path: string, due: RegExp])[] = [
    [file, /^the state directory `.*file` can't be used \(/],
    [join(file, "below"), /can't be used \(ENOTDIR/],
    [loose, /open` can be written by others \(mode 0777\): run chmod 700 /],
  ];
  for (const [path, due] of rows) {
    const started = await start({ module, config: `state_dir = "${path}"` });
    assert.ok("failure" in started && started.failure.exitCode === EXIT_REJECTED, path);
    if ("failure" in started) assert.match(started.failure.message, due);
  }
  const made = join(folder, "made", "here");
  const gateway = await running({ module, config: `state_dir = "${made}"` });
  assert.is(statSync(made).mode & 0o777, 0o700);
  await gateway.stop();
});

test("a file is synced before it takes its place, and the directory after", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "a.new");
  const handle = await open(folder, "r");
  const proto: object = Object.getPrototypeOf(handle) as object;
  await handle.close();
  const own = Reflect.get(proto, "sync") as (this: unknown) => Promise<void>;
  const seen: string[] = [];
  // Lets every fsync through and notes what lay in the folder at that moment.
  Reflect.set(proto, "sync", function sync(this: unknown): Promise<void> {
    seen.push(
      readdirSync(folder)
        .map((name) => `${name} ${readFileSync(join(folder, name), "utf8")}`)
        .join(),
    );
    return Reflect.apply(own, this, []);
  });
  try {
    await systemDisk.write(path, Buffer.from("bytes"));
    await systemDisk.replace(path, join(folder, "a"));
  } finally {
    Reflect.set(proto, "sync", own);
  }
  assert.equal(seen, ["a.new bytes", "a bytes"]);
  await systemDisk.remove(join(folder, "a"));
  await systemDisk.remove(join(folder, "a"));
  assert.equal(readdirSync(folder), []);
});

test("a link that lies in the way is not written through", async () => {
  const folder = temporaryFolder();
  writeFileSync(join(folder, "elsewhere"), "kept", { mode: 0o644 });
  symlinkSync("elsewhere", join(folder, "a.new"));
  await systemDisk.write(join(folder, "a.new"), Buffer.from("bytes"));
  assert.is(readFileSync(join(folder, "elsewhere"), "utf8"), "kept");
  assert.equal([statSync(join(folder, "a.new")).mode & 0o777, readFileSync(join(folder, "a.new"), "utf8")], [0o600, "bytes"]);
});

test.run();
