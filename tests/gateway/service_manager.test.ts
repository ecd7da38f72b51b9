// The messages to a service manager, as a receiver at NOTIFY_SOCKET gets them, by their exact text.
import { closeSync, fstatSync } from "node:fs";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { openLibc, type Libc } from "../../runtime/shell/libc.ts";
import { openServiceManager } from "../../runtime/shell/service_manager.ts";
import { openUnixMessages, unixAddress, type UnixMessages } from "../../runtime/shell/unix_messages.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { backend, eventually, freePort, manualClock, moduleOf, probe, temporaryFolder, visit } from "./gateway_under_test.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { launch, place } from "./ingressd_process.ts";

const test = suite("service manager");
const libc = openLibc();
const messages = libc === null ? null : openUnixMessages(libc);

/** As systemd reads the socket: every message, and the descriptors in its store by name. */
interface Receiver {
  readonly texts: string[];
  readonly store: Map<string, number>;
  look(): void;
}

function receiver(calls: Libc, from: UnixMessages, path: string): Receiver {
  const fd = calls.socket(1, 2 | 0o2000000, 0);
  const address = unixAddress(path);
  if (fd < 0 || address === null || calls.bind(fd, address, address.length) < 0) throw new Error("no receiver");
  atEnd(() => {
    closeSync(fd);
  });
  const texts: string[] = [];
  const store = new Map<string, number>();
  atEnd(() => {
    for (const one of store.values()) closeSync(one);
  });
  return {
    texts,
    store,
    look() {
      for (let next = from.receive(fd); next.ok; next = from.receive(fd)) {
        const text = next.value.bytes.toString();
        texts.push(text);
        const name = /^FDNAME=(.*)$/m.exec(text)?.[1] ?? "";
        const [given] = next.value.descriptors;
        if (given !== undefined) store.set(name, given);
        else if (text.startsWith("FDSTOREREMOVE=1")) {
          closeSync(store.get(name) ?? -1);
          store.delete(name);
        }
      }
    },
  };
}

async function heard(from: Receiver, text: RegExp | string): Promise<void> {
  const isSo = (one: string): boolean => (typeof text === "string" ? one === text : text.test(one));
  await eventually(() => {
    from.look();
    return from.texts.some(isSo);
  }, String(text));
}

const only = (ports: readonly number[], behind: number): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${ports.join(", ")} bind 127.0.0.1 { backend 127.0.0.1:${behind} allow from any }`);

if (libc === null || messages === null) {
  skip("service manager", "koffi is not installed");
} else {
  test("start, reload and stop, each with its fields, and the sockets in the store", async () => {
    const behind = await backend("hello");
    const [port, other] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    place(folder, only([port], behind.port));
    const from = receiver(libc, messages, join(folder, "notify"));
    const it = launch(folder, "[policy]\nwatch = false", { env: { NOTIFY_SOCKET: join(folder, "notify") } });
    await heard(from, "READY=1\nSTATUS=generation 1, 1 sockets open");
    assert.equal(from.texts, [`FDSTORE=1\nFDNAME=ingressd-port 127.0.0.1_${port}`, "READY=1\nSTATUS=generation 1, 1 sockets open"]);
    assert.ok(fstatSync([...from.store.values()][0] ?? -1).isSocket());

    from.texts.length = 0;
    place(folder, only([other], behind.port));
    assert.is(it.order("reload").code, 0);
    await heard(from, "READY=1\nSTATUS=generation 2, 1 sockets open");
    const [first = "", ...rest] = from.texts;
    const usec = /^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(first)?.[1];
    assert.ok(Math.abs(Number(usec) - Number(process.hrtime.bigint() / 1000n)) < 60_000_000, first);
    assert.equal(rest, [
      `FDSTORE=1\nFDNAME=ingressd-port 127.0.0.1_${other}`,
      `FDSTOREREMOVE=1\nFDNAME=ingressd-port 127.0.0.1_${port}`,
      "READY=1\nSTATUS=generation 2, 1 sockets open",
    ]);

    from.texts.length = 0;
    place(folder, Buffer.from("no module"));
    assert.is(it.order("reload").code, 3);
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
    from.look();
    assert.equal(
      from.texts.map((text) => text.replace(/\d{4,}/, "N")),
      ["RELOADING=1\nMONOTONIC_USEC=N", "READY=1\nSTATUS=generation 2, 1 sockets open", "STOPPING=1\nSTATUS=connections end"],
    );
    assert.equal([...from.store.keys()], [`ingressd-port 127.0.0.1_${other}`], "a stop does not change the store");
  });

  test("a restart, and one after a kill: a peer that comes in between is served, and a stored port of an older policy is closed", async () => {
    const behind = await backend("hello");
    const [port, gone] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    const path = `@ingressd-test-${process.pid}`;
    const from = receiver(libc, messages, path);
    place(folder, only([port, gone], behind.port));
    const first = launch(folder, "", { env: { NOTIFY_SOCKET: path } });
    await heard(from, /^READY=1/);
    first.child.kill("SIGKILL");
    await first.exit;
    const [early, lost] = [visit(port), visit(gone)];
    place(folder, only([port], behind.port));
    const passed = { fds: [...from.store.values()], names: [...from.store.keys()].join(":") };
    const second = launch(folder, "", { env: { NOTIFY_SOCKET: path }, passed });
    await second.line("ingressd: ready");
    assert.is(await early.first, "hello");
    await second.says(`the inherited socket 127.0.0.1:${gone}/tcp (ingressd-port 127.0.0.1_${gone}) is closed`);
    await heard(from, `FDSTOREREMOVE=1\nFDNAME=ingressd-port 127.0.0.1_${gone}`);
    assert.is(await lost.first, "");
    assert.is(await probe(port), "allow");
  });

  test("a udp socket lies in the store under a name of its own, and what comes during a restart is served", async () => {
    const [behind, port, client] = [await udpBackend(), await freeUdpPort(), await udpSocket()];
    const folder = temporaryFolder();
    const [to, at] = [`backend 127.0.0.1:${behind.port} allow from any`, "bind 127.0.0.1"];
    place(folder, moduleOf(`edition 1\nexpose web on tcp ${port} ${at} { ${to} }\nexpose dns on udp ${port} ${at} { amplify 3 ${to} }`));
    const from = receiver(libc, messages, join(folder, "notify"));
    const started = { env: { NOTIFY_SOCKET: join(folder, "notify") } };
    const first = launch(folder, 'forwarder = "kernel"', started);
    await heard(from, /^READY=1/);
    assert.equal([...from.store.keys()].sort(), [`ingressd-port 127.0.0.1_${port}`, `ingressd-port udp 127.0.0.1_${port}`]);
    first.child.kill("SIGKILL");
    await first.exit;
    await client.send("meanwhile", port);
    const second = launch(folder, 'forwarder = "kernel"', { ...started, passed: { fds: [...from.store.values()], names: [...from.store.keys()].join(":") } });
    await second.line("ingressd: ready");
    await client.until(1);
    assert.is(client.got[0]?.bytes.toString(), "meanwhile");
  });

  test("the watchdog gets a sign of life twice in its time, and no more once it stops", async () => {
    const folder = temporaryFolder();
    place(folder, moduleOf("edition 1"));
    const from = receiver(libc, messages, join(folder, "notify"));
    const it = launch(folder, "", { env: { NOTIFY_SOCKET: join(folder, "notify"), WATCHDOG_USEC: "200000" } });
    await heard(from, "WATCHDOG=1");
    assert.match(from.texts[0] ?? "", /^READY=1/);
    it.child.kill("SIGTERM");
    await it.exit;
    from.look();
    assert.is(from.texts.at(-1), "STOPPING=1\nSTATUS=connections end");
  });

  test("variables: half of the watchdog's time, whose it is, and what is no socket", () => {
    const folder = temporaryFolder();
    receiver(libc, messages, join(folder, "notify"));
    const socket = join(folder, "notify");
    const rows: readonly (readonly [NodeJS.ProcessEnv, number | null | "none", RegExp | null])[] = [
      [{ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "30000000", WATCHDOG_PID: "7" }, 15_000, null],
      [{ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "3" }, 1, null],
      [{ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "30000000", WATCHDOG_PID: "8" }, null, null],
      [{ NOTIFY_SOCKET: socket, WATCHDOG_USEC: "soon" }, null, null],
      [{ NOTIFY_SOCKET: socket }, null, null],
      [{ WATCHDOG_USEC: "30000000" }, "none", null],
      [{ NOTIFY_SOCKET: "" }, "none", null],
      [{ NOTIFY_SOCKET: "vsock:2:1" }, "none", /can't be notified at `vsock:2:1` \(it is no unix socket\)/],
      [{ NOTIFY_SOCKET: join(folder, "nobody") }, "none", /\(error 2\)/],
      [{ NOTIFY_SOCKET: `/${"a".repeat(200)}` }, "none", /\(error 36\)/],
    ];
    for (const [env, watchdog, sentence] of rows) {
      const given = { ...env, KEPT: "x" };
      const said: string[] = [];
      const manager = openServiceManager({ env: given, pid: 7, clock: manualClock(), say: (one) => said.push(one) });
      assert.is(manager === null ? "none" : manager.watchdogMs, watchdog, JSON.stringify(env));
      assert.equal(given, { KEPT: "x" });
      if (sentence === null) assert.equal(said, []);
      else assert.match(said.join(), sentence);
    }
  });

  test("a queue that is full delays messages in their order, and a newline makes no second field", () => {
    const folder = temporaryFolder();
    const from = receiver(libc, messages, join(folder, "notify"));
    const clock = manualClock();
    const manager = openServiceManager({ env: { NOTIFY_SOCKET: join(folder, "notify") }, pid: 7, clock, say: () => undefined });
    const count = 2_000;
    for (let i = 0; i < count; i++) manager?.notify({ STATUS: `${i}\nREADY=1` });
    for (let turns = 0; from.texts.length < count && turns < count; turns++) {
      from.look();
      clock.advance(100);
    }
    assert.equal(
      from.texts,
      Array.from({ length: count }, (_, i) => `STATUS=${i} READY=1`),
    );
  });
}

test.run();
