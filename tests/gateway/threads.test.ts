// The gateway with `threads = 3`: one thread decides and two serve. Caps and limits are exact, whichever thread serves a
// connection.
import { once } from "node:events";
import { closeSync, fstatSync, openSync } from "node:fs";
import { connect } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { openCalls, SOCK_STREAM, type KernelCalls } from "../../gateway/kernel/calls.ts";
import * as m from "../../gateway/threads/messages.ts";
import { RING_BYTES, type Message } from "../../gateway/threads/ring.ts";
import { Threads, type Thread } from "../../gateway/threads/threads.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { atLength } from "../at_length.ts";
import { chooseThreads } from "../../gateway/threads/choice.ts";
import { failed } from "../../runtime/result/result.ts";
import { TICKET_KEYS_MS } from "../../gateway/tls/kept_contexts.ts";
import { dns, leaf, authority, type Authority, type Issued } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { helloWith, record, serverName } from "./hello_bytes.ts";
import { backend, eventually, freePort, moduleOf, running, start, temporaryFolder, visit, type Under } from "./gateway_under_test.ts";

const test = suite("threads");

const WWW = "www.example.com";
const HELLO = record(helloWith(serverName(WWW)));
const MODES = ["tcp", "passthrough", "tls", "mtls"] as const;
type Mode = (typeof MODES)[number];

interface World {
  readonly gateway: Under;
  readonly behind: Awaited<ReturnType<typeof backend>>;
  readonly folder: string;
  readonly ports: Readonly<Record<Mode, number>>;
  readonly site: Authority;
  readonly own: Issued;
  policy(rules: string): string;
}

/** An expose for each mode, all with the same `rules`; the backend of passthrough is a server of TLS in no way. */
async function world(rules: string, { threads = 3, greeting = "hello", more = "" } = {}): Promise<World> {
  const folder = temporaryFolder();
  const [site, clients] = [authority("site root"), authority("client root")];
  put(folder, "web", leaf(site, { names: [dns(WWW)] }));
  putAuthority(folder, "corp", clients);
  const behind = await backend(greeting);
  const ports = { tcp: await freePort(), passthrough: await freePort(), tls: await freePort(), mtls: await freePort() };
  const policy = (text: string): string =>
    `edition 1\n${MODES.map((mode) => {
      const shows = mode === "tls" || mode === "mtls" ? ` cert "web"${mode === "mtls" ? ' ca "corp"' : ""}` : "";
      return `expose ${mode === "tcp" ? "plain" : mode}_port on tcp ${ports[mode]}${mode === "tcp" ? "" : ` as ${mode}`} { backend 127.0.0.1:${behind.port}${shows} ${text}${
        mode === "passthrough" ? ` sni "${WWW}"`
        : mode === "mtls" ? ` client dns "${WWW}"`
        : ""
      } }`;
    }).join("\n")}`;
  const gateway = await running({
    forwarder: "kernel",
    engine: "openssl",
    threads,
    folder,
    policy: policy(rules),
    config: `[certs.web]\ncert = "${folder}/web.pem"\nkey = "${folder}/web.key"\n[cas.corp]\nfile = "${folder}/corp.pem"\n${more}`,
  });
  return { gateway, behind, folder, ports, site, own: leaf(clients, { names: [dns(WWW)] }), policy };
}

interface Client {
  readonly socket: ReturnType<typeof connect> | TLSSocket;
  /** The backend's greeting, or nothing. */
  readonly first: Promise<string>;
  readonly closed: Promise<unknown>;
}

function client({ ports, site, own }: World, mode: Mode, from = "127.0.0.1"): Client {
  if (mode === "tcp") return visit(ports.tcp, { from });
  if (mode === "passthrough") {
    // The backend speaks no TLS: a hello goes there as it is, and the greeting comes back in clear.
    const one = visit(ports.passthrough, { from });
    one.socket.write(HELLO);
    return one;
  }
  const socket = connectTls({
    socket: connect({ host: "127.0.0.1", port: ports[mode], localAddress: from }),
    ca: site.pem,
    servername: WWW,
    checkServerIdentity: () => undefined,
    ...(mode === "mtls" && { cert: own.pem, key: own.key }),
  });
  socket.on("error", () => undefined);
  const first = new Promise<string>((resolve) => {
    socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
    socket.once("close", () => resolve(""));
  });
  return { socket, first, closed: new Promise((resolve) => socket.once("close", resolve)) };
}

function said(socket: Client["socket"]): Promise<string> {
  return new Promise((resolve) => socket.once("data", (chunk: Buffer) => resolve(chunk.toString())));
}

async function connections({ gateway }: Pick<World, "gateway">): Promise<readonly number[]> {
  const found = JSON.stringify(await gateway.daemon.status()).match(/"threads":\{"count":(\d+),"because":null,"connections":\[([\d,]*)\]/);
  assert.is(found?.[1], "3");
  return (found?.[2] ?? "").split(",").map(Number);
}

for (const mode of MODES) {
  test(`${mode}: connections are divided among the threads, and bytes go both ways`, async () => {
    const w = await world("allow from any");
    const clients = [];
    for (let i = 0; i < 6; i++) {
      const one = client(w, mode);
      assert.match(await one.first, /^hello/);
      clients.push(one);
      // The next goes to the thread with the fewest.
      assert.equal(await connections(w), [Math.ceil((i + 1) / 2), Math.floor((i + 1) / 2)]);
    }
    for (const [i, { socket }] of clients.entries()) {
      socket.write(`again ${i}`);
      const chunk = await said(socket);
      assert.match(chunk, new RegExp(`again ${i}$`));
    }
    for (const { socket } of clients) socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 0, "all have ended");
    assert.equal(await connections(w), [0, 0]);
    await w.gateway.stop();
  });

  test(`${mode}: a cap admits as many as it says and not one more, over both threads`, async () => {
    const w = await world("cap 7 connections, 3 per source allow from any");
    const all = Array.from({ length: 40 }, (_, i) => client(w, mode, `127.0.${2 + (i % 8)}.1`));
    const answers = await Promise.all(all.map(({ first }) => first));
    const served = all.filter((_, i) => answers[i] !== "");
    assert.is(served.length, 7);
    assert.is(w.behind.accepted, 7);
    const [one, two] = await connections(w);
    assert.is((one ?? 0) + (two ?? 0), 7);
    served[0]?.socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 6, "one has ended");
    const [next, beyond] = [client(w, mode, "127.0.20.1"), null];
    assert.match(await next.first, /^hello/);
    assert.is(beyond ?? (await client(w, mode, "127.0.21.1").first), "");
    for (const { socket } of [...all, next]) socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 0, "all have ended");
    // Each end gave its place back once, in whichever thread it was.
    const again = Array.from({ length: 20 }, (_, i) => client(w, mode, `127.0.${40 + (i % 8)}.1`));
    assert.is((await Promise.all(again.map(({ first }) => first))).filter((answer) => answer !== "").length, 7);
    for (const { socket } of again) socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 0, "all of these have ended");
    // Per source.
    const of = Array.from({ length: 9 }, () => client(w, mode, "127.0.30.1"));
    assert.is((await Promise.all(of.map(({ first }) => first))).filter((answer) => answer !== "").length, 3);
    for (const { socket } of of) socket.destroy();
    await w.gateway.stop();
  });

  test(`${mode}: a limit admits its burst and not one more, over both threads`, async () => {
    const w = await world("limit 1/h burst 9 per source allow from any");
    const all = Array.from({ length: 30 }, () => client(w, mode));
    const answers = await Promise.all(all.map(({ first }) => first));
    assert.is(answers.filter((answer) => answer !== "").length, 9);
    assert.is(w.gateway.daemon.counters.byReason.get("rate"), 21);
    for (const { socket } of all) socket.destroy();
    await w.gateway.stop();
  });
}

const ALL = atLength(4_000, 800);
const AT_ONCE = 50;

test("thousands of mixed connections: exact counts, one record a decision, and nothing left", async () => {
  const w = await world("cap 100000 connections allow from 127.0.1.0/24");
  const { counters, forwarder } = w.gateway.daemon;
  const expected = { served: 0, refused: 0, gone: 0 };
  async function one(n: number): Promise<void> {
    const mode = MODES[n % 4] ?? "tcp";
    const kind = Math.floor(n / 4) % 4;
    if (kind === 2) {
      const refused = client(w, mode, "127.0.2.1");
      assert.is(await refused.first, "");
      refused.socket.destroy();
      expected.refused++;
      return;
    }
    if (kind === 3 && mode !== "tcp") {
      // Half of a hello, and gone.
      const half = visit(w.ports[mode], { from: "127.0.1.9" });
      half.socket.write(HELLO.subarray(0, 40));
      half.socket.end();
      await half.closed;
      expected.gone++;
      return;
    }
    const { socket, first } = client(w, mode, `127.0.1.${1 + (n % 200)}`);
    assert.match(await first, /^hello/, `${mode} ${n}`);
    if (kind === 1) socket.destroy();
    else socket.end();
    expected.served++;
  }
  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < ALL) await one(next++);
    }),
  );
  for (const socket of w.behind.sockets) socket.end();
  await eventually(() => forwarder.live === 0, "all have ended");
  assert.is(counters.byCode.get("allowed"), expected.served);
  assert.is(counters.byReason.get("cidr"), expected.refused);
  assert.is(counters.byCode.get("hello_gone"), expected.gone);
  assert.is(w.behind.accepted, expected.served);
  const accepts = w.gateway.records().filter(({ op }) => op === "accept");
  assert.is(accepts.length, expected.served + expected.refused + expected.gone);
  assert.equal(await connections(w), [0, 0]);
  await w.gateway.stop();
});

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`${version}: a session of one thread is resumed by the other, also after the keys of tickets have changed`, async () => {
    // The first connection stays open while the clock moves on.
    const w = await world("allow from any", { more: "[timers]\nidle_ms = 0\n" });
    const call = async (offered: Buffer | null): Promise<{ socket: TLSSocket; session: Buffer; reused: boolean }> => {
      const socket = connectTls({
        host: "127.0.0.1",
        port: w.ports.tls,
        ca: w.site.pem,
        servername: WWW,
        minVersion: version,
        maxVersion: version,
        ...(offered !== null && { session: offered }),
      });
      socket.on("error", () => undefined);
      const ticket = new Promise<Buffer>((resolve) => socket.once("session", resolve));
      await once(socket, "data");
      const session = version === "TLSv1.3" ? await ticket : socket.getSession();
      if (session === undefined) throw new Error("no session was given");
      return { socket, session, reused: socket.isSessionReused() };
    };
    const first = await call(null);
    assert.equal(await connections(w), [1, 0]);
    const second = await call(first.session);
    assert.equal([second.reused, await connections(w)], [true, [1, 1]]);
    second.socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 1, "the second has ended");
    w.gateway.clock.advance(TICKET_KEYS_MS);
    const third = await call(first.session);
    assert.equal([third.reused, await connections(w)], [true, [1, 1]]);
    third.socket.destroy();
    await eventually(() => w.gateway.daemon.forwarder.live === 1, "the third has ended");
    w.gateway.clock.advance(TICKET_KEYS_MS);
    const fourth = await call(first.session);
    assert.is(fourth.reused, false, "after two changes a ticket is good no more");
    await w.gateway.stop();
  });
}

test("a certificate that is changed is shown by both threads from the next handshake on, and what is open continues", async () => {
  const w = await world("allow from any");
  const before = [client(w, "tls"), client(w, "tls")];
  for (const { first } of before) assert.match(await first, /^hello/);
  const renewed = leaf(w.site, { names: [dns(WWW), dns("new.example.com")] });
  put(w.folder, "web", renewed);
  assert.equal(await w.gateway.daemon.renew(), ["web"]);
  const after = [client(w, "tls"), client(w, "tls")];
  for (const { socket, first } of after) {
    assert.match(await first, /^hello/);
    assert.match("getPeerCertificate" in socket ? (socket.getPeerCertificate().subjectaltname ?? "") : "", /new\.example\.com/);
  }
  assert.equal(await connections(w), [2, 2]);
  for (const { socket } of before) {
    socket.write("still");
    const chunk = await said(socket);
    assert.is(chunk, "still");
  }
  await w.gateway.stop();
});

test("a policy that refuses what is open has both threads break it off", async () => {
  const w = await world("allow from any");
  const all = MODES.flatMap((mode) => [client(w, mode), client(w, mode)]);
  for (const { first } of all) assert.match(await first, /^hello/);
  w.gateway.place(moduleOf(w.policy("allow from 192.0.2.0/24")));
  const report = await w.gateway.daemon.reload();
  assert.ok(report.ok);
  await Promise.all(all.map(({ closed }) => closed));
  await eventually(() => w.gateway.daemon.forwarder.live === 0, "all have ended");
  assert.is(w.gateway.daemon.counters.ends.get("rechecked"), 8);
  await w.gateway.stop();
});

test("megabytes and a half-closed side: exact bytes both ways, and the counts are those of the bytes", async () => {
  const w = await world("allow from any", { greeting: "" });
  const data = Buffer.alloc(5_000_000, "0123456789abcdef");
  for (const mode of ["tcp", "tls"] as const) {
    const { socket } = client(w, mode);
    const got: Buffer[] = [];
    socket.on("data", (chunk: Buffer) => got.push(chunk));
    socket.end(data);
    await once(socket, "end");
    assert.ok(Buffer.concat(got).equals(data), mode);
    socket.destroy();
  }
  await eventually(() => w.gateway.daemon.forwarder.live === 0, "all have ended");
  const closes = w.gateway.records().filter(({ op }) => op === "close");
  for (const close of closes) assert.match(JSON.stringify(close), /"bytes_in":5000000,"bytes_out":5000000/);
  await w.gateway.stop();
});

test("a drain lets connections of both threads end, and the threads after them", async () => {
  const w = await world("allow from any");
  const all = [client(w, "tcp"), client(w, "tcp")];
  for (const { first } of all) assert.match(await first, /^hello/);
  const stopped = w.gateway.daemon.stop();
  for (const { socket } of all) {
    socket.write("last words");
    const chunk = await said(socket);
    assert.is(chunk, "last words");
    socket.end();
  }
  await stopped;
});

/** One worker, whose commands the test writes. */
async function oneWorker(calls: KernelCalls): Promise<{ threads: Threads; thread: Thread; read: () => Message[] }> {
  const threads = new Threads({ calls, workers: 1, keepAliveMs: 0, helloMs: 1_000, mostPipes: 4 });
  atEnd(() => threads.close());
  await threads.ready;
  const [thread] = threads.all;
  if (thread === undefined) throw new Error("no thread");
  return {
    threads,
    thread,
    read() {
      const got: Message[] = [];
      thread.events.read(1_000, (message) => got.push(message));
      return got;
    },
  };
}

const calls = openCalls();
if (calls === null) {
  skip("threads: records that a worker gets", "koffi is not installed");
} else {
  test("a full ring to a worker that sleeps: what has no room is kept, and all of it is read in order when it is woken", async () => {
    const { thread, read } = await oneWorker(calls);
    // It may be awake at first; nobody wakes it once it sleeps.
    for (let i = 0; i < (10 * RING_BYTES) / 32 && thread.commands.kept < 1_000; i++) thread.commands.write(m.TICK, m.NO_ROW, 0);
    assert.is(thread.commands.kept, 1_000, "more than there is room for");
    // Behind all of them.
    thread.commands.write(m.DROP, 3, 7);
    thread.commands.wake();
    let answers: Message[] = [];
    await eventually(() => {
      thread.commands.flush();
      thread.commands.wake();
      answers = [...answers, ...read()];
      return answers.length > 0;
    }, "the answer to the last");
    assert.equal(
      answers.map(({ kind, row, generation }) => [kind, row, generation]),
      [[m.DROPPED, 3, 7]],
    );
    assert.equal([thread.commands.kept, thread.commands.progress().isUnread], [0, false]);
  });

  test("a full ring from a worker: nothing is lost while the main thread reads nothing", async () => {
    const { thread, read } = await oneWorker(calls);
    const count = RING_BYTES / 32 + 1_000;
    for (let i = 0; i < count; i++) {
      thread.commands.write(m.DROP, i, 7);
      if (i % 1_000 === 999) {
        // It reads them, and answers each.
        await eventually(() => {
          thread.commands.flush();
          thread.commands.wake();
          return !thread.commands.progress().isUnread;
        }, "its reading");
      }
    }
    thread.commands.wake();
    const rows: number[] = [];
    await eventually(() => {
      thread.commands.flush();
      thread.commands.wake();
      rows.push(...read().map(({ row }) => row));
      return rows.length >= count;
    }, "all answers");
    assert.ok(rows.every((row, i) => row === i));
    assert.is(rows.length, count);
  });

  test("a command of an old generation does nothing, also where the number of the descriptor is another's by then", async () => {
    const { thread, read } = await oneWorker(calls);
    const pair = new Int32Array(2);
    assert.ok(calls.socketpair(SOCK_STREAM, pair) >= 0);
    const [given = -1, other = -1] = pair;
    atEnd(() => void calls.close(other));
    thread.commands.write(m.ADOPT, 5, 1, given);
    thread.commands.write(m.DROP, 5, 1);
    thread.commands.wake();
    let answers: Message[] = [];
    await eventually(() => (answers = [...answers, ...read()]).length === 1, "its end");
    assert.throws(() => fstatSync(given), /EBADF/, "the worker has closed it");
    // The number is used again at once.
    const again = openSync("/dev/null", "r");
    atEnd(() => closeSync(again));
    assert.is(again, given);
    for (const kind of [m.READ, m.PAUSE, m.SECURE, m.DIAL, m.HANG_UP, m.RELAY, m.BREAK_OFF, m.DROP]) thread.commands.write(kind, 5, 1);
    thread.commands.wake();
    await eventually(() => (answers = [...answers, ...read()]).length === 2, "the answer to DROP, which every generation gets");
    assert.ok(fstatSync(again).isCharacterDevice());
    assert.equal(
      answers.map(({ kind, row, generation }) => [kind, row, generation]),
      [
        [m.DROPPED, 5, 1],
        [m.DROPPED, 5, 1],
      ],
    );
  });

  test("an exception at one row's command is reported of that row, and the worker continues", async () => {
    const { thread, read } = await oneWorker(calls);
    const pair = new Int32Array(2);
    assert.ok(calls.socketpair(SOCK_STREAM, pair) >= 0);
    atEnd(() => void calls.close(pair[1] ?? -1));
    thread.commands.write(m.ADOPT, 5, 1, pair[0]);
    // A hello that nobody has read, and a kind that there is not.
    thread.commands.write(m.RELAY, 5, 1, 40, 1);
    thread.commands.write(99, 5, 1);
    thread.commands.write(m.DROP, 5, 1);
    thread.commands.wake();
    let answers: Message[] = [];
    await eventually(() => (answers = [...answers, ...read()]).length === 3, "three answers");
    assert.equal(
      answers.map(({ kind, payload }) => [kind, payload?.toString() ?? ""]),
      [
        [m.FAULTED, "the hello that was decided about is not the one that was read"],
        [m.FAULTED, "a command that no row has (99)"],
        [m.DROPPED, ""],
      ],
    );
  });
}

test("one thread serves where others can't, and one sentence says why", async () => {
  const openssl = (): ReturnType<Parameters<typeof chooseThreads>[2] & {}> => failed("it was not found");
  const node = { name: "node", calls: null, because: "koffi is not installed" } as const;
  const without = chooseThreads({ threads: 3, engine: "auto" }, node, openssl);
  assert.equal(without.ok && [without.value.count, without.value.because], [1, "they need the kernel's forwarder, and Node's serves"]);
  const alone = chooseThreads({ threads: 1, engine: "auto" }, node, openssl);
  assert.equal(alone.ok && [alone.value.count, alone.value.because], [1, null]);
});

test("`threads` is a whole number from 1 to 64, with a forwarder and an engine that it can have", async () => {
  for (const [config, sentence] of [
    ["threads = 0", /`threads` = 0/],
    ["threads = 65", /`threads` = 65/],
    ["threads = 1.5", /`threads` = 1\.5/],
    ['threads = "2"', /`threads` = "2"/],
    ['threads = 2\nforwarder = "node"', /`threads` = 2 needs the kernel's forwarder, and `forwarder` is "node"/],
    ['threads = 2\nforwarder = "kernel"\ntls.engine = "node"', /`threads` = 2 needs OpenSSL's engine of TLS, and `tls\.engine` is "node"/],
  ] as const) {
    let said = "";
    try {
      await start({ config, policy: "edition 1\nexpose web on tcp 1 { backend 127.0.0.1:2 allow from any }" });
    } catch (error) {
      said = error instanceof Error ? error.message : String(error);
    }
    assert.match(said, sentence);
  }
});

test.run();
