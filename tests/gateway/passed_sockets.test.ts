// LISTEN_FDS: sockets that a process manager opened are served where the policy exposes their place, and nothing else is.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import * as assert from "uvu/assert";
import { takePassed } from "../../gateway/cli/passed_sockets.ts";
import { KEPT_PEERS, type InheritedSocket } from "../../gateway/listen/inherited.ts";
import { socketReader } from "../../gateway/listen/socket_facts.ts";
import type { Libc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { suite } from "../suite.ts";
import { freeUdpPort, udpBackend, udpSocket } from "./datagrams_under_test.ts";
import { backend, FORWARDERS, freePort, moduleOf, probe, recordsIn, running, temporaryFolder, visit, type Record } from "./gateway_under_test.ts";
import { launch, place, type Running } from "./ingressd_process.ts";
import { rawSockets } from "./raw_sockets.ts";
import { intent, leaseOf } from "./registering.ts";

const test = suite("passed sockets");
const raw = rawSockets();

const records = (folder: string): Record[] => recordsIn(join(folder, "audit.jsonl"));
const only = (port: number, behind: number): Uint8Array =>
  moduleOf(`edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind} allow from any }`);

function facts(libc: Libc, fd: number): InheritedSocket {
  const read = socketReader(libc)(fd, "");
  if (!read.ok) throw new Error(read.error.because);
  return read.value;
}

async function refused(it: Running): Promise<string> {
  assert.is(await it.exit, 6, it.err());
  assert.not.match(it.out(), /ready/);
  return it.err();
}

if (raw === null) {
  skip("passed sockets", "koffi is not installed");
} else {
  test("a peer that came before the start is served through the socket that was passed, and phase 0 is recorded", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const fd = raw.listening("127.0.0.1", port);
    const early = visit(port);
    const it = launch(folder, "", { passed: { fds: [fd], names: "web" } });
    await it.line("ingressd: ready");
    assert.is(await early.first, "hello");
    assert.is(await probe(port), "allow");
    const bound = records(folder).filter(({ op }) => op === "bind");
    assert.equal(
      bound.map(({ decision, local }) => [decision, local]),
      [["allow", `127.0.0.1:${port}`]],
    );
    // The variables are in no environment that a process of it would get.
    it.child.kill("SIGTERM");
    assert.is(await it.exit, 0);
  });

  test("sockets of both families are served, and a port that was not passed is opened", async () => {
    const behind = await backend("hello");
    const [port, other] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    place(folder, moduleOf(`edition 1\nexpose web on tcp ${port}, ${other} { backend 127.0.0.1:${behind.port} allow from any }`));
    const it = launch(folder, "", { passed: { fds: [raw.listening("::", port), raw.listening("0.0.0.0", port)] } });
    await it.line("ingressd: ready");
    assert.is(await probe(port), "allow");
    assert.is(await probe(port, "::1", "::1"), "allow");
    assert.is(await probe(other), "allow");
  });

  test("a reload that closes the port closes the socket that was passed", async () => {
    const behind = await backend("hello");
    const [port, other] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const fd = raw.listening("127.0.0.1", port);
    const it = launch(folder, "[policy]\nwatch = false", { passed: { fds: [fd] } });
    await it.line("ingressd: ready");
    raw.close(fd);
    place(folder, only(other, behind.port));
    assert.is(it.order("reload").code, 0);
    assert.is(await probe(port), "deny");
    assert.is(await probe(other), "allow");
  });

  test("a socket that the policy does not expose ends the start", async () => {
    const [port, foreign] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    place(folder, only(port, 9));
    const it = launch(folder, "", { passed: { fds: [raw.listening("127.0.0.1", port), raw.listening("127.0.0.1", foreign)], names: "web:odd" } });
    const said = await refused(it);
    assert.match(
      said,
      new RegExp(`the inherited socket 127\\.0\\.0\\.1:${foreign}/tcp \\(odd\\) is closed: the policy does not expose it to the gateway \\(not_exposed\\)`),
    );
    assert.match(said, new RegExp(`passed sockets that are not this policy's: 127\\.0\\.0\\.1:${foreign}/tcp: .*--ignore-foreign-fds`));
    assert.equal(
      records(folder)
        .filter(({ op, decision }) => op === "bind" && decision === "deny")
        .map(({ local, code }) => [local, code]),
      [[`127.0.0.1:${foreign}`, "not_exposed"]],
    );
  });

  test("with --ignore-foreign-fds it is closed with the same sentence, and the others are served", async () => {
    const behind = await backend("hello");
    const [port, foreign] = [await freePort(), await freePort()];
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const stranger = raw.listening("127.0.0.1", foreign);
    const it = launch(folder, "", { words: ["--ignore-foreign-fds"], passed: { fds: [stranger, raw.listening("127.0.0.1", port), raw.udp(port)] } });
    await it.line("ingressd: ready");
    raw.close(stranger);
    await it.says(`the inherited socket 127.0.0.1:${port}/udp is closed: the policy does not expose it`);
    assert.is(await probe(port), "allow");
    assert.is(await probe(foreign), "deny");
  });

  const OTHERS: readonly (readonly [string, () => Promise<number> | number, RegExp])[] = [
    ["a TCP socket that does not listen", async () => raw.bound(await freePort()), /descriptor 3 is a TCP socket that does not listen/],
    ["a udp socket that no policy exposes", () => raw.udp(0), /the policy does not expose it to the gateway \(not_exposed\)/],
    ["a connected udp socket", async () => raw.connected(await freePort(), 9), /descriptor 3 is a UDP socket that is connected to one peer/],
    ["a unix socket", () => raw.unix(), /descriptor 3 is a unix socket, which no policy exposes/],
    ["standard input", () => 0, /descriptor 3 is (no socket|a unix socket)/],
    [
      "a socket for both families",
      async () => raw.listening("::", await freePort(), false),
      /descriptor 3 listens on \[::\]:\d+ for IPv4 as well: .*BindIPv6Only=ipv6-only/,
    ],
  ];
  for (const [what, descriptor, because] of OTHERS)
    test(`${what} ends the start with a sentence`, async () => {
      const folder = temporaryFolder();
      place(folder, only(await freePort(), 9));
      assert.match(await refused(launch(folder, "", { passed: { fds: [await descriptor()] } })), because);
    });

  test("a second socket at the same address ends the start with a sentence", async () => {
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, 9));
    const twice = raw.listening("127.0.0.1", port);
    assert.match(
      await refused(launch(folder, "", { passed: { fds: [twice, twice] } })),
      new RegExp(`descriptor 4 is a second socket at 127\\.0\\.0\\.1:${port}`),
    );
  });

  for (const forwarder of FORWARDERS) {
    test(`${forwarder}: a udp socket that was passed is served, with what came before the start, and phase 0 is recorded`, async () => {
      const [behind, port, client] = [await udpBackend(), await freeUdpPort(), await udpSocket()];
      const folder = temporaryFolder();
      place(folder, moduleOf(`edition 1\nexpose dns on udp ${port} bind 127.0.0.1 { backend 127.0.0.1:${behind.port} amplify 3 allow from any }`));
      const fd = raw.udp(port, true);
      await client.send("early", port);
      const it = launch(folder, `forwarder = "${forwarder}"\n[policy]\nwatch = false`, { passed: { fds: [fd], names: "dns" } });
      await it.line("ingressd: ready");
      raw.close(fd);
      await client.until(1);
      await client.send("late", port);
      await client.until(2);
      assert.equal(
        client.got.map(({ bytes }) => bytes.toString()),
        ["early", "late"],
      );
      const bound = records(folder).filter(({ op }) => op === "bind");
      assert.equal(
        bound.map(({ decision, local, proto }) => [decision, local, proto]),
        [["allow", `127.0.0.1:${port}`, "udp"]],
      );
      place(folder, moduleOf("edition 1"));
      assert.is(it.order("reload").code, 0);
      const again = await udpSocket("127.0.0.1", port);
      assert.is(again.port, port, "the reload closes it");
    });
  }

  test("a passed udp socket of another port than the policy's, and tcp where udp is exposed, are foreign", async () => {
    const [port, foreign] = [await freeUdpPort(), await freeUdpPort()];
    const folder = temporaryFolder();
    place(folder, moduleOf(`edition 1\nexpose dns on udp ${port} bind 127.0.0.1 { backend 127.0.0.1:9 amplify 3 allow from any }`));
    const passed = { fds: [raw.udp(foreign), raw.listening("127.0.0.1", port)] };
    assert.match(
      await refused(launch(folder, "", { passed })),
      new RegExp(`passed sockets that are not this policy's: 127\\.0\\.0\\.1:${foreign}/udp 127\\.0\\.0\\.1:${port}/tcp: .*--ignore-foreign-fds`),
    );
    const it = launch(folder, "", { passed, words: ["--ignore-foreign-fds"] });
    await it.line("ingressd: ready");
    await it.says(`the inherited socket 127.0.0.1:${foreign}/udp is closed`);
  });

  test("a number that nobody passed is Node's own and stays open", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const folder = temporaryFolder();
    place(folder, only(port, behind.port));
    const fds = [raw.listening("127.0.0.1", port)];
    assert.match(await refused(launch(folder, "", { passed: { fds, count: 9 } })), /descriptor 4 is no socket, or was not passed; it is not served/);
    const it = launch(folder, "", { words: ["--ignore-foreign-fds"], passed: { fds, count: 9 } });
    await it.line("ingressd: ready");
    assert.is(await probe(port), "allow");
  });

  const isRoot = process.getuid?.() === 0 && spawnSync("unshare", ["--net", "true"]).status === 0;
  if (isRoot) {
    test("a socket of another network namespace is refused", async () => {
      const port = await freePort();
      const folder = temporaryFolder();
      place(folder, only(port, 9));
      assert.match(
        await refused(launch(folder, "", { through: ["unshare", "--net"], passed: { fds: [raw.listening("127.0.0.1", port)] } })),
        /descriptor 3 belongs to another network namespace/,
      );
    });
  } else {
    skip("a socket of another network namespace is refused", "no namespaces can be made");
  }

  test("the variables are removed, and count only where they are this process's", () => {
    const listen = { LISTEN_FDS: "1", LISTEN_FDNAMES: "a", LISTEN_PID: "77" };
    const rows: readonly (readonly [NodeJS.ProcessEnv, number | null])[] = [
      [{ ...listen, LISTEN_PID: "78" }, null],
      [{ ...listen, LISTEN_FDS: "0" }, null],
      [{ LISTEN_FDS: "1" }, null],
      [{ ...listen, LISTEN_FDS: "-1" }, 6],
      [{ ...listen, LISTEN_FDS: "1e3" }, 6],
      [{ ...listen, LISTEN_FDS: "99999" }, 6],
      [{ ...listen, LISTEN_FDS: "" }, 6],
    ];
    for (const [env, code] of rows) {
      const given = { ...env, KEPT: "x" };
      const taken = takePassed({ env: given, pid: 77, libc: raw.libc, ignoresForeign: false, say: () => undefined });
      assert.is(taken.ok ? null : taken.error.exitCode, code, JSON.stringify(env));
      assert.equal(given, { KEPT: "x" });
    }
    const without = takePassed({ env: { ...listen }, pid: 77, libc: null, ignoresForeign: true, say: () => undefined });
    assert.is(without.ok ? null : without.error.exitCode, 4, "what can't be checked is not served");
  });

  test("a socket at a port of a service that registers waits for it, and is closed after five seconds", async () => {
    const behind = await backend("hello");
    const [early, late] = [await freePort(), await freePort()];
    const policy = `edition 1\nexpose web on tcp ${early}, ${late} bind 127.0.0.1 { allow from any }`;
    const sockets = [early, late].map((port) => facts(raw.libc, raw.give(raw.listening("127.0.0.1", port))));
    const socket = join(temporaryFolder(), "web.sock");
    const it = await running({
      policy,
      config: `allowed_backends = ["127.0.0.1:${behind.port}"]\n[services.web]\nuid = ${process.getuid?.() ?? 0}\nsocket = "${socket}"`,
      inherited: { sockets, ignoresForeign: false },
    });
    const [first, second] = [visit(early), visit(late)];
    const service = await it.control(socket);
    await leaseOf(service, intent(early, behind.port));
    assert.is(await first.first, "hello", "it waited in the queue");
    it.clock.advance(4_999);
    assert.is(second.socket.closed, false);
    it.clock.advance(1);
    assert.is(await second.first, "");
    assert.match(it.said.join("\n"), new RegExp(`the inherited socket 127\\.0\\.0\\.1:${late}/tcp is closed: nothing serves it after 5 s`));
    assert.is(KEPT_PEERS, 1_024);
  });
}

test.run();
