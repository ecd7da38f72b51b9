// The shipped ingressd as a process: exit codes, who may reach its control socket, and running
// out of file descriptors.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { shipped } from "../ready.ts";
import { skip } from "../skip.ts";
import { backend, freePort, moduleOf, probe, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, startsAs, web } from "./ingressd_process.ts";

const test = suite("process");
/** nobody */
const OTHER = 65534;

test("no gateway, no policy, a second gateway: each its exit code and one sentence", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  const none = launch(folder, "");
  assert.is(await none.exit, 3);
  assert.is(none.out(), "");
  assert.match(none.err().trim().split("\n").at(-1) ?? "", /^ingressd: policy `.*` can't be read \(ENOENT.*\): check the path of the policy$/);
  const nobody = none.order("status");
  assert.is(nobody.code, 5);
  assert.match(nobody.err, /^ingressd: no ingressd answers at `.*` \(.*\): start it, or name its socket with --control\n$/);

  place(folder, web(port, behind.port));
  const it = launch(folder, "");
  await it.line("ingressd: ready");
  const again = launch(folder, "");
  assert.is(await again.exit, 5);
  assert.match(again.err(), /another ingressd answers at/);
  assert.is(await probe(port), "allow");
  it.child.kill("SIGKILL");
  await it.exit;
  const after = launch(folder, "");
  await after.line("ingressd: ready");
  after.child.kill("SIGTERM");
  assert.is(await after.exit, 0, "a stale socket of a killed gateway is taken over");
  behind.close();
});

test("a control directory that lets others in is refused", async () => {
  const folder = temporaryFolder();
  place(folder, moduleOf("edition 1"));
  mkdirSync(join(folder, "run"));
  chmodSync(join(folder, "run"), 0o755);
  const it = launch(folder, "");
  assert.is(await it.exit, 3);
  assert.match(it.err(), /mode 0755, which lets others in: run chmod 0700/);
  assert.is(it.out(), "");
});

test("a reader of stdout that goes away does not end the gateway", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const folder = temporaryFolder();
  place(folder, web(port, behind.port, "127.0.0.2"));
  const it = launch(folder, "");
  await it.line("ingressd: ready");
  it.child.stdout.destroy();
  it.child.stderr.destroy();
  for (let i = 0; i < 4; i++) assert.is(await probe(port), "deny");
  assert.is(await probe(port, "127.0.0.2"), "allow");
  it.child.kill("SIGTERM");
  assert.is(await it.exit, 0);
  behind.close();
});

const lacking =
  process.getuid?.() !== 0 || Number(unprivilegedStart()) <= 1023 ? "not root, or low ports are open to all"
  : startsAs(OTHER) ? null
  : "another user can't start ingressd from this folder";
if (lacking === null) {
  test("a port below 1024 without the capability names it", async () => {
    const folder = temporaryFolder();
    chmodSync(folder, 0o755);
    place(folder, moduleOf("edition 1\nexpose web on tcp 81 { backend 127.0.0.1:9 allow from any }"));
    mkdirSync(join(folder, "run"), { mode: 0o700 });
    writeFileSync(join(folder, "audit.jsonl"), "", { mode: 0o666 });
    spawnSync("chown", [String(OTHER), join(folder, "run"), join(folder, "audit.jsonl")]);
    const it = launch(folder, "", { uid: OTHER });
    assert.is(await it.exit, 5, it.err());
    assert.match(it.err(), /port 81 \(0\.0\.0\.0:81\) needs CAP_NET_BIND_SERVICE: give ingressd that capability/);
    assert.is(it.out(), "");
  });
} else {
  skip("process capability", lacking);
}

if (spawnSync("prlimit", ["--version"]).status === 0) {
  test("out of file descriptors: it survives, counts, and recovers", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, web(port, behind.port));
    // Loading the sources takes descriptors too, so this starts the built program.
    const it = launch(folder, "", { program: shipped("gateway/ingressd.mjs") });
    await it.line("ingressd: ready");
    const limit = (n: number): void => {
      const done = spawnSync("prlimit", ["--pid", String(it.child.pid), `--nofile=${n}:20000`], { encoding: "utf8" });
      assert.is(done.status, 0, done.stderr);
    };
    const count = (): number => Number(/"descriptors_exhausted":([0-9]+)/.exec(it.order("status", "--json").out)?.[1] ?? -1);
    limit(44);
    const crowd = Array.from({ length: 60 }, () => visit(port));
    await it.says("no file descriptor is left");
    assert.is(it.child.exitCode, null);
    limit(20000);
    for (const { socket } of crowd) socket.destroy();
    await it.says("file descriptors are free again");
    assert.is(await probe(port), "allow");
    assert.ok(count() >= 1);
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
    behind.close();
  });
} else {
  skip("process descriptors", "prlimit is not installed");
}

function unprivilegedStart(): string {
  try {
    return readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8").trim();
  } catch {
    return "1024";
  }
}

test.run();
