// The owner of a static backend: the gateway looks it up in the kernel at each connect, where the service has a uid.
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { chownSync, readFileSync, rmSync } from "node:fs";
import { connect, createServer, Socket } from "node:net";
import { join } from "node:path";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { AGAIN } from "../../gateway/forward/backends.ts";
import { tcpBackend, unixBackend, type BackendAddress } from "../../gateway/forward/backend.ts";
import { belongsTo, couldAccept, fileBelongsTo, ROOT, tcpOwner, type OwnershipSetup } from "../../gateway/intents/ownership.ts";
import { openSockDiag, type FarEnd, type Listener } from "../../gateway/intents/sock_diag.ts";
import { ANY4, ANY6, type Address } from "../../runtime/net/address.ts";
import { skip } from "../skip.ts";
import { backendProcess } from "./backend_process.ts";
import { eventually, freePort, listening, moduleOf, probe, running, temporaryFolder, visit } from "./gateway_under_test.ts";

const test = suite("backend owner");
const self = process.getuid?.() ?? 0;
const OWNER = 46_001;
const STRANGER = 46_009;
const LO: Address = [0, 0, 0xffff, 0x7f000001];
const LO6: Address = [0, 0, 0, 1];
const diag = openSockDiag();

/** A socket that has a near end and no more. */
function nearEnd(): Socket {
  return Object.defineProperties(new Socket(), { localAddress: { value: "127.0.0.1" }, localPort: { value: 40_000 } });
}

const row = (address: Address, uid: number, cookie = "", ipv6Only = false): Listener => ({ address, port: 80, uid, cookie, ipv6Only });

test("which listening sockets could have taken a connection", () => {
  const rows: readonly (readonly [string, Listener, Address, boolean])[] = [
    ["the address", row(LO, 1), LO, true],
    ["another address", row([0, 0, 0xffff, 0x7f000002], 1), LO, false],
    ["0.0.0.0", row(ANY4, 1), LO, true],
    ["0.0.0.0 and IPv6", row(ANY4, 1), LO6, false],
    ["[::]", row(ANY6, 1), LO, true],
    ["[::] of IPv6 alone", row(ANY6, 1, "", true), LO, false],
    ["[::] of IPv6 alone and IPv6", row(ANY6, 1, "", true), LO6, true],
  ];
  for (const [name, listener, target, expected] of rows) assert.is(couldAccept(listener, target), expected, name);
});

test("every socket of a group must be an owner's; no answer and no socket are refusals", () => {
  const owners = [OWNER, ROOT];
  assert.is(tcpOwner([row(LO, OWNER)], owners), null);
  assert.is(tcpOwner([row(LO, OWNER), row(LO, ROOT)], owners), null);
  assert.match(tcpOwner([row(LO, OWNER), row(LO, STRANGER)], owners) ?? "", /belongs to uid 46009, not 46001 or 0/);
  assert.match(tcpOwner([], owners) ?? "", /nothing that can be seen listens there/);
  assert.match(tcpOwner(null, owners) ?? "", /the kernel does not say/);
});

test("the owner of a connection is known at once, or looked up again when the sockets are known", () => {
  const address = tcpBackend("127.0.0.1", 80);
  if (typeof address === "string") throw new Error(address);
  const verdicts = (far: FarEnd | null, rows: readonly Listener[][]): unknown[] => {
    let call = 0;
    const setup: OwnershipSetup = {
      credentials: null,
      listening: () => [],
      sockets: { listeners: () => rows[call++] ?? null, farEnd: () => far, isBound: () => null, udpSockets: () => null },
    };
    const verify = belongsTo([OWNER, ROOT], setup);
    return rows.map(() => verify(nearEnd(), address));
  };
  const [one, two] = [[row(LO, OWNER, "a")], [row(LO, OWNER, "b")]];
  assert.equal(verdicts({ state: "queued" }, [one, two]), [null, null]);
  assert.equal(verdicts({ state: "accepted", uid: OWNER }, [one, two]), [null, null]);
  assert.equal(verdicts({ state: "accepted", uid: ROOT }, [one]), [null]);
  // A worker of another user is the service's, once its listening socket is known; a new socket is looked up again.
  for (const far of [{ state: "accepted", uid: STRANGER }, { state: "gone" }, null] as const) {
    assert.equal(verdicts(far, [one, one, two, two]), [AGAIN, null, AGAIN, null], JSON.stringify(far));
  }
});

if (diag === null) skip("the kernel's sockets", "koffi is not installed, or there is no NETLINK_SOCK_DIAG");
else {
  test("the kernel says who listens and who has accepted", async () => {
    for (const [host, to] of [
      ["127.0.0.1", LO],
      ["0.0.0.0", LO],
      ["::", LO],
      ["::1", LO6],
    ] as const) {
      const server = createServer();
      const accepted = once(server, "connection");
      let port = 0;
      try {
        port = await listening(server, host);
      } catch {
        skip(`a listener at ${host}`, "this host has no IPv6");
        continue;
      }
      const rows = (diag.listeners(port, to) ?? []).filter((found) => couldAccept(found, to));
      assert.equal(
        rows.map(({ port: at, uid }) => [at, uid]),
        [[port, self]],
        host,
      );
      const client = connect({ host: to === LO ? "127.0.0.1" : "::1", port });
      await once(client, "connect");
      await accepted;
      const near = { address: to, port: client.localPort ?? 0 };
      assert.equal(diag.farEnd({ address: to, port }, near), { state: "accepted", uid: self }, host);
      assert.equal(diag.farEnd({ address: to, port }, { address: to, port: 1 }), { state: "gone" }, "no such connection is the listener's");
      client.destroy();
      server.close();
      await once(server, "close");
      assert.equal(diag.listeners(port, to), []);
    }
  });

  test("what listens at another address, or for IPv6 alone, is not what a connection would get", async () => {
    for (const [host, to, ipv6Only] of [
      ["127.0.0.2", LO, false],
      ["::", LO, true],
      ["0.0.0.0", LO6, false],
      ["::1", LO, false],
    ] as const) {
      const server = createServer();
      try {
        await new Promise<void>((resolve, reject) => {
          server.once("error", reject).listen({ host, port: 0, ipv6Only }, resolve);
        });
      } catch {
        skip(`no listener at ${host}`, "this host has no IPv6");
        continue;
      }
      const bound = server.address();
      assert.equal(
        (diag.listeners(typeof bound === "object" ? (bound?.port ?? 0) : 0, to) ?? []).filter((found) => couldAccept(found, to)),
        [],
        host,
      );
      server.close();
      await once(server, "close");
    }
  });

  test("the wildcards of IPv4 and of IPv6 alone are distinct, and an address other than loopback is looked up among all", async () => {
    const [four, six] = [createServer(), createServer()];
    const port = await listening(four, "0.0.0.0");
    try {
      await new Promise<void>((resolve, reject) => {
        six.once("error", reject).listen({ host: "::", port, ipv6Only: true }, resolve);
      });
    } catch {
      skip("two wildcards", "this host has no IPv6");
    }
    const addresses = (to: Address): unknown => (diag.listeners(port, to) ?? []).filter((found) => couldAccept(found, to)).map(({ address }) => address);
    assert.equal(addresses(LO), [ANY4]);
    assert.equal(addresses([0, 0, 0xffff, 0xc0000201]), [ANY4]);
    if (six.listening) assert.equal([addresses(LO6), addresses([0x20010db8, 0, 0, 1])], [[ANY6], [ANY6]]);
    four.close();
    six.close();
  });
}

/** Why another user's backend can't be tried. */
const lacking =
  self !== 0 ? "not root"
  : diag === null ? "koffi is not installed"
  : (await canStart()) ? null
  : "another user can't start this Node";

async function canStart(): Promise<boolean> {
  const child = await backendProcess(await freePort(), "", { uid: STRANGER });
  await child?.stop();
  return child !== null;
}

if (lacking !== null) skip("a static backend of another user", lacking);
else {
  test("a static backend of another user gets no client", async () => {
    const [port, back] = [await freePort(), await freePort()];
    const policy = `edition 1\nexpose web on tcp ${port} { backend 127.0.0.1:${back} allow from any }`;
    const served = async (uid: number): Promise<string> => {
      const child = await backendProcess(back, `uid ${uid}`, { uid });
      assert.ok(child);
      const { first, socket, closed } = visit(port);
      const answer = await first;
      socket.destroy();
      await closed;
      await child?.stop();
      return answer;
    };
    const gateway = await running({ policy, config: `[services.web]\nuid = ${OWNER}` });
    assert.equal([await served(STRANGER), await served(OWNER), await served(STRANGER), await served(ROOT)], ["", `uid ${OWNER}`, "", `uid ${ROOT}`]);
    assert.is(gateway.daemon.counters.ends.get("backend_not_owned"), 2);
    const refused = gateway.records().filter(({ op }) => op === "backend");
    assert.equal(
      refused.map(({ code, service }) => [code, service]),
      Array.from({ length: 2 }, () => ["backend_not_owned", "web"]),
    );
    assert.match(refused[0]?.detail ?? "", /belongs to uid 46009, not 46001 or 0/);
    // A reload keeps the check.
    gateway.place(moduleOf(`${policy} `));
    await gateway.daemon.reload();
    assert.is(await served(STRANGER), "");
    await gateway.stop();
    for (const config of ["", `allowed_backends = ["127.0.0.1:${back}"]\n[services.web]\nuid = ${OWNER}`]) {
      const open = await running({ policy, config });
      assert.is(await served(STRANGER), `uid ${STRANGER}`, config);
      await open.stop();
    }
  });

  test("a static unix backend: its listener's user, or the owner of its file without koffi", async () => {
    const folder = temporaryFolder();
    const path = join(folder, "app.sock");
    const port = await freePort();
    const policy = `edition 1\nexpose web on tcp ${port} { backend unix "${path}" allow from any }`;
    const app = await backendProcess(path, "hello");
    for (const [uid, expected] of [
      [OWNER, "allow"],
      [STRANGER, "allow"],
    ] as const) {
      // Root's listener is everybody's own.
      const gateway = await running({ policy, config: `[services.web]\nuid = ${uid}` });
      assert.is(await probe(port), expected);
      await gateway.stop();
    }
    const address = unixBackend(path);
    if (typeof address === "string") throw new Error(address);
    const socket = connect(path);
    await once(socket, "connect");
    const byUid = (uid: number): string =>
      String(belongsTo([OWNER, ROOT], { credentials: () => ({ pid: 1, uid, gid: uid }), sockets: null, listening: () => [] })(socket, address));
    assert.equal([byUid(OWNER), byUid(ROOT)], ["null", "null"]);
    assert.match(byUid(STRANGER), /runs as uid 46009/);
    const byFile = (at: BackendAddress): string => String(fileBelongsTo([OWNER])(socket, at));
    chownSync(path, OWNER, OWNER);
    assert.is(byFile(address), "null");
    chownSync(path, STRANGER, STRANGER);
    assert.match(byFile(address), /belongs to uid 46009, not 46001/);
    socket.destroy();
    await app?.stop();
    rmSync(path, { force: true });
    assert.match(byFile(address), /uid unknown/);
  });
}

/** Stops a process, and returns when the kernel has stopped it: until then it may accept. */
async function stopped(child: ChildProcess): Promise<void> {
  child.kill("SIGSTOP");
  await eventually(
    () =>
      readFileSync(`/proc/${child.pid ?? 0}/stat`, "latin1")
        .split(") ")[1]
        ?.startsWith("T") === true,
    "a stopped process",
  );
}

/** Fills the queue of a stopped process, until it refuses. */
async function filled(path: string): Promise<Socket[]> {
  const sockets: Socket[] = [];
  for (let isFull = false; !isFull;) {
    const socket = connect(path);
    sockets.push(socket);
    isFull = await new Promise<boolean>((resolve) => {
      socket.on("connect", () => resolve(false)).on("error", () => resolve(true));
    });
  }
  return sockets;
}

/** Connects, and waits for an answer or a refusal. */
function visited(path: string): Promise<void> {
  const socket = connect(path);
  return new Promise((resolve) => {
    socket
      .on("data", () => socket.destroy())
      .on("error", () => undefined)
      .on("close", () => resolve());
  });
}

test("a unix backend whose queue is full is tried again until the connect timeout", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "app.sock");
  const port = await freePort();
  const script = `require("net").createServer((s) => s.end("hello")).listen({ path: ${JSON.stringify(path)}, backlog: 1 }, () => process.stdout.write("up"))`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  atEnd(() => {
    child.kill("SIGKILL");
  });
  await once(child.stdout, "data");
  await stopped(child);
  const full = await filled(path);
  const gateway = await running({ policy: `edition 1\nexpose web on tcp ${port} { backend unix "${path}" allow from any }` });
  const [late, served] = [visit(port), visit(port)];
  await eventually(() => gateway.daemon.forwarder.live === 2, "both are under way");
  gateway.clock.advance(1_000);
  assert.is(gateway.daemon.counters.ends.get("backend_refused"), undefined);
  late.socket.destroy();
  child.kill("SIGCONT");
  // The queue has room when its clients are answered.
  await Promise.all(full.slice(0, -1).map((socket) => new Promise<void>((resolve) => socket.on("data", () => resolve()))));
  let answered = false;
  void served.first.then((text) => (answered = text === "hello"));
  // Between two steps of the clock the backend answers somebody, so that it has run; all steps together are less than the timeout.
  for (let step = 0; step < 10 && !answered; step++) {
    gateway.clock.advance(300);
    await visited(path);
  }
  await eventually(() => answered, "the backend's answer");
  await stopped(child);
  const again = await filled(path);
  const gone = visit(port);
  await eventually(() => gateway.daemon.forwarder.live > 0, "one under way");
  for (let i = 0; i < 30; i++) {
    gateway.clock.advance(200);
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  assert.is(await gone.first, "");
  assert.ok((gateway.daemon.counters.ends.get("backend_timeout") ?? 0) >= 1);
  for (const socket of [...full, ...again]) socket.destroy();
  served.socket.destroy();
  child.kill("SIGKILL");
  await once(child, "close");
  await gateway.stop();
});

test.run();
