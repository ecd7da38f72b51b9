// Which forwarder serves: the key, what a start does where the kernel's calls can't be used, and who says which it is.
import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { changedKeys } from "../../gateway/config/changed.ts";
import { defaultConfig, parseConfig } from "../../gateway/config/read.ts";
import { chooseForwarder } from "../../gateway/kernel/choice.ts";
import { failed } from "../../runtime/result/result.ts";
import { program } from "../ready.ts";
import { backend, FORWARDERS, freePort, probe, temporaryFolder } from "./gateway_under_test.ts";
import { hidingKoffi, launch, place, web, withoutKoffi, type Running } from "./ingressd_process.ts";

const test = suite("forwarder choice");
const usual = FORWARDERS[0];

function forwarderOf(it: Running): unknown {
  const status: unknown = JSON.parse(it.order("status", "--json").out);
  const data = typeof status === "object" && status !== null && "data" in status ? status.data : status;
  return typeof data === "object" && data !== null && "forwarder" in data ? data.forwarder : data;
}

async function ready(start: (folder: string) => Running, net = "any"): Promise<{ readonly it: Running; readonly port: number; readonly folder: string }> {
  const [folder, port, behind] = [temporaryFolder(), await freePort(), await backend("hello")];
  place(folder, web(port, behind.port, net));
  const it = start(folder);
  await it.line("ingressd: ready");
  return { it, port, folder };
}

const SOMAXCONN = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));

for (const [config, name] of [
  ['forwarder = "auto"', usual],
  ['forwarder = "node"', "node"],
  [`forwarder = "${usual}"`, usual],
] as const) {
  test(`${config}: the process serves and refuses, and status names ${name}, without a word on standard error`, async () => {
    const { it, port } = await ready((folder) => launch(folder, config), "127.0.0.1");
    assert.equal([await probe(port), await probe(port, "127.0.0.2")], ["allow", "deny"]);
    assert.equal(forwarderOf(it), { name, because: null, backlog: 4096, somaxconn: SOMAXCONN });
    assert.match(it.order("status").out, new RegExp(`^forwarder +${name}, at most ${Math.min(4096, SOMAXCONN)} peers of a port are not yet accepted$`, "m"));
    assert.not.match(it.err(), /forwarder|Node's sockets/);
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
  });
}

test("the kernel's queue of a port has the length that status says", async () => {
  for (const forwarder of FORWARDERS) {
    const { it, port } = await ready((folder) => launch(folder, `forwarder = "${forwarder}"`));
    const listens = spawnSync("ss", ["-Hltn", `sport = :${port}`], { encoding: "utf8" })
      .stdout.split("\n")
      .filter((line) => line !== "");
    if (listens.length > 0) assert.equal(new Set(listens.map((line) => line.split(/ +/)[2])), new Set([String(Math.min(4096, SOMAXCONN))]), forwarder);
    it.child.kill("SIGTERM");
    await it.exit;
  }
});

test("auto without koffi: Node's sockets serve, one sentence says why, and status has it", async () => {
  const { it, port } = await ready((folder) => withoutKoffi(folder, 'forwarder = "auto"'));
  assert.is(await probe(port), "allow");
  assert.is(
    it
      .err()
      .split("\n")
      .filter((line) => line.includes("Node's sockets serve in place of the kernel's calls: koffi is not installed")).length,
    1,
  );
  const forwarder = forwarderOf(it);
  assert.equal(forwarder, { name: "node", because: "koffi is not installed", backlog: 4096, somaxconn: SOMAXCONN });
  assert.match(it.order("status").out, /^forwarder +node \(koffi is not installed\), /m);
});

test("kernel without koffi: no start and no port, exit 4 with the remedy; check-config finds it, too", async () => {
  const [folder, port] = [temporaryFolder(), await freePort()];
  place(folder, web(port, 9));
  const it = withoutKoffi(folder, 'forwarder = "kernel"');
  assert.is(await it.exit, 4);
  assert.match(it.err(), /`forwarder` = "kernel" can't be used, because koffi is not installed: npm install koffi, or set forwarder = "auto"\n$/);
  assert.is(it.out(), "");
  const [command = "", ...argv] = program("gateway/ingressd.mjs");
  const checked = spawnSync(process.execPath, [...hidingKoffi(folder), command, ...argv, "check-config", "--config", join(folder, "config.toml")], {
    encoding: "utf8",
  });
  assert.is(checked.status, 3);
  assert.match(checked.stderr, /config\.toml: `forwarder` can't be used, because koffi is not installed: npm install koffi, or set forwarder = "auto"\n/);
});

test("a machine that the self-test refuses: auto uses Node's sockets and says why, kernel ends the start", async () => {
  const refuses = () => Promise.resolve(failed({ because: "splice does not work", isMissing: false }));
  assert.equal(await chooseForwarder("auto", refuses), { ok: true, value: { name: "node", calls: null, because: "splice does not work" } });
  const refused = await chooseForwarder("kernel", refuses);
  assert.equal(!refused.ok && refused.error, {
    exitCode: 6,
    message: '`forwarder` = "kernel" can\'t be used, because splice does not work: set forwarder = "auto"',
  });
  const never = () => Promise.reject(new Error("tried"));
  assert.equal(
    await chooseForwarder("node", never),
    { ok: true, value: { name: "node", calls: null, because: null } },
    "nothing is tried where Node's is requested",
  );
});

test("a reload puts keys in force, names those that need a restart, keeps the forwarder, and says nothing where none has changed", async () => {
  const { it, port, folder } = await ready((at) => launch(at, 'forwarder = "node"\nconfig.watch = false'));
  const path = join(folder, "config.toml");
  const text = readFileSync(path, "utf8");
  assert.is(it.order("reload").code, 0);
  assert.not.match(it.err(), /the configuration|configuration generation/);
  writeFileSync(path, text.replace('"node"', '"auto"').concat("[caps]\nports = 7\n"));
  it.child.kill("SIGHUP");
  await it.says("; configuration generation 2: caps.ports; read at the start only, and not in force before a restart: forwarder\n");
  assert.equal(forwarderOf(it), { name: "node", because: null, backlog: 4096, somaxconn: SOMAXCONN });
  writeFileSync(path, text.replace('"node"', '"nodes"'));
  it.child.kill("SIGHUP");
  await it.says("the configuration is refused: ");
  await it.says('config.toml:1: `forwarder` = "nodes" must be "auto" or "kernel" or "node"');
  assert.is(await probe(port), "allow");
});

test("the keys that differ are named by their whole path, in order", () => {
  const before = defaultConfig();
  const rows: readonly (readonly [string, readonly string[]])[] = [
    ["", []],
    ['forwarder = "auto"', []],
    ['forwarder = "node"', ["forwarder"]],
    ['allowed_backends = ["127.0.0.1:1"]', ["allowed_backends"]],
    ["[services.web]\nuid = 5", ["services.web.uid"]],
    ['state_dir = "/s"\n[timers]\nidle_ms = 1\nhello_ms = 10000', ["state_dir", "timers.idle_ms"]],
  ];
  for (const [text, keys] of rows) {
    const after = parseConfig(text, "c.toml");
    assert.equal(after.ok && changedKeys(before, after.value), keys, text);
  }
});

test("tls.engine: OpenSSL's clashes with Node's forwarder, and the place of the other key is named", () => {
  for (const [text, isGood] of [
    ['forwarder = "node"\ntls.engine = "openssl"\n', false],
    ['forwarder = "node"\n[tls]\nengine = "openssl"\n', false],
    ['forwarder = "node"\ntls.engine = "auto"\n', true],
    ['forwarder = "node"\ntls.engine = "node"\n', true],
    ['forwarder = "auto"\ntls.engine = "openssl"\n', true],
    ['forwarder = "kernel"\ntls.engine = "openssl"\n', true],
  ] as const) {
    const read = parseConfig(text, "test.toml");
    assert.is(read.ok, isGood, text);
    if (!read.ok) assert.match(read.error.message, /`tls\.engine`.* needs the kernel's forwarder, and `forwarder` is "node"/, text);
  }
});

test.run();
