// The OCI image, run by runc: not as root, with a root file system that can't be written.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { moduleOf } from "../host/compiled.ts";
import { unpackImage, type ImageConfig } from "./image_layout.ts";
import { must, newFolder, run } from "./packed.ts";
import { atEnd, stallsAfter, suite } from "../suite.ts";

const USER = 65532;
/** On a busy machine. */
const START_MS = 60_000;
const folder = newFolder();
const layout = join(folder, "layout");
const bundle = join(folder, "bundle");
const id = `ingressd-check-${process.pid}`;
const test = suite("OCI image");

let config: ImageConfig;

test.before(() => {
  config = unpackImage(layout, join(bundle, "rootfs"));
});

/** The bundle's configuration: that of runc, with the image's words and user, and a root that can't be written. */
function configure(args: readonly string[]): void {
  rmSync(join(bundle, "config.json"), { force: true });
  must("runc", ["spec", "--bundle", bundle]);
  const spec = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8")) as {
    process: Record<string, unknown>;
    root: Record<string, unknown>;
    mounts: unknown[];
    linux: Record<string, unknown>;
  };
  const [uid = 0, gid = 0] = config.config.User.split(":").map(Number);
  Object.assign(spec.process, {
    terminal: false,
    user: { uid, gid },
    env: config.config.Env,
    cwd: "/",
    args,
    noNewPrivileges: true,
    capabilities: {},
    rlimits: [],
  });
  Object.assign(spec.root, { readonly: true });
  for (const path of ["/run/ingressd", "/var/lib/ingressd"])
    spec.mounts.push({ destination: path, type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=0700", `uid=${uid}`, `gid=${gid}`] });
  delete spec.linux["resources"];
  writeFileSync(join(bundle, "config.json"), JSON.stringify(spec));
}

test("it has no shell, and its user is not root", () => {
  assert.is(config.config.User, `${USER}:${USER}`);
  const found = must("find", [join(bundle, "rootfs"), "-name", "sh", "-o", "-name", "bash", "-o", "-perm", "/6000"]);
  assert.is(found, "");
  assert.ok(readFileSync(join(bundle, "rootfs/etc/ssl/certs/ca-certificates.crt"), "utf8").includes("BEGIN CERTIFICATE"));
  assert.match(readFileSync(join(bundle, "rootfs/etc/passwd"), "utf8"), `ingressd:x:${USER}:`);
});

test("ingressd serves a policy in it, and can't write its root", async () => {
  const policy = join(bundle, "rootfs/etc/ingressd/policy.wasm");
  writeFileSync(policy, moduleOf("edition 1\nexpose web on tcp 8443 { backend 127.0.0.1:8080 allow from any }\n"));
  chmodSync(policy, 0o644);
  configure([...config.config.Entrypoint, ...config.config.Cmd]);
  atEnd(() => run("runc", ["--root", join(folder, "state"), "delete", "--force", id]));
  stallsAfter(START_MS);
  const runc = spawn("runc", ["--root", join(folder, "state"), "run", "--bundle", bundle, id], { stdio: ["ignore", "pipe", "pipe"] });
  let said = "";
  const ready = new Promise<void>((resolve, reject) => {
    for (const stream of [runc.stdout, runc.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        said += part;
        if (said.includes("ingressd: ready")) resolve();
      });
    }
    runc.once("exit", () => {
      reject(new Error(`runc ended:\n${said}`));
    });
  });
  await ready;
  const inside = (script: string): string => must("runc", ["--root", join(folder, "state"), "exec", id, "/usr/bin/node", "-e", script]).trim();
  assert.is(inside("console.log(process.getuid(), process.getgid())"), `${USER} ${USER}`);
  assert.is(inside('try { require("fs").writeFileSync("/written", ""); } catch (error) { console.log(error.code); }'), "EROFS");
  const served =
    'const { connect, createServer } = require("net"); createServer((s) => s.end("served")).listen(8080, "127.0.0.1", () => connect(8443, "127.0.0.1").on("data", (d) => console.log(String(d))).on("error", (e) => console.log(e.code)).on("close", () => process.exit()))';
  assert.is(inside(served), "served");
  assert.match(
    inside(
      'console.log(require("child_process").spawnSync(process.execPath, ["/usr/lib/ingressd/ingressd.mjs", "status", "--control", "/run/ingressd/control.sock"], { encoding: "utf8" }).stdout)',
    ),
    /generation/,
  );
  assert.not.match(said, /koffi/);
  must("runc", ["--root", join(folder, "state"), "kill", id, "TERM"]);
  const [code] = (await once(runc, "exit")) as [number | null];
  assert.is(code, 0, said);
});

test.run();
