// The kernel forwarder alone: splice, urgent bytes in it, a shortage of descriptors that loses nobody, and calls that fail
// at one connection. Tests of behaviour that both forwarders have run on both.
import { spawn } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readdirSync } from "node:fs";
import type { Socket } from "node:net";
import { networkInterfaces } from "node:os";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { tcpBackend } from "../../gateway/forward/backend.ts";
import {
  AF_INET6,
  EAGAIN,
  EMFILE,
  ENOBUFS,
  ENOMEM,
  EPOLL_CTL_ADD,
  IPPROTO_IP,
  IPPROTO_TCP,
  IPV6_RECVPKTINFO,
  openCalls,
  SHUT_WR,
  SO_ERROR,
  SO_KEEPALIVE,
  SOL_SOCKET,
  TCP_KEEPCNT,
  TCP_KEEPIDLE,
  TCP_KEEPINTVL,
  type KernelCalls,
} from "../../gateway/kernel/calls.ts";
import { SWEEP_MS } from "../../gateway/daemon.ts";
import { usableCalls } from "../../gateway/kernel/self_test.ts";
import { connectTo } from "../../gateway/kernel/sockets.ts";
import { ok } from "../../runtime/result/result.ts";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { backend, eventually, freePort, running, visit, type Under } from "./gateway_under_test.ts";

const EPERM = 1;
const PROBES: readonly number[] = [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT];
const test = suite("kernel transport");
const usable = await usableCalls();
const MSG_OOB = 1;
const RLIMIT_NOFILE = 7;

async function gatewayTo(port: number, calls: KernelCalls): Promise<{ readonly gateway: Under; readonly at: number }> {
  const at = await freePort();
  const gateway = await running({ calls, policy: `edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${port} allow from any }` });
  return { gateway, at };
}

function digestOf(socket: Socket): Promise<string> {
  const hash = createHash("sha256");
  return new Promise((resolve) => {
    socket.on("data", (chunk) => hash.update(chunk));
    socket.once("end", () => resolve(hash.digest("hex")));
  });
}

const digest = (bytes: Buffer): string => createHash("sha256").update(bytes).digest("hex");

/** Open descriptors of this process. */
const descriptors = (): number => readdirSync("/proc/self/fd").length;

/** A limit on this process's descriptors with so many free ones below it. */
function limitWithRoomFor(room: number): number {
  const used = new Set(readdirSync("/proc/self/fd").map(Number));
  let [limit, free] = [0, 0];
  for (; free < room; limit++) free += used.has(limit) ? 0 : 1;
  return limit;
}

function tests(calls: KernelCalls): void {
  test("a full read is followed by splices, with exact bytes both ways, and pipes are used again while a connection is open", async () => {
    let [splices, pipes] = [0, 0];
    const counting: KernelCalls = {
      ...calls,
      splice(from, to, bytes) {
        splices++;
        return calls.splice(from, to, bytes);
      },
      pipe(ends) {
        pipes++;
        return calls.pipe(ends);
      },
    };
    const [sent, answer] = [randomBytes(8_000_000), randomBytes(6_000_000)];
    const received: Promise<string>[] = [];
    const behind = await backend("", (socket) => {
      received.push(digestOf(socket));
      socket.end(answer);
    });
    const { gateway, at } = await gatewayTo(behind.port, counting);
    const bulk = async (): Promise<void> => {
      const { socket, closed } = visit(at);
      const got = digestOf(socket);
      socket.end(sent);
      assert.equal(await got, digest(answer));
      await closed;
    };
    const kept = visit(at);
    const whole = digestOf(kept.socket);
    assert.is(await whole, digest(answer));
    for (let i = 0; i < 4; i++) {
      await bulk();
      // Before that its pipes may still be in use, and the next one would have others.
      await eventually(() => gateway.daemon.forwarder.live === 1, "all but the first have ended");
    }
    const made = pipes;
    assert.ok(splices > 100, `${splices} splices`);
    assert.ok(made <= 2, `${made} pipes were made`);
    kept.socket.end();
    await eventually(() => gateway.daemon.forwarder.live === 0, "all have ended");
    await bulk();
    assert.ok(pipes > made, "no pipe was kept where no connection was open");
    await eventually(() => gateway.daemon.forwarder.live === 0, "all have ended");
    assert.equal((await Promise.all(received)).filter((one) => one !== digest(sent)).length, 1, "the first client sent nothing");
    assert.is(gateway.daemon.counters.bytesFromClients, 5 * sent.length);
    assert.is(gateway.daemon.counters.ends.get("done"), 6);
  });

  test("options of a backend's socket: probes are set once, by the first sweep, or at once where they are due soon", async () => {
    const behind = await backend("hello");
    const rows = [
      [0, 0, 0],
      [4_999, 4, 4],
      [5_000, 0, 4],
    ] as const;
    for (const [keepaliveMs, before, after] of rows) {
      let upstream = -1;
      const options: number[] = [];
      const noting: KernelCalls = {
        ...calls,
        connect(fd, address) {
          upstream = fd;
          return calls.connect(fd, address);
        },
        setOption(fd, level, option, value) {
          if (level === IPPROTO_TCP ? PROBES.includes(option) : option === SO_KEEPALIVE) options.push(fd);
          return calls.setOption(fd, level, option, value);
        },
      };
      const at = await freePort();
      const gateway = await running({
        calls: noting,
        config: `[timers]\nkeepalive_ms = ${keepaliveMs}`,
        policy: `edition 1\nexpose web on tcp ${at} { backend 127.0.0.1:${behind.port} allow from any }`,
      });
      const client = visit(at);
      assert.is(await client.first, "hello");
      const set = (): number => options.filter((fd) => fd === upstream).length;
      const value = new Int32Array(1);
      assert.is(set(), before, `${keepaliveMs}`);
      for (const due of [after, after]) {
        gateway.clock.advance(SWEEP_MS);
        assert.is(set(), due, `${keepaliveMs}, after a sweep`);
      }
      assert.is(calls.getOption(upstream, SOL_SOCKET, SO_KEEPALIVE, value), 0);
      assert.is(value[0], after === 0 ? 0 : 1);
      client.socket.destroy();
      await gateway.stop();
    }
  });

  test("an error of a connect is read where the kernel reports one, and a failure to read it is a refusal", async () => {
    let reads = 0;
    for (const answers of [null, -ENOBUFS]) {
      const behind = await backend("hello");
      const closed = await freePort();
      const [at, other] = [await freePort(), await freePort()];
      const noting: KernelCalls = {
        ...calls,
        getOption(fd, level, option, value) {
          if (option === SO_ERROR) reads++;
          return answers ?? calls.getOption(fd, level, option, value);
        },
      };
      const gateway = await running({
        calls: noting,
        policy: `edition 1\nexpose up on tcp ${at} { backend 127.0.0.1:${behind.port} allow from any }\nexpose down on tcp ${other} { backend 127.0.0.1:${closed} allow from any }`,
      });
      const client = visit(at);
      assert.is(await client.first, "hello");
      assert.is(reads, 0, "a socket that can be written has connected");
      await visit(other).closed;
      assert.is(reads, 1);
      await eventually(() => gateway.daemon.counters.ends.get("backend_refused") === 1, "the refusal is counted");
      client.socket.destroy();
      await gateway.stop();
      reads = 0;
    }
  });

  for (const [because, refusing] of [
    ["all pipes are in use, or none can be made", { pipe: () => -EMFILE }],
    ["a pipe can't be made larger", { setPipeSize: () => -EPERM }],
  ] as const) {
    test(`where ${because}, the same bytes are moved`, () => movesAll({ ...calls, ...refusing }));
  }

  async function movesAll(refusing: KernelCalls): Promise<void> {
    const sent = randomBytes(3_000_000);
    const received: Promise<string>[] = [];
    const behind = await backend("", (socket) => {
      received.push(digestOf(socket));
      socket.end();
    });
    const { at } = await gatewayTo(behind.port, refusing);
    visit(at).socket.end(sent);
    await eventually(() => received.length === 1, "a connection");
    assert.is(await received[0], digest(sent));
  }

  test("urgent bytes in a bulk transfer stay in their place, and nothing is lost", async () => {
    // Reads that gave bytes right after a splice had given none.
    let [marks, last] = [0, -1];
    const received: Promise<string>[] = [];
    const sockets: Socket[] = [];
    const behind = await backend("", (socket) => {
      received.push(digestOf(socket));
      socket.pause();
      sockets.push(socket);
      socket.on("end", () => socket.end());
    });
    const { gateway, at } = await gatewayTo(behind.port, {
      ...calls,
      splice(from, to, bytes) {
        const moved = calls.splice(from, to, bytes);
        last = moved > 0 ? -1 : from;
        return moved;
      },
      recv(from, into, bytes, flags) {
        const got = calls.recv(from, into, bytes, flags);
        if (from === last && got > 0) marks++;
        last = -1;
        return got;
      },
    });
    const address = tcpBackend("127.0.0.1", at);
    if (typeof address === "string") throw new Error(address);
    const fd = connectTo(calls, address);
    assert.ok(fd >= 0);
    const [block, urgent, tail] = [randomBytes(100_000), Buffer.from("!"), Buffer.from("behind it")];
    const sent: Buffer[] = [];
    const push = async (bytes: Buffer, flags: number): Promise<void> => {
      sent.push(bytes);
      let rest = bytes;
      await eventually(() => {
        const took = calls.send(fd, rest, rest.length, flags);
        if (took > 0) rest = rest.subarray(took);
        else assert.is(took, -EAGAIN);
        return rest.length === 0;
      }, "all is sent");
    };
    const total = (): number => sent.reduce((sum, { length }) => sum + length, 0);
    const { table } = gateway.daemon.forwarder;
    await eventually(() => sockets.length === 1, "a connection");
    for (let round = 0; round < 3; round++) {
      // The backend's side is full, so that what follows waits in the kernel with its mark.
      let still = 0;
      while (still < 200) {
        await push(block, 0);
        const sum = total();
        for (still = 0; still < 200 && table.bytesIn[0] !== sum; still++) await new Promise((resolve) => setImmediate(resolve));
      }
      // The bytes behind the mark are too few to be reported by an event of its own.
      await push(urgent, MSG_OOB);
      await push(tail, 0);
      sockets[0]?.resume();
      await eventually(() => table.bytesIn[0] === total(), "all is read");
      sockets[0]?.pause();
    }
    calls.shutdown(fd, SHUT_WR);
    sockets[0]?.resume();
    assert.is(await received[0], digest(Buffer.concat(sent)));
    assert.ok(marks >= 3, `${marks} marks were met by a splice`);
    await eventually(() => gateway.daemon.counters.ends.get("done") === 1, "it has ended in order");
    calls.close(fd);
  });

  test("an exception in a turn ends the connection that caused it, with a record, and no other", async () => {
    let victim = -1;
    const behind = await backend("hello");
    const { gateway, at } = await gatewayTo(behind.port, {
      ...calls,
      recv(fd, into, bytes, flags) {
        const got = calls.recv(fd, into, bytes, flags);
        if (got === 4 && into[0] === 0x62 && victim < 0) victim = fd;
        if (fd === victim) throw new Error("thrown in a turn");
        return got;
      },
    });
    const [good, bad] = [visit(at), visit(at)];
    await Promise.all([good.first, bad.first]);
    bad.socket.write("bad!");
    await bad.closed;
    const echoed = once(good.socket, "data");
    good.socket.write("still here");
    assert.is(String((await echoed)[0]), "still here");
    assert.is(gateway.daemon.counters.ends.get("fault"), 1);
    assert.is(gateway.daemon.forwarder.live, 1);
    assert.ok(
      gateway.records().some(({ detail }) => detail === "thrown in a turn"),
      "a record",
    );
  });

  test("an exception before a peer has a row ends that peer, with a record, and the next is served", async () => {
    let failures = 1;
    const behind = await backend("hello");
    const { gateway, at } = await gatewayTo(behind.port, {
      ...calls,
      accept(fd, address) {
        const client = calls.accept(fd, address);
        if (client < 0 || failures-- <= 0) return client;
        calls.close(client);
        throw new Error("thrown at an accept");
      },
    });
    assert.is(await visit(at).first, "");
    assert.is(await visit(at).first, "hello");
    assert.ok(
      gateway.records().some(({ detail }) => detail === "thrown at an accept"),
      "a record",
    );
  });

  test("epoll without memory ends one connection, and the next is served", async () => {
    let failures = 0;
    const behind = await backend("hello");
    const { gateway, at } = await gatewayTo(behind.port, {
      ...calls,
      epollControl(epoll, operation, fd, event) {
        if (operation !== EPOLL_CTL_ADD || failures === 0) return calls.epollControl(epoll, operation, fd, event);
        failures--;
        return -ENOMEM;
      },
    });
    const other = visit(at);
    assert.is(await other.first, "hello");
    const before = descriptors();
    for (let i = 0; i < 3; i++) {
      failures = 1;
      const lost = visit(at);
      assert.is(await lost.first, "");
      await lost.closed;
    }
    assert.is(gateway.daemon.counters.ends.get("no_descriptor"), 3);
    await eventually(() => descriptors() === before, "all descriptors are closed");
    const next = visit(at);
    assert.is(await next.first, "hello");
    assert.not(other.socket.destroyed);
  });

  for (const [clients, room] of [
    [60, 12],
    [200, 0],
  ] as const) {
    test(`${room} descriptors for ${clients} clients: nobody is lost, nothing spins, and peers are accepted again`, () => shortage(calls, clients, room));
  }
}

/** With no room at all, nothing is accepted for a tenth of a second. */
async function shortage(calls: KernelCalls, clients: number, room: number): Promise<void> {
  // Backend and clients are another process, so that the limit is the gateway's alone.
  const program = `const net = require("node:net"); const n = ${clients}; let served = 0, gone = 0, connected = 0; const all = [];
const server = net.createServer((s) => { s.on("error", () => 0); s.on("data", (x) => s.end(x)); });
server.listen(0, "127.0.0.1", () => process.send(server.address().port));
process.on("message", (port) => { for (let i = 0; i < n; i++) { const s = net.connect(port, "127.0.0.1");
  let got = ""; s.on("error", () => 0); s.on("connect", () => { if (++connected === n) for (const [j, one] of all.entries()) one.write("word " + j); }); all.push(s); s.on("data", (x) => got += x);
  s.on("close", () => { if (got === "word " + i) served++; if (++gone === n) process.send(served); }); } });`;
  const child = spawn(process.execPath, ["-e", program], { stdio: ["ignore", "inherit", "inherit", "ipc"] });
  try {
    const [port] = (await once(child, "message")) as unknown[];
    let [accepts, refusals] = [0, 0];
    const { gateway, at } = await gatewayTo(Number(port), {
      ...calls,
      accept(fd, address) {
        accepts++;
        const client = calls.accept(fd, address);
        if (client === -EMFILE) refusals++;
        return client;
      },
      socket(domain, type) {
        const made = calls.socket(domain, type);
        if (made === -EMFILE) refusals++;
        return made;
      },
    });
    const libc = openLibc();
    if (libc === null) throw new Error("koffi is not installed");
    const before = Buffer.alloc(16);
    libc.prlimit(0, RLIMIT_NOFILE, null, before);
    const low = Buffer.from(before);
    low.writeBigUInt64LE(BigInt(limitWithRoomFor(room)), 0);
    const replied = once(child, "message");
    assert.is(libc.prlimit(0, RLIMIT_NOFILE, low, null), 0);
    try {
      child.send(at);
      if (room > 0) assert.equal(await replied, [clients, undefined]);
      // Two tries are 100 ms apart.
      else await eventually(() => refusals >= 2, "a second try");
    } finally {
      libc.prlimit(0, RLIMIT_NOFILE, before, null);
    }
    assert.equal(await replied, [clients, undefined]);
    assert.is(gateway.records().filter(({ op, source }) => op === "accept" && source?.startsWith("127.0.0.1:") === true).length, clients);
    assert.ok(gateway.daemon.counters.descriptorsExhausted > 0, "it is counted");
    await eventually(() => gateway.daemon.forwarder.live === 0, "all have ended");
    assert.is(gateway.daemon.counters.ends.get("done"), clients);
    assert.ok(refusals > 0, "none was left");
    assert.ok(accepts < 10 * clients, `${accepts} calls of accept`);
  } finally {
    child.kill();
  }
}

test("the self-test refuses what nobody has tested, and finds the calls here", async () => {
  const other = await usableCalls("riscv64");
  assert.equal(!other.ok && other.error, { because: "it was not tested on the processor riscv64", isMissing: false });
  if (openCalls() !== null && process.arch === "x64") assert.ok(usable.ok);
});

test("this host's interfaces have numbers and names", () => {
  const calls = openCalls();
  if (calls === null) return;
  for (const name of Object.keys(networkInterfaces())) assert.is(calls.interfaceName(calls.interfaceNumber(name)), name);
  assert.equal([calls.interfaceNumber("none such"), calls.interfaceName(99_999)], [0, null]);
});

const [ENOSYS, EAFNOSUPPORT, EACCES] = [38, 97, 13] as const;

const BROKEN: readonly (readonly [what: string, broken: (calls: KernelCalls) => Partial<KernelCalls>, because: string | null])[] = [
  ["no sendmmsg", () => ({ sendmmsg: () => -ENOSYS }), "sendmmsg does not send a datagram (127.0.0.1)"],
  ["no recvmmsg", () => ({ recvmmsg: () => -ENOSYS }), "recvmmsg does not give the datagram that was sent (127.0.0.1)"],
  [
    "IP_PKTINFO is refused",
    (calls) => ({ setOption: (fd, level, option, value) => (level === IPPROTO_IP ? -ENOSYS : calls.setOption(fd, level, option, value)) }),
    "a socket of datagrams can't be made (ENOSYS) (127.0.0.1)",
  ],
  [
    "IP_PKTINFO has no effect",
    (calls) => ({ setOption: (fd, level, option, value) => (level === IPPROTO_IP ? 0 : calls.setOption(fd, level, option, value)) }),
    "the kernel does not say to which address a datagram was sent (127.0.0.1)",
  ],
  [
    "IPV6_RECVPKTINFO has no effect",
    (calls) => ({ setOption: (fd, level, option, value) => (option === IPV6_RECVPKTINFO ? 0 : calls.setOption(fd, level, option, value)) }),
    "the kernel does not say to which address a datagram was sent (::1)",
  ],
  ["no getsockname", () => ({ getsockname: () => -ENOSYS }), "a socket of datagrams can't be made (getsockname) (127.0.0.1)"],
  ["no IPv6", (calls) => ({ socket: (domain, type) => (domain === AF_INET6 ? -EAFNOSUPPORT : calls.socket(domain, type)) }), null],
  ["nothing may be bound", () => ({ bind: () => -EACCES }), null],
];

if (usable.ok) {
  const { value } = usable;
  for (const [what, broken, because] of BROKEN) {
    test(`the self-test of datagrams, ${what}: ${because ?? "passes"}`, async () => {
      const open = new Set<number>();
      const calls: KernelCalls = { ...value, ...broken(value) };
      const counted: KernelCalls = {
        ...calls,
        socket(domain, type) {
          const fd = calls.socket(domain, type);
          if (fd >= 0) open.add(fd);
          return fd;
        },
        close(fd) {
          open.delete(fd);
          return calls.close(fd);
        },
      };
      const tried = await usableCalls(process.arch, ok(counted));
      assert.is(tried.ok ? null : tried.error.because, because);
      assert.equal([...open], [], "its sockets are closed");
    });
  }
}

if (usable.ok) tests(usable.value);
else skip("kernel transport", usable.error.because);

test.run();
