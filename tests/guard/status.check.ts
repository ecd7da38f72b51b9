// `ingress-guard status` with guards that run: what it says is what the kernel has, only the user's own are
// shown, and what nobody serves is cleaned up.
import { spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { compileText } from "../oracle/ask.ts";
import { chosen } from "./chosen.ts";
import { ended, GUARD, missing, NOBODY, place, remove, startWith, type Place } from "./guarded.ts";

const guard = suite("guard status");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));
const test = (name: string, work: () => Promise<void>, needsRoot = false): void => {
  if (!chosen(name)) return;
  const why = lacks ?? (needsRoot && process.getuid?.() !== 0 ? "not root here" : null);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard status ${name}: ${why}`));
};

const PORT = 18_495;
const BINDS = `const { createServer } = require("node:net"); const { createSocket } = require("node:dgram");
createServer().once("error", () => createServer().listen(${PORT}, "127.0.0.1", () => createSocket("udp4").bind(${PORT}, "127.0.0.1", () => console.log("up")))).listen(${PORT}, "0.0.0.0"); setInterval(() => {}, 60000);`;

const runStatus = ({ runtime, uid }: Place, ...words: readonly string[]): ReturnType<typeof spawnSync> & { readonly stdout: string; readonly stderr: string } =>
  spawnSync(process.execPath, [GUARD, "status", ...words], {
    encoding: "utf8",
    env: { ...process.env, XDG_RUNTIME_DIR: runtime },
    ...(uid !== null && { uid, gid: uid }),
  });
const guardsOf = (at: Place): Record<string, unknown>[] =>
  (JSON.parse(runStatus(at, "--json").stdout) as { readonly data: { readonly guards: Record<string, unknown>[] } }).data.guards;
const folder = (at: Place): string => join(at.runtime, "ingress-guard");

async function running(at: Place): Promise<{ readonly child: ReturnType<typeof startWith>; readonly end: ReturnType<typeof ended> }> {
  const child = startWith(at, [process.execPath, "-e", BINDS]);
  const end = ended(child);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  return { child, end };
}

test("a guard says its service, policy, counts and what the kernel has bound, as a table and in JSON", async () => {
  assert.equal([runStatus(where).stdout, runStatus(where).status], ["no guard runs for this user\n", 0]);
  const { child, end } = await running(where);
  const [status = {}] = guardsOf(where);
  const { service, pid, isolated, binds, bound, doors, policy } = status as {
    [key: string]: unknown;
    readonly bound: readonly { readonly proto: string; readonly local: string }[];
    readonly policy: { readonly generation: number; readonly sha256: string };
  };
  assert.equal(
    { service, pid, isolated, binds, doors, bound: bound.map(({ proto, local }) => `${local}/${proto}`) },
    {
      service: "web",
      pid: child.pid,
      isolated: false,
      binds: { allowed: 3, denied: 1 },
      "doors": [],
      bound: [`127.0.0.1:${PORT}/tcp`, `127.0.0.1:${PORT}/udp`],
    },
  );
  assert.is(policy.generation, 1);
  assert.match(
    runStatus(where).stdout,
    new RegExp(
      `^SERVICE +GUARD +PROGRAM +POLICY +ALLOWED +DENIED +BOUND\nweb +${child.pid} +\\S+ \\(\\d+\\) +${policy.sha256.slice(0, 12)} #1 +3 +1 +127\\.0\\.0\\.1:${PORT}/tcp\n +127\\.0\\.0\\.1:${PORT}/udp\n$`,
    ),
  );
  writeFileSync(where.policy, compileText("edition 1\nexpose web on tcp 18463 { allow from any }\n"), { mode: 0o600 });
  child.kill("SIGHUP");
  while (JSON.stringify(guardsOf(where)[0]?.["policy"] ?? null).includes('"generation":1')) assert.is(child.exitCode, null);
  assert.is.not((guardsOf(where)[0]?.["policy"] as { readonly sha256: string }).sha256, policy.sha256);
  child.kill("SIGTERM");
  await end;
  assert.equal(readdirSync(folder(where)), []);
});

test("the socket of a guard that was killed is removed, and the guard is not shown", async () => {
  const { child, end } = await running(where);
  child.kill("SIGKILL");
  const [left = ""] = readdirSync(folder(where));
  assert.match(left, /^\d+\.sock$/);
  while (runStatus(where, "--json").stdout.includes('"service"')) assert.ok(existsSync(folder(where)));
  assert.equal(readdirSync(folder(where)), []);
  spawnSync("sh", ["-c", `kill $(ss -Hltnp 'sport = :${PORT}' | sed -n 's/.*pid=\\([0-9]*\\).*/\\1/p')`]);
  await end;
});

test("the folder is this user's alone, its sockets too; a folder that others may change is neither used nor read", async () => {
  const { child, end } = await running(where);
  const [name = ""] = readdirSync(folder(where));
  assert.equal(
    [folder(where), join(folder(where), name)].map((path) => (statSync(path).mode & 0o777).toString(8)),
    ["700", "600"],
  );
  chmodSync(folder(where), 0o750);
  const refused = runStatus(where);
  assert.is(refused.status, 5);
  assert.match(refused.stderr, /is not this user's alone/);
  const { err } = await ended(startWith(where, ["true"]));
  assert.match(err, /`ingress-guard status` will not show this guard: others may enter the folder .*: run chmod 0700/);
  chmodSync(folder(where), 0o700);
  const linked = place();
  mkdirSync(join(linked.folder, "elsewhere"), { mode: 0o700 });
  symlinkSync(join(linked.folder, "elsewhere"), folder(linked));
  assert.is(runStatus(linked, "--json").status, 5);
  remove(linked);
  child.kill("SIGTERM");
  await end;
});

test(
  "another user is refused at the socket, and shown nothing",
  async () => {
    const { child, end } = await running(where);
    const [name = ""] = readdirSync(folder(where));
    chmodSync(where.runtime, 0o755);
    const other = spawnSync(
      process.execPath,
      ["-e", `require("node:net").connect(${JSON.stringify(join(folder(where), name))}, () => console.log("in")).on("error", (e) => console.log(e.code));`],
      { uid: NOBODY, gid: NOBODY, encoding: "utf8" },
    );
    assert.is(other.stdout, "EACCES\n");
    assert.is(runStatus({ ...where, uid: NOBODY }).status, 5);
    chmodSync(where.runtime, 0o700);
    child.kill("SIGTERM");
    await end;
  },
  true,
);

test("at most eight clients are answered at a time, and a client that sends or reads nothing is disconnected", async () => {
  const { child, end } = await running(where);
  const [name = ""] = readdirSync(folder(where));
  const sockets = Array.from({ length: 40 }, () =>
    connect({ path: join(folder(where), name), allowHalfOpen: true })
      .on("error", () => undefined)
      .pause(),
  );
  await Promise.all(sockets.map((socket) => new Promise((resolve) => socket.once("close", resolve).once("connect", resolve))));
  for (const socket of sockets) socket.resume();
  await Promise.all(
    sockets.map(
      (socket) =>
        new Promise((resolve) => {
          if (socket.readableEnded || socket.destroyed) resolve(null);
          else socket.once("end", resolve).once("close", resolve);
        }),
    ),
  );
  for (const socket of sockets) socket.destroy();
  assert.is(guardsOf(where).length, 1);
  child.kill("SIGTERM");
  await end;
});

guard.run();
