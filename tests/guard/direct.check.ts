// Services that bind by themselves, with tokens: a real ingressd, real guarded programs, a real kernel. A port that is
// said to be closed is tried.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, chownSync, closeSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createSocket } from "node:dgram";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface, type Interface } from "node:readline";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { eventually, freePort, moduleOf, running, type Under } from "../gateway/gateway_under_test.ts";
import { chosen } from "./chosen.ts";
import { GUARD, missing, place, program, remove } from "./guarded.ts";

const guard = suite("guard direct");
const where = place();
const lacks = missing(where);
guard.after(() => remove(where));

const test = (name: string, work: () => Promise<void>): void => {
  if (!chosen(name)) return;
  if (lacks === null) guard(name, work);
  else guard(`${name} (skipped)`, () => console.log(`SKIP guard ${name}: ${lacks}`));
};

const [INET, STREAM, DGRAM] = [2, 1, 2];
const [EACCES, EAGAIN] = [-13, -11];
const at = (port: number, address = "00000000"): string => `0200${port.toString(16).padStart(4, "0")}${address}${"00".repeat(8)}`;
const keyText = randomBytes(32).toString("hex");
const keyFile = join(where.folder, "guard.key");
writeFileSync(keyFile, `${keyText}\n`, { mode: 0o600 });

/** Not the services' own, since who can put another socket there could answer in ingressd's place. */
const socketFolder = mkdtempSync(join(tmpdir(), "ingressd-socket-"));
chmodSync(socketFolder, 0o755);
guard.after(() => rmSync(socketFolder, { recursive: true }));

const policyOf = (port: number): string => `edition 1
@why "it reads the addresses of its clients itself"
expose web on tcp ${port} as direct { }
@why "it reads the addresses of its clients itself"
expose web-udp service web on udp ${port} as direct { }
`;

interface Setting {
  readonly port: number;
  readonly gateway: Under;
  readonly guarded: Guarded;
  stop(): Promise<void>;
}

interface Guarded {
  readonly child: ChildProcess;
  /** Of the guard and the program. */
  readonly err: () => string;
  request(...words: readonly unknown[]): Promise<unknown>;
  readonly ended: Promise<number | null>;
}

function under(
  policy: string,
  socket: string,
  more: readonly string[] = [],
  words: readonly string[] = [process.execPath, program("commanded")],
  wrap: readonly string[] = [],
): Guarded {
  const key = openSync(keyFile, "r");
  const argv = [
    ...wrap,
    process.execPath,
    GUARD,
    "--policy",
    policy,
    "--service",
    "web",
    "--audit",
    where.audit,
    "--ingressd",
    socket,
    "--key",
    "/dev/fd/3",
    ...more,
    "--",
    ...words,
  ];
  const child = spawn(argv[0] ?? "", argv.slice(1), { stdio: ["pipe", "pipe", "pipe", key] });
  closeSync(key);
  let err = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  child.stdin?.on("error", () => undefined);
  return { child, err: () => err, request: requestsTo(child), ended: new Promise((resolve) => child.once("close", resolve)) };
}

function requestsTo(child: ChildProcess): Guarded["request"] {
  const { stdout } = child;
  if (stdout === null) throw new Error("no output");
  const lines: Interface = createInterface({ input: stdout });
  let fail = (): void => undefined;
  child.once("close", () => fail());
  return (...words) =>
    new Promise((resolve, reject) => {
      fail = () => reject(new Error("the program has ended"));
      lines.once("line", (line) => resolve(JSON.parse(line)));
      child.stdin?.write(`${JSON.stringify(words)}\n`);
    });
}

async function setting(more: readonly string[] = []): Promise<Setting> {
  const port = await freePort();
  const gateway = await running({
    policy: policyOf(port),
    config: `[guard]\nkey_file = "${keyFile}"\n[services.web]\nuid = ${process.getuid?.() ?? 0}`,
    wall: Date.now,
  });
  chmodSync(gateway.policyPath, 0o600);
  const guarded = under(gateway.policyPath, gateway.daemon.controlPath, more);
  return {
    port,
    gateway,
    guarded,
    async stop() {
      guarded.child.stdin?.end();
      guarded.child.kill();
      await guarded.ended;
      await gateway.stop();
    },
  };
}

const reached = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });

/** A socket of the program that listens at the port that the policy exposes. */
async function listens({ guarded, port }: Setting): Promise<number> {
  const fd = Number(await guarded.request("socket", INET, STREAM));
  assert.is(await guarded.request("bind", fd, at(port)), 0, guarded.err());
  assert.is(await guarded.request("listen", fd), 0, guarded.err());
  assert.ok(await reached(port));
  return fd;
}

async function closed({ guarded, port }: Setting, fd: number, because: RegExp): Promise<void> {
  await eventually(() => because.test(guarded.err()), `${String(because)} in ${guarded.err()}`);
  assert.not.ok(await reached(port), "the port is still open");
  assert.is(await guarded.request("listen", fd), EACCES, "and it can be listened on again");
  assert.not.ok(await reached(port));
}

test("a service binds what is its own, and nothing else", async () => {
  const s = await setting();
  const fd = await listens(s);
  const other = Number(await s.guarded.request("socket", INET, STREAM));
  assert.is(await s.guarded.request("bind", other, at(s.port + 1)), EACCES);
  assert.is(await s.guarded.request("close", fd), 0);
  // The guard keeps no port open that its program has closed, and gives a new token for a new socket.
  assert.not.ok(await reached(s.port));
  const again = await listens(s);
  assert.ok(again > 0);
  const records = s.gateway.records().filter(({ op }) => op === "token");
  assert.ok(records.length >= 2 && records.every(({ decision, code }) => decision === "allow" && code === "direct_bind"), JSON.stringify(records));
  assert.match(readFileSync(where.audit, "utf8"), /"op":"bind","decision":"allow","service":"web","local":"0\.0\.0\.0:\d+","proto":"tcp","code":"direct_bind"/);
  await s.stop();
});

test("without the key, or without a gateway, there is no token", async () => {
  const s = await setting();
  const intent = { service: "web", proto: "tcp", port: s.port, mode: "direct", bind: "0.0.0.0", ttl_ms: 60_000 };
  const client = await s.gateway.control();
  // The guarded program itself could send this, since it runs as the service's user.
  for (const proof of [undefined, "0".repeat(64)]) {
    const answer = await client.call("register", { ...intent, ...(proof !== undefined && { proof }) });
    assert.match(JSON.stringify(answer), /"code":"not_gateway"/);
  }
  client.close();
  const nobody = under(s.gateway.policyPath, join(where.folder, "nobody.sock"));
  const fd = Number(await nobody.request("socket", INET, STREAM));
  assert.is(await nobody.request("bind", fd, at(s.port)), EACCES);
  assert.match(nobody.err(), /no ingressd answers/);
  nobody.child.kill();
  await nobody.ended;
  await s.stop();
});

test("unregistering closes the port", async () => {
  const s = await setting();
  const fd = await listens(s);
  const client = await s.gateway.control();
  const list = (await client.call("list")) as { readonly result: readonly { readonly lease: string }[] };
  assert.is(list.result.length, 1);
  await client.call("unregister", { lease: list.result[0]?.lease });
  await closed(s, fd, /is closed: it was unregistered/);
  client.close();
  await s.stop();
});

test("the end of a lease closes the port", async () => {
  const s = await setting();
  const fd = await listens(s);
  s.gateway.clock.advance(60_250);
  await closed(s, fd, /is closed: its time is over/);
  await s.stop();
});

test("a policy that no longer grants it closes the port, by the guard alone and by ingressd alone", async () => {
  for (const who of ["guard", "ingressd"] as const) {
    const s = await setting();
    const fd = await listens(s);
    const other = moduleOf(`edition 1\nexpose web on tcp ${s.port + 1} { allow from any }`);
    if (who === "guard") {
      // A guard whose gateway does not see the file.
      writeFileSync(`${s.gateway.policyPath}.new`, other, { mode: 0o600 });
      renameSync(`${s.gateway.policyPath}.new`, s.gateway.policyPath);
      s.guarded.child.kill("SIGHUP");
    } else {
      s.gateway.place(other);
      await s.gateway.daemon.reload();
    }
    await closed(s, fd, /is closed: the policy no longer grants it/);
    await s.stop();
  }
});

test("a token that is not renewed closes the port, and one that is renewed does not", async () => {
  const s = await setting(["--token-ms", "1500"]);
  const fd = await listens(s);
  const from = Date.now();
  await eventually(() => Date.now() - from > 3_500, "time");
  assert.ok(await reached(s.port), s.guarded.err());
  await s.gateway.stop();
  // A gateway that goes away takes nothing with it at once.
  assert.ok(await reached(s.port));
  await closed({ ...s, port: s.port }, fd, /is closed: its token's time is over/);
  s.guarded.child.kill();
  await s.guarded.ended;
});

test("a stream that is established continues after its port is closed", async () => {
  const s = await setting();
  assert.is(await s.guarded.request("serve", s.port), "listening", s.guarded.err());
  const stream = connect({ port: s.port, host: "127.0.0.1" });
  const says = (text: string): Promise<string> =>
    new Promise((resolve) => {
      stream.once("data", (chunk) => resolve(chunk.toString()));
      stream.write(text);
    });
  assert.is(await says("before"), "before");
  s.gateway.clock.advance(60_250);
  await eventually(() => /is closed/.test(s.guarded.err()), "the end");
  assert.not.ok(await reached(s.port));
  assert.is(await says("after"), "after");
  stream.destroy();
  await s.stop();
});

test("a UDP socket can't be closed from outside: the service is ended", async () => {
  const s = await setting();
  const fd = Number(await s.guarded.request("socket", INET, DGRAM));
  assert.is(await s.guarded.request("bind", fd, at(s.port)), 0, s.guarded.err());
  const sender = createSocket("udp4");
  const send = (): Promise<void> => new Promise((resolve) => sender.send("x", s.port, "127.0.0.1", () => resolve()));
  assert.is(await s.guarded.request("receive", fd), EAGAIN);
  await send();
  assert.is(await s.guarded.request("receive", fd), 1);
  s.gateway.clock.advance(60_250);
  assert.is(await s.guarded.ended, 128 + 9);
  assert.match(s.guarded.err(), /web is ended: udp 0\.0\.0\.0:\d+ can't be closed otherwise/);
  sender.close();
  await s.gateway.stop();
});

/** A process that no guard watches, and what passes a socket of its to the guarded program. */
function outsideOf(s: Setting): {
  readonly outside: ChildProcess;
  readonly request: Guarded["request"];
  pass(path: string, address: string | null): Promise<number>;
} {
  const outside = spawn(process.execPath, [program("commanded")], { stdio: ["pipe", "pipe", "inherit"] });
  const request = requestsTo(outside);
  return {
    outside,
    request,
    async pass(path, address) {
      const made = Number(await request("socket", INET, STREAM));
      if (address !== null) assert.is(await request("bind", made, address), 0);
      const taken = s.guarded.request("take", path);
      assert.is(await request("pass", path, made), 0);
      const mine = Number(await taken);
      assert.is(await request("close", made), 0);
      return mine;
    },
  };
}

test("a socket that was bound outside and passed in is not listened on, with or without a token", async () => {
  const s = await setting();
  const { outside, pass } = outsideOf(s);
  const own = await pass(join(where.folder, "own.sock"), at(s.port));
  assert.is(await s.guarded.request("listen", own), EACCES, s.guarded.err());
  assert.not.ok(await reached(s.port));
  // No token was requested.
  assert.is(s.gateway.records().filter(({ op }) => op === "token").length, 0);
  await eventually(() => /may not listen on 0\.0\.0\.0:\d+\/tcp: guard_foreign/.test(s.guarded.err()), "the denial's line");
  outside.kill();
  await s.stop();
});

test("a socket that another process passes is decided as any other", async () => {
  const s = await setting();
  const { outside, request, pass } = outsideOf(s);
  const foreign = await freePort();
  // Bound by a process that no guard watches, at a port that nobody exposes.
  const bound = await pass(join(where.folder, "a.sock"), at(foreign));
  assert.is(await s.guarded.request("listen", bound), EACCES);
  assert.not.ok(await reached(foreign));
  // Not bound at all.
  const unbound = await pass(join(where.folder, "b.sock"), null);
  assert.is(await s.guarded.request("listen", unbound), EACCES);
  assert.is(await s.guarded.request("bind", unbound, at(foreign)), EACCES);
  assert.is(await s.guarded.request("bind", unbound, at(s.port)), 0);
  assert.is(await s.guarded.request("listen", unbound), 0);
  assert.ok(await reached(s.port));
  const inside = await pass(join(where.folder, "c.sock"), at(0, "7f000001"));
  assert.is(await s.guarded.request("listen", inside), EACCES);
  // A socket that the program passes on, without a descriptor of its own, is closed all the same.
  const kept = request("take", join(where.folder, "d.sock"));
  assert.is(await s.guarded.request("pass", join(where.folder, "d.sock"), unbound), 0);
  assert.ok(Number(await kept) > 0);
  await s.guarded.request("close", unbound);
  assert.ok(await reached(s.port));
  s.gateway.clock.advance(60_250);
  await eventually(() => /is closed/.test(s.guarded.err()), "the end");
  assert.not.ok(await reached(s.port));
  outside.kill();
  await s.stop();
});

test("a service dials over udp where the policy says so, and has nothing else by it", async () => {
  const policies = {
    without: "edition 1\n",
    with: 'edition 1\n@why "reads the addresses of others"\ndial web on udp\n',
    other: 'edition 1\n@why "reads the addresses of others"\ndial mail on udp\n',
  };
  for (const [name, text] of Object.entries(policies)) {
    const file = join(where.folder, `${name}.wasm`);
    writeFileSync(file, moduleOf(text), { mode: 0o600 });
    const guarded = under(file, "/nowhere");
    const may = name === "with";
    // A datagram that no bind precedes needs no rule, as docs/guard.md says.
    assert.equal(await guarded.request("dial"), may ? { sent: "sent", local: "0.0.0.0", unbound: 1 } : { sent: "EACCES", local: "", unbound: 1 }, name);
    const bound = async (type: number, address: string): Promise<unknown> => guarded.request("bind", await guarded.request("socket", INET, type), address);
    assert.is(await bound(DGRAM, at(0)), may ? 0 : EACCES);
    assert.is(await bound(DGRAM, at(await freePort())), EACCES);
    assert.is(await bound(DGRAM, at(0, "0a000001")), EACCES);
    assert.is(await bound(STREAM, at(0)), EACCES);
    guarded.child.kill();
    await guarded.ended;
  }
});

if (process.getuid?.() === 0) {
  test("neither key nor token is within reach of the program", async () => {
    const nobody = 65_534;
    const socket = join(socketFolder, "web.sock");
    const port = await freePort();
    const gateway = await running({
      policy: policyOf(port),
      config: `[guard]\nkey_file = "${keyFile}"\n[services.web]\nuid = ${nobody}\nsocket = "${socket}"\nmode = "0666"`,
      wall: Date.now,
    });
    const policy = join(where.folder, "own.wasm");
    writeFileSync(policy, moduleOf(policyOf(port)), { mode: 0o600 });
    chownSync(policy, nobody, nobody);
    const audit = where.audit;
    writeFileSync(audit, "", { flag: "a", mode: 0o600 });
    chownSync(audit, nobody, nobody);
    chownSync(where.folder, nobody, nobody);
    const as = ["setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
    const guarded = under(policy, socket, [], [process.execPath, program("commanded")], as);
    const fd = Number(await guarded.request("socket", INET, STREAM));
    assert.is(await guarded.request("bind", fd, at(port)), 0, guarded.err());
    const { readable, found } = (await guarded.request("look", keyText)) as { readonly readable: readonly string[]; readonly found: readonly string[] };
    assert.ok(readable.length > 10, "it can look about");
    assert.equal(found, []);
    guarded.child.kill();
    await guarded.ended;
    // A key that it could read is none.
    chownSync(keyFile, nobody, nobody);
    const refused = under(policy, "/nowhere", [], ["true"], as);
    assert.is(await refused.ended, 3);
    assert.match(refused.err(), /belongs to the user that the program runs as/);
    chownSync(keyFile, 0, 0);
    await gateway.stop();
  });
} else guard("reach (skipped)", () => console.log("SKIP guard key out of reach: not root here"));

guard.run();
