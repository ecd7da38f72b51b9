// ingress-guard around servers that people run: Redis, PostgreSQL, Node, a Go program, and one without a C library.
// The kernel shows as bound, and strace as allowed, only what the policy exposes: here, loopback.
import { execFileSync, spawnSync, type ChildProcess } from "node:child_process";
import { chownSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { notInstalled, postgresFolder } from "../installed.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, remove, run, start, startWith, until } from "./guarded.ts";

const guard = suite("guard and servers");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));
const [REDIS, POSTGRES, NODE] = [18_471, 18_472, 18_473];

function test(name: string, tools: readonly string[], work: () => Promise<void>): void {
  if (!chosen(name)) return;
  const absent = notInstalled(tools);
  const why = lacks ?? (absent.length === 0 ? null : `${absent.join(", ")} is missing`);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
}

/** Sockets that listen, and UDP sockets, of the processes that `child` started: `127.0.0.1:80/tcp`. */
function boundBy({ pid }: ChildProcess): readonly string[] {
  const parents = new Map(
    execFileSync("ps", ["-eo", "pid=,ppid="], { encoding: "utf8" })
      .trim()
      .split("\n")
      .map((line): [string, string] => {
        const [own = "", parent = ""] = line.trim().split(/\s+/);
        return [own, parent];
      }),
  );
  const ours = (process_: string): boolean => process_ === String(pid) || (parents.has(process_) && ours(parents.get(process_) ?? ""));
  return execFileSync("ss", ["-Hltunp"], { encoding: "utf8" })
    .split("\n")
    .flatMap((line) => {
      const [proto = "", , , , local = ""] = line.trim().split(/\s+/);
      return [...line.matchAll(/pid=(\d+)/g)].some(([, process_ = ""]) => ours(process_)) ? [`${local}/${proto}`] : [];
    })
    .sort();
}

/** The first answer of a server at its port. */
const answered = (child: ChildProcess, port: number, words: string): Promise<string> =>
  until(`port ${port} answers`, async () => {
    if (child.exitCode !== null) return "it has ended";
    const text = await new Promise<string>((resolve) => {
      let out = "";
      const socket = connect(port, "127.0.0.1", () => socket.end(words))
        .setEncoding("utf8")
        .on("data", (chunk: string) => {
          out += chunk;
        });
      atEnd(() => {
        socket.destroy();
      });
      socket.on("error", () => resolve("")).on("close", () => resolve(out));
    });
    return text === "" ? null : text;
  });

test("Redis answers at loopback and is bound only there; at another address it does not start", ["redis-server", "ss"], async () => {
  const redis = (...words: readonly string[]): readonly string[] => [
    "redis-server",
    "--port",
    String(REDIS),
    "--save",
    "",
    "--dir",
    where.folder,
    "--daemonize",
    "no",
    ...words,
  ];
  const child = start(where, redis("--bind", "127.0.0.1"));
  const end = ended(child);
  assert.is(await answered(child, REDIS, "PING\r\nQUIT\r\n"), "+PONG\r\n+OK\r\n");
  assert.equal(boundBy(child), [`127.0.0.1:${REDIS}/tcp`]);
  child.kill("SIGTERM");
  assert.is((await end).code, 0);
  for (const address of ["0.0.0.0", "::", "*"]) {
    const { code, out } = await run(where, redis("--bind", address));
    assert.is(code, 1);
    assert.match(out, /Could not create server TCP listening socket .*: (bind: )?Permission denied/);
  }
  // One address of two is refused, and Redis does not continue with the other.
  assert.is((await run(where, redis("--bind", "127.0.0.1", "0.0.0.0"))).code, 1);
});

test("PostgreSQL serves as a user without rights, with its unix socket; at another address it does not start", ["postgresql", "root", "ss"], async () => {
  const user = place(undefined, NOBODY);
  atEnd(() => {
    remove(user);
  });
  const [data, bin] = [join(user.folder, "data"), postgresFolder() ?? ""];
  mkdirSync(data, { mode: 0o700 });
  chownSync(data, NOBODY, NOBODY);
  const as = { uid: NOBODY, gid: NOBODY, encoding: "utf8", env: { PATH: process.env["PATH"], LC_ALL: "C", HOME: user.folder }, cwd: user.folder } as const;
  const made = spawnSync(join(bin, "initdb"), ["-D", data, "-A", "trust", "-U", "postgres", "--no-sync"], as);
  assert.is(made.status, 0, made.stderr);
  const postgres = (addresses: string): readonly string[] => [
    join(bin, "postgres"),
    "-D",
    data,
    "-p",
    String(POSTGRES),
    "-k",
    user.folder,
    "-c",
    `listen_addresses=${addresses}`,
    "-c",
    "fsync=off",
  ];
  const child = start(user, postgres("127.0.0.1"));
  const end = ended(child);
  const ready = (at: string): ReturnType<typeof spawnSync> =>
    spawnSync(join(bin, "psql"), ["-h", at, "-p", String(POSTGRES), "-U", "postgres", "-Atc", "select 40 + 2"], as);
  await until("PostgreSQL is ready", async () => {
    assert.is(child.exitCode, null);
    return ready("127.0.0.1").status === 0 ? true : null;
  });
  assert.is(ready("127.0.0.1").stdout, "42\n");
  assert.is(ready(user.folder).stdout, "42\n");
  assert.equal(boundBy(child), [`127.0.0.1:${POSTGRES}/tcp`]);
  child.kill("SIGINT");
  assert.is((await end).code, 0);
  for (const address of ["0.0.0.0", "*"]) {
    const { code, err } = await run(user, postgres(address));
    assert.is(code, 1, err);
    assert.match(err, /could not bind IPv4 address "0\.0\.0\.0": Permission denied/);
  }
});

test("Node: HTTP, UDP and a cluster of processes", ["ss"], async () => {
  const server = `const cluster = require("node:cluster"); const { createServer } = require("node:http"); const { createSocket } = require("node:dgram");
if (cluster.isPrimary) { for (let i = 0; i < 2; i++) cluster.fork(); createSocket("udp4").bind(${NODE}, "127.0.0.1"); process.on("SIGTERM", () => process.exit(0)); }
else { createServer((_, response) => response.end("guarded")).listen(${NODE}, "127.0.0.1"); createServer().once("error", (e) => console.log(e.code)).listen(${NODE + 1}); }`;
  const file = join(where.folder, "server.cjs");
  writeFileSync(file, server);
  const child = start(where, [process.execPath, file]);
  const end = ended(child);
  assert.match(await answered(child, NODE, "GET / HTTP/1.0\r\n\r\n"), /guarded$/);
  assert.equal(boundBy(child), [`127.0.0.1:${NODE}/tcp`, `127.0.0.1:${NODE}/udp`]);
  child.kill("SIGTERM");
  const { code, out } = await end;
  assert.is(code, 0);
  assert.match(out, /^EACCES\n/);
  const client = await run(where, [
    process.execPath,
    "-e",
    `require("node:dgram").createSocket("udp4").on("error", (e) => console.log(e.code)).send("x", 9, "127.0.0.1")`,
  ]);
  assert.is(client.out, "EACCES\n");
});

test("a Go program, whose runtime makes its own system calls", ["go"], async () => {
  const binary = join(where.folder, "listens");
  const built = spawnSync("go", ["build", "-o", binary, fileURLToPath(new URL("programs/listens.go", import.meta.url))], {
    encoding: "utf8",
    env: { ...process.env, CGO_ENABLED: "0", GOPROXY: "off", GO111MODULE: "off", GOCACHE: join(where.folder, "go"), HOME: where.folder },
  });
  assert.is(built.status, 0, built.stderr);
  const { out, err } = await run(where, [binary]);
  const [wrong, ...lines] = out.trim().split("\n");
  assert.is(wrong, "0", err);
  assert.equal(
    lines.map((line) => (/permission denied$/.test(line) ? "denied" : line)),
    ["denied", "denied", "denied", "denied", "listens"],
  );
});

if (process.arch === "x64") {
  test("a program without a C library, with threads by clone", ["gcc"], async () => {
    const binary = join(where.folder, "raw_threads");
    execFileSync("gcc", [
      "-O1",
      "-nostdlib",
      "-static",
      "-fno-stack-protector",
      "-fno-pie",
      "-no-pie",
      "-o",
      binary,
      fileURLToPath(new URL("programs/raw_threads.c", import.meta.url)),
    ]);
    assert.is((await run(where, [binary])).code, 0);
    // The same program without the guard finds any address open: its second bit.
    assert.is(spawnSync(binary).status, 2);
  });
}

/** strace tears a call in two where another thread's comes between. */
function wholeCalls(trace: string): readonly string[] {
  const begun = new Map<string, string>();
  return trace.split("\n").flatMap((line) => {
    const [, thread = "", rest = ""] = /^(\d+) +(.*)$/.exec(line) ?? [];
    if (rest.endsWith("<unfinished ...>")) {
      begun.set(thread, rest);
      return [];
    }
    return [rest.startsWith("<... ") ? `${begun.get(thread) ?? ""} ${rest}` : rest];
  });
}

test("strace sees each bind that a program calls, and the kernel shows those that the policy allows", ["strace", "python3", "ss", "root"], async () => {
  const trace = join(where.folder, "strace");
  const script = `import socket, sys, time
def attempt(family, kind, address, listens=False):
  s = socket.socket(family, kind)
  try:
    s.bind(address)
    if listens: s.listen(1)
  except OSError: pass
  return s
kept = [attempt(f, k, (a, p), k == 1) for p, a, f in ((18476, "127.0.0.1", 2), (18477, "0.0.0.0", 2), (18478, "::1", 10), (18479, "::", 10)) for k in (1, 2)]
print("up", flush=True); sys.stdin.read()`;
  const child = startWith(where, ["python3", "-c", script], { through: ["strace", "-f", "-qq", "-e", "trace=bind,listen", "-e", "signal=none", "-o", trace] });
  const end = ended(child);
  await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
  const allowed = ["127.0.0.1:18476/tcp", "127.0.0.1:18476/udp", "[::1]:18478/tcp", "[::1]:18478/udp"];
  const bound = boundBy(child);
  assert.equal(
    bound,
    allowed.filter((socket) => existsSync("/proc/net/if_inet6") || !socket.startsWith("[")),
  );
  child.stdin?.end();
  await end;
  const calls = wholeCalls(readFileSync(trace, "utf8")).filter((line) => /htons\(1847[6-9]\)/.test(line));
  const results = (port: number): readonly string[] => [
    ...new Set(calls.filter((line) => line.includes(`htons(${port})`)).map((line) => / = (0|-1 E\w+)(?: \(|$)/.exec(line)?.[1] ?? line)),
  ];
  // The guard makes the calls itself: where it does not, strace shows the program's own, refused.
  assert.equal(
    [18476, 18477, 18478, 18479].map((port) => results(port).filter((result) => result !== "0")),
    [[], ["-1 EACCES"], [], ["-1 EACCES"]],
  );
  assert.ok(calls.length >= 8);
});

guard.run();
