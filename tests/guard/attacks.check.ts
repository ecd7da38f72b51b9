// Attacks on ingress-guard from inside, with real programs and a real kernel: listening where nothing was bound, choosing
// the port of a socket that is never bound, and getting rights back that a program has dropped.
import { spawn, type ChildProcess } from "node:child_process";
import { chownSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { architecture } from "../../runtime/guard/filter.ts";
import { openKernel } from "../../runtime/guard/kernel.ts";
import { openLibc } from "../../runtime/shell/libc.ts";
import { listenAt, localOf } from "../../runtime/guard/listens.ts";
import { readInet } from "../../runtime/guard/sockaddr.ts";
import { formatAddress } from "../../runtime/net/address.ts";
import { chosen } from "./chosen.ts";
import { ended, missing, NOBODY, place, printed, program, remove, run, startWith } from "./guarded.ts";

const guard = suite("guard under attack");
const where = place();
const lacks = missing(where);
const root = process.getuid?.() === 0;
guard.after(() => remove(where));

const test = (name: string, work: () => Promise<void>, needsRoot = false): void => {
  if (!chosen(name)) return;
  const why = lacks ?? (needsRoot && !root ? "not root here" : null);
  if (why === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${why}`));
};

const python = (name: string): string => fileURLToPath(new URL(`programs/${name}.py`, import.meta.url));
const EACCES = -13;
const EINVAL = -22;
const EADDRINUSE = -98;
const EOPNOTSUPP = -95;

/** The result of each attempt on a socket of each kind. */
const LISTENING: Readonly<Record<string, number | readonly string[]>> = {
  "never bound": EACCES,
  "connected": EACCES,
  "connected and disconnected": EACCES,
  "the second bind": EADDRINUSE,
  "bound, and bound again in vain": EACCES,
  "bound, connected and disconnected": 0,
  "… and listened on again": 0,
  "bound again after it": EACCES,
  "… and after its end": EACCES,
  "… which changes nothing": 0,
  "accepted and disconnected": EACCES,
  "its listener again": 0,
  "a duplicate": 0,
  "a child's": 0,
  "passed within the program": 0,
  "a race of connect and disconnect": ["EACCES"],
};
/** A TCP socket that was accepted is one of its own; of MPTCP ones the kernel says that they are their listener. */
const ACCEPTED: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  tcp: { "… and bound": 0, "… and listened on after it": 0 },
  mptcp: { "… and bound": EINVAL, "… and listened on after it": EACCES },
};
const FROM_OUTSIDE = {
  "datagrams": EOPNOTSUPP,
  "unix": 0,
  "bound outside at loopback": EACCES,
  "bound outside at any": EACCES,
  "bound outside at loopback, mptcp": EACCES,
  "listening outside": EACCES,
  "not bound outside": EACCES,
  "not bound outside, and bound here at any": EACCES,
  "not bound outside, and bound here": 0,
  "not bound outside, and listened on": 0,
  "bound here, and again outside": EACCES,
};

async function passing(path: string): Promise<ChildProcess> {
  const child = spawn("python3", [python("passing"), path], { stdio: ["ignore", "pipe", "inherit"] });
  await new Promise<void>((resolve) => child.stdout.once("data", () => resolve()));
  return child;
}

test("nothing listens but what the guard has bound, where it has bound it", async () => {
  const path = join(where.folder, "outside.sock");
  const outside = await passing(path);
  const found = printed(await run(where, ["python3", python("listening"), "30", path])) as Readonly<Record<string, unknown>>;
  outside.kill();
  const kinds = ["tcp 4", "mptcp 4", "tcp 6", "mptcp 6"].filter((kind) => {
    const has = `never bound, ${kind}` in found;
    if (!has) console.log(`SKIP guard ${kind}: this kernel has no such socket`);
    return has;
  });
  assert.ok(kinds.includes("tcp 4"));
  const due = Object.fromEntries(
    kinds.flatMap((kind) => Object.entries({ ...LISTENING, ...ACCEPTED[kind.split(" ")[0] ?? ""] }).map(([name, result]) => [`${name}, ${kind}`, result])),
  );
  const wrong = Object.entries({ ...due, ...FROM_OUTSIDE })
    .filter(([name, result]) => JSON.stringify(found[name]) !== JSON.stringify(result))
    .map(([name, result]) => `${name}: ${JSON.stringify(found[name])} and not ${JSON.stringify(result)}`);
  assert.equal(wrong, []);
  assert.equal(
    Object.keys(found).filter((name) => !(name in due) && !(name in FROM_OUTSIDE)),
    [],
  );
  const records = readFileSync(where.audit, "utf8")
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
  const denied = records.filter(({ op, decision }) => op === "listen" && decision === "deny").map(({ code }) => code);
  assert.equal([...new Set(denied)].sort(), ["guard_foreign", "guard_moved", "guard_unbound"]);
  // Only the one that was moved outside is noticed by where it is, and before anything listens.
  assert.is(denied.filter((code) => code === "guard_moved").length, 1);
  const moved = records.findIndex(({ code }) => code === "guard_moved");
  assert.match(String(records[moved]?.["local"]), /^0\.0\.0\.0:/);
  assert.equal([records[moved - 1]?.["op"], records[moved - 1]?.["decision"]], ["bind", "allow"]);
});

test("a socket that moves while it is listened on is closed at once", async () => {
  const machine = architecture(process.arch);
  const library = openLibc();
  if (machine === null || library === null) throw new Error("the guard runs here");
  const kernel = openKernel(library, machine);
  const socket = library.func("int socket(int, int, int)");
  const loopback = Buffer.from("020000007f0000010000000000000000", "hex");
  const bound = readInet(loopback);
  assert.ok(bound !== null);
  for (const protocol of [0, 262]) {
    const fd = Number(socket(2, 1, protocol));
    if (fd < 0) {
      console.log("SKIP guard mptcp: this kernel has no such socket");
      continue;
    }
    // Something else than the guard's bind has put it at every address by the time that it listens: here, no bind at all.
    assert.is(listenAt(kernel, fd, 8, bound), null);
    assert.not.ok(kernel.accepts(fd), "it still listens");
    const right = Number(socket(2, 1, protocol));
    assert.is(kernel.bind(right, loopback), 0);
    assert.is(listenAt(kernel, right, 8, bound), 0);
    assert.ok(kernel.accepts(right));
    for (const one of [fd, right]) kernel.shutdown(one);
  }
});

test("an MPTCP socket that was disconnected is where its subflow is, not where it was", async () => {
  const machine = architecture(process.arch);
  const library = openLibc();
  if (machine === null || library === null) throw new Error("the guard runs here");
  const kernel = openKernel(library, machine);
  const [socket, connect] = [library.func("int socket(int, int, int)"), library.func("int connect(int, void *, uint32_t)")];
  const [server, client] = [Number(socket(2, 1, 262)), Number(socket(2, 1, 262))];
  if (server < 0) return console.log("SKIP guard mptcp: this kernel has no such socket");
  assert.equal([kernel.bind(server, Buffer.from("020000007f0000010000000000000000", "hex")), kernel.listen(server, 1)], [0, 0]);
  const home = kernel.localAddress(server);
  assert.ok(home !== null);
  assert.is(connect(client, home, home.length), 0);
  const connected = localOf(kernel, client);
  assert.is(connect(client, Buffer.alloc(16), 16), 0);
  const disconnected = localOf(kernel, client);
  assert.equal(
    [connected, disconnected].map((local) => local !== null && formatAddress(local.address)),
    ["127.0.0.1", "0.0.0.0"],
  );
  for (const one of [server, client]) kernel.shutdown(one);
});

test("two sockets are remembered where two may be, one more is refused, and one that is closed makes room", async () => {
  const words = `import socket, sys
def attempt(call):
  try: call(); return 0
  except OSError as e: return -e.errno
a, b, c, d = [socket.socket() for _ in range(4)]
u = socket.socket(type=socket.SOCK_DGRAM)
bind = lambda s: attempt(lambda: s.bind(("127.0.0.1", 0)))
first = [bind(a), bind(b), bind(c), bind(u)]
full = attempt(lambda: a.listen(1))
b.close()
print([*first, full, bind(d), attempt(lambda: d.listen(1)), attempt(lambda: a.listen(1))])`;
  const child = spawn(process.execPath, ["--import", "tsx", program("few"), "python3", "-c", words], {
    stdio: ["ignore", "pipe", "pipe"],
    cwd: new URL("../..", import.meta.url),
  });
  const { out, err } = await ended(child);
  const [results = "", codes = ""] = out.trim().split("\n");
  assert.equal(JSON.parse(results || "[]"), [0, 0, EACCES, 0, 0, 0, 0, 0], err);
  assert.equal(
    (JSON.parse(codes || "[]") as readonly string[]).filter((word) => !word.endsWith("loopback_bind")),
    ["bind guard_sockets_full"],
  );
});

test("a socket that is never bound has no port of the program's choice", async () => {
  const found = printed(await run(where, ["python3", python("ports")])) as Readonly<Record<string, unknown>>;
  assert.ok("udp 4" in found && "wide registers" in found);
  for (const [name, result] of Object.entries(found)) {
    if (name.endsWith(", sent")) assert.ok(result === false || result === "EADDRNOTAVAIL" || result === "ENETUNREACH", `${name}: ${String(result)}`);
    else assert.is(result, "ENOPROTOOPT", name);
  }
});

const DROPPED = {
  "no capabilities": ["EACCES", "EACCES", "EPERM"],
  "no user": ["EACCES", 0, "EACCES", "EPERM"],
  "one capability": ["EACCES", 0],
  "a low port, then no user": 0,
  "who listens": [NOBODY, NOBODY],
  // A relative path out of the working directory is refused under another root, and so are links in a circle.
  "in a jail": [0, 0, 0, 0, "EACCES", "EACCES", 0, "ENOENT", "EADDRINUSE", "ENOENT", "ENOENT", 0, "EACCES"],
  "at a jail's root": [0, 0],
  "a root that is mounted again": "EROFS",
  "links of /proc": ["EACCES", "EACCES", "EACCES", "EACCES", "EACCES"],
};
/** Where the kernel has Landlock. */
const DOMAINS = {
  "a domain of files": ["EACCES", "EACCES", 0, 0],
  "a domain of ports": ["EACCES", "EACCES", 0],
  "two domains": ["EACCES", "EACCES"],
  "a domain of other rights": [0, 0],
  "the mark": ["EPERM", "EPERM", "list", "EACCES"],
  // A process that has none is not taken for one that has.
  "no domain": [0, 0],
  "no user, then a domain": ["EACCES", "EACCES"],
};
/** A guard that may not set another user's limits, as in most containers. */
const WITHOUT_RESOURCE = ["setpriv", "--inh-caps=-sys_resource", "--bounding-set=-sys_resource", "--"];
const LONG = `jail/${"n".repeat(80)}/${"n".repeat(25)}`;

/** All of the host is mounted again and read-only, in `again`: before the guard's start, since a program with a Landlock domain may mount nothing. */
const mountedAgain = (folder: string, ...user: readonly string[]): readonly string[] => [
  "unshare",
  ...user,
  "--mount",
  "sh",
  "-ec",
  'mount --make-rprivate /; mkdir "$0/again"; mount --rbind / "$0/again"; mount -o remount,ro,bind "$0/again"; exec "$@"',
  folder,
];

async function dropped(folder: string, names: readonly string[], through: readonly string[] = []): Promise<Readonly<Record<string, unknown>>> {
  mkdirSync(folder, { mode: 0o755 });
  return printed(await ended(startWith(where, ["python3", python("dropped"), folder, ...names], { through }))) as Readonly<Record<string, unknown>>;
}

test(
  "a program that dropped rights gets none of them back",
  async () => {
    const folder = join(where.folder, "dropped");
    const { sockets, ...found } = await dropped(folder, Object.keys(DROPPED), mountedAgain(folder));
    assert.equal(found, DROPPED);
    assert.equal(sockets, [
      "jail/above.sock",
      LONG,
      "jail/outside/from_root.sock",
      "jail/plain.sock",
      "jail/run/deep/inside.sock",
      "jail/run/relative.sock",
      "jail/run/up_from_root.sock",
      `jail${folder}/absolute.sock`,
      "nobodys/nobody.sock",
    ]);
    rmSync(folder, { recursive: true });
  },
  true,
);

test(
  "a program with a Landlock domain of its own gets no bind outside it",
  async () => {
    const without = spawn("python3", ["-c", "import ctypes; raise SystemExit(int(ctypes.CDLL(None).syscall(444, None, 0, 1) < 4))"]);
    if ((await new Promise((resolve) => without.once("exit", resolve))) !== 0)
      return console.log("SKIP guard Landlock: this kernel has none that rules over ports");
    const { sockets, ...found } = await dropped(join(where.folder, "domains"), Object.keys(DOMAINS), WITHOUT_RESOURCE);
    assert.equal(found, DOMAINS);
    assert.equal(sockets, ["nobodys/none.sock", "nobodys/other.sock", "nobodys/ports.sock"]);
  },
  true,
);

test("a guard without rights makes the sockets of a root of its user's in the program's own root", async () => {
  const user = place(undefined, root ? NOBODY : null);
  const folder = join(user.folder, "jails");
  mkdirSync(folder, { mode: 0o755 });
  if (root) chownSync(folder, NOBODY, NOBODY);
  const names = ["in a jail", "at a jail's root", "a root that is mounted again"] as const;
  const end = await ended(startWith(user, ["python3", python("dropped"), folder, ...names], { through: mountedAgain(folder, "--user", "--map-root-user") }));
  if (/unshare failed/.test(end.err)) return console.log("SKIP guard user namespaces: this user may make none here");
  const { sockets, ...found } = printed(end) as Readonly<Record<string, unknown>>;
  assert.equal(found, Object.fromEntries(names.map((name) => [name, DROPPED[name]])));
  assert.ok(Array.isArray(sockets) && sockets.every((path) => String(path).startsWith("jail/")), JSON.stringify(sockets));
  remove(user);
});

guard.run();
