// `ingress-guard --isolate` with real programs: what is inside sees loopback alone, nobody outside reaches it
// but through its sockets, and nothing is left of it at its end. As root where the test is root, and as a
// user without rights through a user namespace.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, readlinkSync, statSync } from "node:fs";
import { connect, createServer, type NetConnectOpts, type Server } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, program, remove, startWith, type Place } from "./guarded.ts";

const guard = suite("guard isolates");
const PORT = 18_480;
const POLICY = (folder: string): string => `edition 1\nexpose web on tcp ${PORT + 9} bind 127.0.0.1 { backend unix "${folder}/${PORT}.sock" allow from any }\n`;
const root = process.getuid?.() === 0;
const ISOLATED = ["--isolate"];
const EACCES = -13;
const EAFNOSUPPORT = -97;

interface Seen {
  readonly interfaces: readonly string[];
  readonly host: string;
  readonly abstract: string;
  readonly namespace: string;
  readonly outer: number | string;
}

const outcome = (options: NetConnectOpts): Promise<string> =>
  new Promise((resolve) => {
    let text = "";
    const socket = connect(options)
      .setEncoding("utf8")
      .on("data", (chunk: string) => {
        text += chunk;
      });
    socket.on("error", (error) => resolve("code" in error ? String(error.code) : error.message)).on("close", () => resolve(text));
  });
const listening = (server: Server, at: string | number): Promise<void> =>
  new Promise((resolve) => {
    if (typeof at === "string") server.listen(at, resolve);
    else server.listen(at, "127.0.0.1", resolve);
  });
async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setImmediate(resolve));
}
const namespaces = (): readonly string[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => {
      try {
        return readlinkSync(`/proc/${pid}/ns/net`);
      } catch {
        return "";
      }
    });

interface Running {
  readonly child: ChildProcess;
  readonly seen: Seen;
  readonly entry: string;
  readonly end: ReturnType<typeof ended>;
}

async function inside(where: Place, words: readonly string[] = ISOLATED, address = "127.0.0.1"): Promise<Running> {
  const [host, abstract] = [createServer(), createServer()];
  const name = `isolate-${process.pid}-${where.uid ?? 0}`;
  await listening(host, PORT + 1);
  await listening(abstract, `\0${name}`);
  const child = startWith(where, [process.execPath, program("inside"), String(PORT + 1), name, String(process.pid), String(PORT), address], { words });
  const end = ended(child);
  let err = "";
  const opened = new Promise<void>((resolve, reject) => {
    child.stderr?.on("data", (chunk: string) => {
      err += chunk;
      if (/ inside is unix:/.test(err)) resolve();
    });
    child.once("exit", () => reject(new Error(err)));
  });
  const text = await new Promise<string>((resolve) => {
    child.stdout?.once("data", resolve);
    child.once("exit", () => resolve(""));
  });
  host.close();
  abstract.close();
  if (text === "") throw new Error((await end).err);
  const at = words.indexOf("--sockets");
  const entry = join(at < 0 ? join(where.runtime, "ingress-guard/web") : (words[at + 1] ?? ""), `${PORT}.sock`);
  await opened;
  return { child, seen: JSON.parse(text) as Seen, entry, end };
}

for (const [who, uid] of [
  ["with its own rights", null],
  ["as a user without rights", root ? NOBODY : null],
] as const) {
  const where = place(undefined, uid);
  const lacks = who === "with its own rights" && !root ? "not root here" : missing(where, ISOLATED);
  guard.after(() => remove(where));
  const test = (name: string, work: () => Promise<void>): void => {
    if (!chosen(`${who}: ${name}`)) return;
    if (lacks === null) guard(`${who}: ${name}`, work);
    else guard(`${who}: ${name} (skipped)`, () => console.log(`SKIP guard isolates ${who} ${name}: ${lacks}`));
  };

  test("the program sees lo, and reaches nothing of the host; its port is reached through its socket alone", async () => {
    const { child, seen, entry, end } = await inside(where);
    assert.equal([seen.interfaces, seen.host, seen.abstract], [["lo"], "ECONNREFUSED", "ECONNREFUSED"]);
    assert.is.not(seen.namespace, readlinkSync("/proc/self/ns/net"));
    // No namespace is entered, whichever it is.
    assert.is(seen.outer, 1);
    assert.is(await outcome({ host: "127.0.0.1", port: PORT }), "ECONNREFUSED");
    assert.is(await outcome({ path: entry }), `inside ${uid ?? 0}\n`);
    assert.equal(
      [dirname(entry), entry].map((path) => (statSync(path).mode & 0o777).toString(8)),
      ["700", "600"],
    );
    child.kill("SIGTERM");
    assert.is((await end).code, 128 + 15);
  });

  test("the program's death ends everything, and the namespace is gone", async () => {
    const { child, seen, entry, end } = await inside(where);
    const [before, doormen] = [namespaces().filter((name) => name === seen.namespace).length, 1];
    assert.is(before, 1 + doormen);
    child.kill("SIGTERM");
    await end;
    assert.is(existsSync(entry), false);
    await until(() => !namespaces().includes(seen.namespace));
  });

  test("when the guard is killed, nobody gets in any more", async () => {
    const { child, seen, entry, end } = await inside(where);
    const ours = namespaces().filter((name) => name === seen.namespace).length;
    const program_ = Number(
      /^ *(\d+) .*inside\.mjs/m.exec(spawnSync("ps", ["-o", "pid=,args=", "--ppid", String(child.pid)], { encoding: "utf8" }).stdout)?.[1],
    );
    child.kill("SIGKILL");
    await until(() => namespaces().filter((name) => name === seen.namespace).length < ours);
    // Connections that waited are reset while it goes.
    let result = "";
    while (result === "" || result === "ECONNRESET") result = await outcome({ path: entry });
    assert.is(result, "ECONNREFUSED");
    process.kill(program_, "SIGKILL");
    await end;
    await until(() => !namespaces().includes(seen.namespace));
    // The socket that was left makes way.
    const again = await inside(where);
    assert.is(await outcome({ path: entry }), `inside ${uid ?? 0}\n`);
    again.child.kill("SIGTERM");
    await again.end;
  });

  test("IPv6 loopback is reached as well", async () => {
    const { child, entry, end } = await inside(where, ISOLATED, "::1");
    assert.is(await outcome({ path: entry }), `inside ${uid ?? 0}\n`);
    child.kill("SIGTERM");
    await end;
  });

  test("the same rules apply inside", async () => {
    const rows = [
      ["0200000000000000", 0],
      ["020000007f000001", 0],
      ["0200484000000000", 0],
      ["000000007f000001", 0],
    ].map(([digits]) => ({ family: 2, type: 1, address: `${String(digits)}0000000000000000`, listens: false }));
    const { out } = await ended(
      startWith(where, [process.execPath, program("binds"), JSON.stringify([...rows, { family: 2, type: 1, address: null, listens: true }])], {
        words: ISOLATED,
      }),
    );
    assert.equal(
      out
        .trim()
        .split("\n")
        .map((line) => (JSON.parse(line) as { readonly result: number }).result),
      [EACCES, 0, EACCES, EAFNOSUPPORT, EACCES],
    );
  });

  test("a socket that comes from outside is not bound, nor is one as standard input taken", async () => {
    const path = join(where.folder, "passing.sock");
    const passing = spawn(
      "python3",
      [
        "-c",
        `import socket
l = socket.socket(socket.AF_UNIX); l.bind("${path}")
import os; os.chmod("${path}", 0o666); l.listen(1); print("up", flush=True)
c = l.accept()[0]
s = [socket.socket(f, t) for f, t in ((socket.AF_INET, 1), (socket.AF_INET, 2), (socket.AF_UNIX, 1))]
socket.send_fds(c, [b"x"], [x.fileno() for x in s]); c.recv(1)`,
      ],
      { stdio: ["ignore", "pipe", "inherit"] },
    );
    await new Promise<void>((resolve) => passing.stdout.once("data", () => resolve()));
    const { out, err } = await ended(
      startWith(
        where,
        [
          "python3",
          "-c",
          `import socket
c = socket.socket(socket.AF_UNIX); c.connect("${path}")
fds = socket.recv_fds(c, 1, 8)[1]
def attempt(s, call):
  try: call(s); return 0
  except OSError as e: return e.errno
tcp, udp, unix = [socket.socket(fileno=fd) for fd in fds]
print(attempt(tcp, lambda s: s.bind(("127.0.0.1", 0))), attempt(tcp, lambda s: s.listen(1)), attempt(udp, lambda s: s.bind(("127.0.0.1", 0))), attempt(unix, lambda s: s.bind(b"\\0from-inside")))`,
        ],
        { words: ISOLATED },
      ),
    );
    assert.is(out, "1 1 1 1\n", err);
    assert.match(err, /a socket of another network namespace is neither bound nor listened on here/);
    const taken = spawnSync(
      "python3",
      [
        "-c",
        `import socket, subprocess, sys
s = socket.socket(); r = subprocess.run(sys.argv[1:], stdin=s.fileno(), capture_output=True, text=True); print(r.returncode, r.stderr)`,
        process.execPath,
        fileURLToPath(new URL("../../runtime/guard/ingress-guard.mjs", import.meta.url)),
        "--policy",
        where.policy,
        "--service",
        "web",
        "--isolate",
        "--",
        "true",
      ],
      { encoding: "utf8", ...(uid !== null && { uid, gid: uid }) },
    );
    assert.match(taken.stdout, /^3 ingress-guard: descriptor 0 is a socket of the network outside/);
  });

  test("the gateway reaches its backend there", async () => {
    const folder = join(where.folder, "gateway");
    mkdirSync(folder, { mode: 0o700 });
    if (uid !== null) chownSync(folder, uid, uid);
    const served = place(POLICY(folder), uid);
    const { child, end } = await inside(where, [...ISOLATED, "--sockets", folder]);
    const gateway = spawn(
      process.execPath,
      [fileURLToPath(new URL("../../gateway/ingressd.mjs", import.meta.url)), "--policy", served.policy, "--control", join(served.runtime, "c/control.sock")],
      { stdio: ["ignore", "pipe", "ignore"], ...(uid !== null && { uid, gid: uid }) },
    );
    let out = "";
    const gone = new Promise((resolve) => gateway.once("exit", resolve));
    await new Promise<void>((resolve) =>
      gateway.stdout.setEncoding("utf8").on("data", (text: string) => {
        out += text;
        if (out.includes("ingressd: ready")) resolve();
      }),
    );
    assert.is(await outcome({ host: "127.0.0.1", port: PORT + 9 }), `inside ${uid ?? 0}\n`);
    assert.is(await outcome({ host: "127.0.0.1", port: PORT }), "ECONNREFUSED");
    gateway.kill("SIGTERM");
    child.kill("SIGTERM");
    await end;
    await gone;
    remove(served);
  });
}

const where = place();
guard.after(() => remove(where));
const asRoot = (name: string, work: () => Promise<void>): void => {
  if (!chosen(name)) return;
  if (root) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard isolates ${name}: not root here`));
};

asRoot("a folder that is given lets its group in, and nobody else", async () => {
  const folder = join(where.folder, "given");
  mkdirSync(folder);
  chownSync(folder, 0, NOBODY);
  chmodSync(folder, 0o750);
  const { child, entry, end } = await inside(where, [...ISOLATED, "--sockets", folder]);
  const { mode, gid } = statSync(entry);
  assert.equal([(mode & 0o777).toString(8), gid], ["660", NOBODY]);
  const as = (uid: number, group: number): string =>
    spawnSync(
      process.execPath,
      ["-e", `require("node:net").connect(${JSON.stringify(entry)}, () => { console.log("in"); process.exit(); }).on("error", (e) => console.log(e.code));`],
      { uid, gid: group, encoding: "utf8" },
    ).stdout.trim();
  assert.equal([as(12_345, NOBODY), as(12_345, 12_345)], ["in", "EACCES"]);
  child.kill("SIGTERM");
  await end;
  chmodSync(folder, 0o770);
  const refused = await ended(startWith(where, ["true"], { words: [...ISOLATED, "--sockets", folder] }));
  assert.is(refused.code, 3);
  assert.match(refused.err, /others can write the folder .*: nothing was started/);
});

asRoot("where no user namespace may be made, it says so, exits 4 and starts nothing", async () => {
  const started = join(where.folder, "started");
  const script = `echo 0 > /proc/sys/user/max_user_namespaces; exec setpriv --inh-caps=-all --bounding-set=-all "$@"`;
  const { code, err } = await ended(
    startWith(where, ["touch", started], { words: ISOLATED, through: ["unshare", "--user", "--map-root-user", "sh", "-c", script, "sh"] }),
  );
  assert.is(code, 4, err);
  assert.match(err, /^ingress-guard: `--isolate` is not possible here: this user may make no user namespace here \(.+\); .*: nothing was started\n$/);
  assert.is(existsSync(started), false);
});

asRoot("without util-linux the message names what is missing", async () => {
  const fresh = place(undefined, NOBODY);
  const { code, err } = await ended(startWith(fresh, ["true"], { words: ISOLATED, env: { PATH: "/none" } }));
  assert.is(code, 4);
  assert.match(err, /^ingress-guard: `--isolate` is not possible here: `unshare` and `nsenter` of util-linux are not installed: nothing was started\n$/);
  remove(fresh);
});

if (chosen("a missing program makes no files and no namespace"))
  guard("a missing program makes no files and no namespace", async () => {
    const lacks = missing(where, ISOLATED);
    if (lacks !== null) return console.log(`SKIP guard isolates a program that is not there: ${lacks}`);
    const { code } = await ended(startWith(where, ["no-such-program-anywhere"], { words: ISOLATED }));
    assert.is(code, 127);
    assert.equal(readdirSync(join(where.runtime, "ingress-guard")), ["web"]);
  });

guard.run();
