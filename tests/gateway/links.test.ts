// A policy that is reached through links: who may turn them, and whether it is noticed when they
// are turned, when their target is replaced, or when a directory on the way is made anew.
import { chmodSync, chownSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, symlinkSync, unlinkSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { followLinks } from "../../runtime/host/links.ts";
import { readTrustedFile } from "../../runtime/host/trusted_file.ts";
import { LOOK_MS, SETTLE_MS, watchFile } from "../../runtime/shell/watch.ts";
import { skip } from "../skip.ts";
import { backend, eventually, freePort, manualClock, probe, running, temporaryFolder } from "./gateway_under_test.ts";
import { place, web } from "./ingressd_process.ts";

const test = suite("links");

function put(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function turn(link: string, target: string): void {
  symlinkSync(target, `${link}.new`);
  renameSync(`${link}.new`, link);
}

/** A tree with a policy in `real/`, and links to it; every directory is closed to others. */
function tree(): string {
  const top = temporaryFolder();
  for (const name of ["real", "other", "links", "deep", "deep/er"]) mkdirSync(join(top, name), { mode: 0o755 });
  for (const name of ["real", "other", "deep/er"]) writeFileSync(join(top, name, "policy.wasm"), `of ${name}`, { mode: 0o644 });
  symlinkSync("../real/policy.wasm", join(top, "links", "file"));
  symlinkSync(join(top, "real"), join(top, "links", "folder"));
  symlinkSync("file", join(top, "links", "twice"));
  symlinkSync("twice", join(top, "links", "thrice"));
  symlinkSync("..data/policy.wasm", join(top, "links", "policy.wasm"));
  symlinkSync("../real", join(top, "links", "..data"));
  symlinkSync("loop", join(top, "links", "loop"));
  symlinkSync("gone", join(top, "links", "dangling"));
  return top;
}

const ways: readonly (readonly [path: string, real: string | null, steps: readonly string[]])[] = [
  ["real/policy.wasm", "real/policy.wasm", ["real/policy.wasm"]],
  ["links/file", "real/policy.wasm", ["links/file", "real/policy.wasm"]],
  ["links/folder/policy.wasm", "real/policy.wasm", ["links/folder", "real/policy.wasm"]],
  ["links/thrice", "real/policy.wasm", ["links/thrice", "links/twice", "links/file", "real/policy.wasm"]],
  ["links/policy.wasm", "real/policy.wasm", ["links/policy.wasm", "links/..data", "real/policy.wasm"]],
  ["links/dangling", null, ["links/dangling", "links/gone"]],
  ["none/policy.wasm", null, ["none"]],
  ["real/policy.wasm/more", null, ["real/policy.wasm/more"]],
];
for (const [path, real, steps] of ways) {
  test(`the way of ${path}`, () => {
    const top = tree();
    const way = followLinks(join(top, path));
    assert.is(way.real, real === null ? null : join(top, real));
    assert.equal(
      way.steps.map(({ folder, name }) => join(folder, name)),
      steps.map((step) => join(top, step)),
    );
    assert.is(way.because === null, real !== null);
  });
}

test("links that follow each other without end, and as many as may", () => {
  const top = tree();
  assert.match(followLinks(join(top, "links", "loop")).because ?? "", /^more than 40 links follow each other$/);
  writeFileSync(join(top, "chain0"), "");
  for (let i = 1; i <= 41; i++) symlinkSync(`chain${i - 1}`, join(top, `chain${i}`));
  assert.is(followLinks(join(top, "chain40")).real, join(top, "chain0"));
  assert.is(followLinks(join(top, "chain41")).real, null);
});

type Spoil = (top: string) => void;
const loose =
  (name: string, mode: number): Spoil =>
  (top) =>
    chmodSync(join(top, name), mode);
const trust: readonly (readonly [name: string, path: string, spoil: Spoil, due: RegExp])[] = [
  ["a plain file", "real/policy.wasm", () => undefined, /^of real$/],
  ["a link to the file", "links/file", () => undefined, /^of real$/],
  ["a link to the directory", "links/folder/policy.wasm", () => undefined, /^of real$/],
  ["links through links", "links/thrice", () => undefined, /^of real$/],
  ["an ancestor that others can write", "deep/er/policy.wasm", loose("deep", 0o777), /^of deep\/er$/],
  ["a loose directory at the end", "links/file", loose("real", 0o775), /is refused: others can write its directory `.*\/real` \(mode 0775\): run chmod go-w/],
  [
    "a loose directory at the start",
    "links/file",
    loose("links", 0o757),
    /is refused: others can write the directory of a link on its way, `.*\/links` \(mode 0757\): run chmod go-w/,
  ],
  [
    "a link in a loose directory in the middle",
    "links/middle",
    (top) => {
      symlinkSync(join(top, "real", "policy.wasm"), join(top, "other", "hop"));
      symlinkSync("../other/hop", join(top, "links", "middle"));
      chmodSync(join(top, "other"), 0o777);
    },
    /is refused: others can write the directory of a link on its way, `.*\/other` \(mode 0777\): run chmod go-w/,
  ],
  [
    "a directory's link in a loose directory",
    "links/middle/policy.wasm",
    (top) => {
      symlinkSync(join(top, "real"), join(top, "other", "hop"));
      symlinkSync(join(top, "other", "hop"), join(top, "links", "middle"));
      chmodSync(join(top, "other"), 0o777);
    },
    /is refused: others can write the directory of a link on its way, `.*\/other`/,
  ],
  ["a loose file behind a link", "links/file", loose("real/policy.wasm", 0o666), /is refused: others can write it \(mode 0666\)/],
  ["a link to nothing", "links/dangling", () => undefined, /can't be read \(ENOENT/],
  ["a link to itself", "links/loop", () => undefined, /can't be read \(more than 40 links/],
  ["a link to a directory", "links/folder", () => undefined, /is not a regular file/],
  ["a file as a directory", "real/policy.wasm/more", () => undefined, /can't be read \(ENOTDIR/],
];
for (const [name, path, spoil, due] of trust) {
  test(`trust: ${name}`, () => {
    const top = tree();
    spoil(top);
    const answer = readTrustedFile(join(top, path), 1024, "policy");
    assert.match(!answer.ok ? answer.error : new TextDecoder().decode(answer.value), due);
  });
}

if (process.geteuid?.() === 0) {
  test("trust: a link in a directory of another user", () => {
    const top = tree();
    chownSync(join(top, "links"), 65_534, 65_534);
    const answer = readTrustedFile(join(top, "links", "file"), 1024, "policy");
    assert.match(!answer.ok ? answer.error : "read", /the directory of a link on its way, `.*\/links` belongs to uid 65534, who could change it: run chown 0 /);
  });
} else {
  skip("links owner", "not root: no directory can be given to another user");
}

type Change = (top: string) => void;
const changes: readonly (readonly [name: string, path: string, change: Change, changed: boolean])[] = [
  ["a plain file replaced", "real/policy.wasm", (top) => put(join(top, "real", "policy.wasm"), "new"), true],
  ["a plain file rewritten in the same size", "real/policy.wasm", (top) => writeFileSync(join(top, "real", "policy.wasm"), "OF REAL"), true],
  [
    "rewritten, and its old time set again",
    "real/policy.wasm",
    (top) => {
      writeFileSync(join(top, "real", "policy.wasm"), "OF REAL");
      utimesSync(join(top, "real", "policy.wasm"), 1, 1);
    },
    true,
  ],
  ["a plain file removed", "real/policy.wasm", (top) => unlinkSync(join(top, "real", "policy.wasm")), true],
  ["the target of a link replaced", "links/file", (top) => put(join(top, "real", "policy.wasm"), "new"), true],
  ["the target of three links replaced", "links/thrice", (top) => put(join(top, "real", "policy.wasm"), "new"), true],
  ["the last of three links turned", "links/thrice", (top) => turn(join(top, "links", "file"), "../other/policy.wasm"), true],
  ["a directory's link turned", "links/folder/policy.wasm", (top) => turn(join(top, "links", "folder"), "../other"), true],
  ["a hidden directory's link turned", "links/policy.wasm", (top) => turn(join(top, "links", "..data"), "../other"), true],
  ["a missing target made", "links/dangling", (top) => put(join(top, "links", "gone"), "new"), true],
  ["another file beside it", "real/policy.wasm", (top) => put(join(top, "real", "else"), "new"), false],
  ["another file beside the link", "links/file", (top) => put(join(top, "links", "else"), "new"), false],
  ["another file where no link leads", "links/file", (top) => put(join(top, "other", "policy.wasm"), "new"), false],
];
/** No event is raised for these, or none that names the file. */
const unseen: typeof changes = [
  [
    "its directory renamed and made anew",
    "real/policy.wasm",
    (top) => {
      renameSync(join(top, "real"), join(top, "old"));
      mkdirSync(join(top, "real"));
      writeFileSync(join(top, "real", "policy.wasm"), "new");
    },
    true,
  ],
  [
    "an ancestor renamed and made anew",
    "deep/er/policy.wasm",
    (top) => {
      renameSync(join(top, "deep"), join(top, "old"));
      mkdirSync(join(top, "deep", "er"), { recursive: true });
      writeFileSync(join(top, "deep", "er", "policy.wasm"), "new");
    },
    true,
  ],
  [
    "the directory of a link renamed and made anew",
    "links/file",
    (top) => {
      renameSync(join(top, "links"), join(top, "old"));
      mkdirSync(join(top, "links"));
      symlinkSync("../other/policy.wasm", join(top, "links", "file"));
    },
    true,
  ],
];

for (const [name, path, change, due] of [...changes, ...unseen]) {
  test(`looking: ${name} is ${due ? "" : "not "}a change`, () => {
    const top = tree();
    const clock = manualClock();
    const said: string[] = [];
    let calls = 0;
    const stop = watchFile({ path: join(top, path), clock, say: (s) => said.push(s), changed: () => calls++ });
    clock.advance(LOOK_MS + SETTLE_MS);
    assert.is(calls, 0, "nothing has changed yet");
    change(top);
    // No event can come while this runs: only the look finds it.
    clock.advance(LOOK_MS + SETTLE_MS);
    assert.is(calls, due ? 1 : 0);
    clock.advance(10 * LOOK_MS);
    assert.is(calls, due ? 1 : 0, "one change is one");
    if (existsSync(join(top, path))) put(join(top, path), "once more");
    else writeFileSync(join(top, path), "once more");
    clock.advance(LOOK_MS + SETTLE_MS);
    assert.is(calls, due ? 2 : 1, "the next one is seen too");
    stop();
    put(join(top, path), "after the end");
    clock.advance(10 * LOOK_MS);
    assert.is(calls, due ? 2 : 1);
    assert.equal(said, []);
  });
}

for (const [name, path, change] of changes.filter(([, , , due]) => due)) {
  test(`events: ${name} is seen at once, and so is what comes after`, async () => {
    const top = tree();
    const clock = manualClock();
    let calls = 0;
    const stop = watchFile({
      path: join(top, path),
      say: () => undefined,
      changed: () => calls++,
      // Never looks by itself.
      clock: { ...clock, every: () => () => undefined },
    });
    const settled = (n: number): Promise<void> =>
      eventually(() => {
        clock.advance(SETTLE_MS);
        return calls >= n;
      }, `change ${n}`);
    change(top);
    await settled(1);
    const before = calls;
    const { steps } = followLinks(join(top, path));
    const last = steps.at(-1);
    if (last === undefined) throw new Error("no way");
    put(join(last.folder, last.name), "once more");
    await settled(before + 1);
    stop();
  });
}

test("a directory made anew is watched for events again", async () => {
  const top = tree();
  const clock = manualClock();
  let calls = 0;
  const stop = watchFile({ path: join(top, "real", "policy.wasm"), clock, say: () => undefined, changed: () => calls++ });
  renameSync(join(top, "real"), join(top, "old"));
  mkdirSync(join(top, "real"));
  writeFileSync(join(top, "real", "policy.wasm"), "new");
  clock.advance(LOOK_MS + SETTLE_MS);
  assert.is(calls, 1);
  put(join(top, "real", "policy.wasm"), "newer");
  await eventually(() => {
    clock.advance(1);
    return calls === 2;
  }, "the event");
  stop();
});

test("a gateway serves a policy behind a link, and follows its target", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  const releases = temporaryFolder();
  place(releases, web(port, behind.port, "127.0.0.2"));
  symlinkSync(join(releases, "policy.wasm"), join(folder, "policy.wasm"));
  const gateway = await running({ folder });
  assert.equal([await probe(port), await probe(port, "127.0.0.2")], ["deny", "allow"]);
  const inForce = (n: number): Promise<void> =>
    eventually(() => {
      gateway.clock.advance(SETTLE_MS);
      return gateway.daemon.counters.reloads === n;
    }, `policy ${n}`);
  place(releases, web(port, behind.port));
  await inForce(2);
  assert.equal([await probe(port), await probe(port, "127.0.0.2")], ["allow", "allow"]);
  const next = temporaryFolder();
  place(next, web(port, behind.port, "127.0.0.3"));
  turn(join(folder, "policy.wasm"), join(next, "policy.wasm"));
  await inForce(3);
  assert.equal([await probe(port), await probe(port, "127.0.0.3")], ["deny", "allow"]);
  // Now others could turn the link: what it leads to stays out.
  chmodSync(next, 0o777);
  place(next, web(port, behind.port));
  await eventually(() => {
    gateway.clock.advance(SETTLE_MS);
    return gateway.daemon.counters.reloadsRefused >= 1;
  }, "the refusal");
  assert.is(gateway.daemon.counters.reloads, 3);
  assert.equal([await probe(port), await probe(port, "127.0.0.3")], ["deny", "allow"]);
  assert.ok(gateway.said.some((s) => /generation 3 stays in force: policy .* is refused: others can write its directory/.test(s)));
  assert.ok(readFileSync(join(folder, "policy.wasm")).length > 0);
  await gateway.stop();
  rmSync(next, { recursive: true });
  behind.close();
});

test.run();
