// The tarball in an empty prefix, as a user installs it, on the Node that runs this: all three programs run from there, a policy
// is compiled, a connection is served, and a service registers its port.
import { spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { createServer, connect, type Server } from "node:net";
import { once } from "node:events";
import { dirname, join } from "node:path";
import * as assert from "uvu/assert";
import { must, newFolder, run, tarball } from "./packed.ts";
import { editor, worksWhole } from "../lsp/client.ts";
import { atEnd, stallsAfter, suite } from "../suite.ts";

const VERSION = (JSON.parse(readFileSync(new URL("../../package.json", import.meta.url), "utf8")) as { readonly version: string }).version;

const folder = newFolder();
const prefix = join(folder, "prefix");
const bin = join(prefix, "bin");
const modules = join(prefix, "lib/node_modules/ingressd");
const work = join(folder, "work");
const path = `${bin}:${dirname(process.execPath)}:/usr/bin:/bin`;
/** On a busy machine. */
const START_MS = 60_000;

/** A program that was installed, started by its name alone. */
function installed(name: string, ...words: readonly string[]): ReturnType<typeof run> {
  return run(join(bin, name), words, { cwd: work, env: { PATH: path, HOME: folder } });
}

/** The same, left running; resolves when its output has the text. */
function started(text: string, name: string, ...words: readonly string[]): Promise<void> {
  const child = spawn(join(bin, name), words, { cwd: work, env: { PATH: path, HOME: folder, NO_COLOR: "1" }, stdio: ["ignore", "pipe", "pipe"] });
  atEnd(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGTERM");
    await once(child, "exit");
  });
  stallsAfter(START_MS);
  let said = "";
  return new Promise((resolve, reject) => {
    const fail = (why: string): void => {
      reject(new Error(`${name} ${why} before it said \`${text}\`:\n${said}`));
    };
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (part: string) => {
        said += part;
        if (said.includes(text)) resolve();
      });
    }
    child.once("exit", () => {
      fail("ended");
    });
  });
}

async function echo(words: string): Promise<number> {
  const server = createServer((socket) => socket.end(words)).listen(0, "127.0.0.1");
  atEnd(() => server.close());
  await once(server, "listening");
  return portOf(server);
}

function portOf(server: Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const port = portOf(server);
  server.close();
  await once(server, "close");
  return port;
}

/** The text that a client at 127.0.0.1 reads until the end; null where nothing listens. */
async function read(port: number): Promise<string | null> {
  const socket = connect(port, "127.0.0.1").setEncoding("utf8");
  let text = "";
  socket.on("data", (part: string) => {
    text += part;
  });
  return new Promise((resolve) => {
    // A gateway resets a connection that it refuses.
    socket.once("error", (error: NodeJS.ErrnoException) => {
      resolve(error.code === "ECONNREFUSED" ? null : text);
    });
    socket.once("close", () => {
      resolve(text);
    });
  });
}

const test = suite(`install on Node ${process.versions.node}`);

test.before(() => {
  mkdirSync(work, { recursive: true, mode: 0o700 });
  const said = run("npm", ["install", "--global", "--prefer-offline", "--prefix", prefix, tarball(folder)], { cwd: work });
  assert.is(said.code, 0, said.err);
});

test("every program runs and has the package's version", () => {
  for (const name of ["ingressc", "ingressd", "ingress-guard"]) {
    const { code, out, err } = installed(name, "--version");
    assert.equal([code, out.split(" ").at(-1), err], [0, `${VERSION}\n`, ""], name);
    assert.match(installed(name, "--help").out, new RegExp(`^${name}`), name);
  }
});

test("nothing of it is built or written after the install", () => {
  assert.not.ok(existsSync(join(modules, "scripts")));
  chmodSync(modules, 0o555);
  assert.is(installed("ingressc", "--version").code, 0);
  chmodSync(modules, 0o755);
});

test("a policy is compiled, a connection is served, and another client is refused", async () => {
  const [open, closed] = [await freePort(), await freePort()];
  const backend = await echo("served\n");
  writeFileSync(
    join(work, "edge.ingress"),
    `edition 1
expose web on tcp ${open} bind 127.0.0.1 { backend 127.0.0.1:${backend} allow from 127.0.0.0/8 }
expose lab on tcp ${closed} bind 127.0.0.1 { backend 127.0.0.1:${backend} allow from 198.51.100.0/24 }
test "loopback" { from 127.0.0.1 to web => allow from 127.0.0.1 to lab => deny cidr }
`,
  );
  const built = installed("ingressc", "build", "edge.ingress");
  assert.is(built.code, 0, built.err);
  chmodSync(join(work, "edge.wasm"), 0o600);
  await started("ready", "ingressd", "--policy", "edge.wasm", "--control", join(work, "control.sock"));
  assert.is(await read(open), "served\n");
  assert.is(await read(closed), "");
  const status = installed("ingressd", "status", "--control", join(work, "control.sock"), "--json");
  assert.is(status.code, 0, status.err);
});

test("a service is exposed while it runs", async () => {
  const port = await freePort();
  const backend = await echo("registered\n");
  writeFileSync(join(work, "service.ingress"), `edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { allow from any }\n`);
  assert.is(installed("ingressc", "build", "service.ingress").code, 0);
  chmodSync(join(work, "service.wasm"), 0o600);
  writeFileSync(join(work, "service.toml"), `[intents]\nsocket = "${work}/expose.sock"\n[services.web]\nuid = ${process.getuid?.() ?? 0}\n`, { mode: 0o600 });
  await started("ready", "ingressd", "--policy", "service.wasm", "--config", "service.toml", "--control", join(work, "private/control.sock"));
  assert.is(await read(port), null);
  await started(
    "exposed web",
    "ingressd",
    "expose",
    "--service",
    "web",
    "--port",
    String(port),
    "--backend",
    `127.0.0.1:${backend}`,
    "--socket",
    join(work, "expose.sock"),
  );
  assert.is(await read(port), "registered\n");
});

test("an editor's server checks, judges and runs tests in its thread", async () => {
  await worksWhole(await editor({ command: [join(bin, "ingressc")] }));
});

test("without koffi the compiler works, and the other two say in one sentence that they need it", () => {
  renameSync(join(modules, "node_modules"), join(modules, "without"));
  assert.is(installed("ingressc", "check", "edge.ingress").code, 0);
  const guard = installed("ingress-guard", "--policy", "edge.wasm", "--service", "web", "--", "true");
  assert.equal([guard.code, guard.err.trim().split("\n").length], [4, 1]);
  assert.match(guard.err, /^ingress-guard: it needs koffi/);
  const gateway = installed("ingressd", "--policy", "service.wasm", "--config", "service.toml", "--control", join(work, "other/control.sock"));
  assert.is(gateway.code, 4);
  assert.match(gateway.err, /^ingressd: .*needs koffi/m);
  renameSync(join(modules, "without"), join(modules, "node_modules"));
});

test("npm removes all of it", () => {
  must("npm", ["uninstall", "--global", "--prefix", prefix, "ingressd"]);
  for (const name of ["ingressc", "ingressd", "ingress-guard"]) assert.not.ok(existsSync(join(bin, name)), name);
});

test.run();
