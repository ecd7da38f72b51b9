// A gateway trusts nothing that it gets in a takeover, because the kernel says what each descriptor is. Ports of leases stay open
// until their service has registered again, and the identity of an mtls client stays known.
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { connect as connectTls, type TLSSocket } from "node:tls";
import * as assert from "uvu/assert";
import { expose } from "../../gateway/client/expose.mjs";
import { KEPT_PEERS } from "../../gateway/listen/inherited.ts";
import { LIMITS_FORM, STATE_FORMAT } from "../../gateway/takeover/handed_state.ts";
import { skip } from "../skip.ts";
import { atEnd, suite } from "../suite.ts";
import { authority, dns, leaf, uri } from "../tls/certificates.ts";
import { put, putAuthority } from "../tls/tls_under_test.ts";
import { backend, eventually, freePort, moduleOf, probe, running, temporaryFolder, visit } from "./gateway_under_test.ts";
import { launch, place, type LaunchOptions, type Running } from "./ingressd_process.ts";
import { rawSockets } from "./raw_sockets.ts";
import { giver, type Given } from "./takeover_giver.ts";
import { begun, caller, gatewayToTake, only, said, says, step } from "./takeover_under_test.ts";

const test = suite("takeover's sockets");
const raw = rawSockets();
const UNWATCHED = "[policy]\nwatch = false";
const EMPTY = Buffer.from(JSON.stringify({ format: STATE_FORMAT, limitsForm: LIMITS_FORM, places: [], connections: [], flows: [], limits: "" }));

interface Taking {
  readonly next: Running;
  readonly steps: readonly string[];
}

/** A gateway that serves one port takes over from the test, which gives it these sockets. */
async function given(port: number, sockets: Omit<Given, "state">, options: LaunchOptions = {}): Promise<Taking> {
  const { port: behind } = await backend("hello");
  const folder = temporaryFolder();
  place(folder, moduleOf(only(port, behind)));
  mkdirSync(join(folder, "run"), { mode: 0o700 });
  const { steps } = await giver(join(folder, "run", "control.sock"), { state: EMPTY, ...sockets });
  return { next: launch(folder, "", { ...options, words: ["--takeover"] }), steps };
}

/** Peers in the kernel's queue of a listening socket. */
function queued(port: number): number {
  const at = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  for (const line of readFileSync("/proc/net/tcp", "utf8").split("\n")) {
    const [, local = "", , state, queues = ""] = line.trim().split(/\s+/);
    if (local.endsWith(at) && state === "0A") return parseInt(queues.split(":")[1] ?? "", 16);
  }
  return -1;
}

const leased = (port: number): string => `edition 1\nexpose web on tcp ${port} bind 127.0.0.1 { allow from any }`;
const SERVICE = `${UNWATCHED}\n[services.web]\nuid = ${process.getuid?.() ?? 0}`;

if (raw === null) {
  skip("takeover's sockets", "koffi is not installed");
} else {
  test("a listening socket at a place of the policy is served, with the peer that waits at it", async () => {
    const port = await freePort();
    const fd = raw.listening("127.0.0.1", port);
    const early = visit(port);
    const { next } = await given(port, { fds: [fd] });
    await next.line("ingressd: ready");
    assert.is(await early.first, "hello");
  });

  test("what is no socket of that kind ends the takeover before the other gateway stops", async () => {
    const port = await freePort();
    const rows: readonly (readonly [what: string, sockets: Omit<Given, "state">, because: RegExp])[] = [
      ["not listening", { fds: [raw.bound(await freePort())] }, /a socket that it gave is a TCP socket that does not listen/],
      ["a unix socket", { fds: [raw.unix()] }, /a socket that it gave is a unix socket/],
      ["no socket", { fds: [0] }, /a socket that it gave is (no socket|a unix socket)/],
      ["connected", { fds: [raw.connected(await freePort(), 9)] }, /a socket that it gave is a UDP socket that is connected/],
      ["for both families", { fds: [raw.listening("::", await freePort(), false)] }, /a socket that it gave listens on \[::\]/],
      ["fewer than it says", { fds: [raw.udp(await freePort())], sockets: 2 }, /it sent 1 of 2 sockets/],
      ["more than it says", { fds: [raw.udp(await freePort()), raw.udp(await freePort())], sockets: 1 }, /it sent 2 of 1 sockets/],
    ];
    for (const [what, sockets, because] of rows) {
      const { next, steps } = await given(port, sockets);
      assert.is(await next.exit, 5, what);
      assert.match(next.err(), because, what);
      assert.not(steps.includes("freeze"), what);
    }
  });

  test("a socket of another address, and udp where the policy has tcp, are closed with a sentence", async () => {
    const [port, other] = [await freePort(), await freePort()];
    const { next } = await given(port, { fds: [raw.listening("127.0.0.2", port), raw.listening("127.0.0.1", other), raw.udp(port)] });
    await next.line("ingressd: ready");
    for (const place of [`127.0.0.2:${port}/tcp`, `127.0.0.1:${other}/tcp`, `127.0.0.1:${port}/udp`])
      await next.says(`the inherited socket ${place} is closed: the policy does not expose it to the gateway (not_exposed)`);
    assert.is(await probe(port), "allow");
  });

  if (process.getuid?.() === 0 && spawnSync("unshare", ["--net", "true"]).status === 0) {
    test("a socket of another network namespace ends the takeover", async () => {
      const port = await freePort();
      const { next } = await given(port, { fds: [raw.listening("127.0.0.1", port)] }, { through: ["unshare", "--net"] });
      assert.is(await next.exit, 5);
      assert.match(next.err(), /a socket that it gave belongs to another network namespace/);
    });
  } else {
    skip("a socket of another network namespace ends the takeover", "no namespaces can be made");
  }

  test("silence of 10 s, and not a millisecond less, gives a takeover up; a sign of life begins it anew", async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const it = await running({ policy: only(port, behind.port, "allow from any limit 5/h per source") });
    const rpc = await caller(it.folder);
    const id = await begun(rpc);
    it.clock.advance(9_999);
    assert.is(said(await step(rpc, "wait", { id })), "granted");
    assert.type(await step(rpc, "freeze", { id }), "object");
    const peer = visit(port);
    it.clock.advance(9_999);
    await eventually(() => queued(port) === 1, "a peer that nobody accepts");
    assert.not.match(it.said.join(), /does not take over/);
    it.clock.advance(1);
    assert.is(await peer.first, "hello");
    assert.match(it.said.at(-1) ?? "", /the other gateway does not take over: it was silent for 10 s/);
    for (const late of ["wait", "state", "serving"]) assert.match(said(await step(rpc, late, { id, from: 0 })), /no such takeover is under way/);
    assert.ok((await it.daemon.reload()).ok);
    assert.is(await probe(port), "allow");
    assert.match(await begun(rpc), /^[0-9a-f]{32}$/, "another one may begin");
  });

  test("the port of a lease stays open until its service has registered again, and its connection continues", async () => {
    const it = await gatewayToTake({ config: SERVICE, policy: leased });
    const socket = join(it.folder, "run", "control.sock");
    const exposure = await expose({ service: "web", port: it.port, backend: `127.0.0.1:${it.behind}`, socket });
    atEnd(() => exposure.close());
    const early = visit(it.port);
    assert.is(await early.first, "hello");
    const next = it.takeOver();
    const peers: ReturnType<typeof visit>[] = [];
    await next.line("ingressd: ready");
    for (let i = 0; i < 20; i++) peers.push(visit(it.port));
    for (const peer of peers) assert.is(await peer.first, "hello");
    assert.is(await says(early.socket, "still"), "still");
    assert.not.match(next.err(), /is closed/);
  });

  test("a service that does not register again: its port is closed after 5 s, and its peers get an end", async () => {
    const it = await gatewayToTake({ config: SERVICE, policy: leased });
    const service = await caller(it.folder);
    const lease = await service.call("register", { service: "web", proto: "tcp", port: it.port, mode: "tcp", backend: `127.0.0.1:${it.behind}` });
    assert.ok(lease.ok);
    assert.is(await probe(it.port), "allow");
    const next = await it.taken();
    const late = visit(it.port);
    await next.says(`the inherited socket 127.0.0.1:${it.port}/tcp is closed: nothing serves it after 5 s`);
    assert.is(await late.first, "");
    assert.is(await probe(it.port), "deny");
  });

  test(`${KEPT_PEERS} peers wait for a service, and no more`, async () => {
    const behind = await backend("hello");
    const port = await freePort();
    const fd = raw.give(raw.listening("127.0.0.1", port));
    const it = await running({
      policy: leased(port),
      config: `allowed_backends = ["127.0.0.1:${behind.port}"]\n${SERVICE.replace(UNWATCHED, "")}`,
      inherited: {
        sockets: [{ fd, proto: "tcp", address: [0, 0, 0xffff, 0x7f000001], port, zone: "", name: "" }],
        ignoresForeign: false,
      },
    });
    const peers = Array.from({ length: KEPT_PEERS }, () => connect({ host: "127.0.0.1", port }));
    atEnd(() => {
      for (const peer of peers) peer.destroy();
    });
    let [connected, beyond] = [0, 0];
    for (const peer of peers) peer.on("error", () => undefined).once("connect", () => connected++);
    await eventually(() => connected === KEPT_PEERS, `all of them, ${connected}`);
    assert.is(queued(port), KEPT_PEERS);
    const one = connect({ host: "127.0.0.1", port }).on("error", () => undefined);
    one.once("connect", () => beyond++);
    peers.push(one);
    // Its SYN has been dropped by the time at which a connection that began later, to another port, is there.
    await visit(behind.port).first;
    assert.equal([queued(port), beyond], [KEPT_PEERS, 0], "N + 1");
    it.clock.advance(5_000);
    await eventually(() => queued(port) === -1, "its end");
  });

  test("the identity of an mtls client goes over, and a reload that no longer admits it cuts its connection", async () => {
    const [site, clients] = [authority("site root"), authority("client root")];
    const policy = (port: number, behind: number, who: string): string => `edition 1
expose web on tcp ${port} bind 127.0.0.1 as mtls {
  backend 127.0.0.1:${behind}
  cert "web" ca "corp"
  allow from any client uri "spiffe://corp.example/${who}" cap 100 connections, 1 per identity
}`;
    const certificates = temporaryFolder();
    put(certificates, "web", leaf(site, { names: [dns("www.example.com")] }));
    putAuthority(certificates, "corp", clients);
    const config = `${UNWATCHED}\n[certs.web]\ncert = "${certificates}/web.pem"\nkey = "${certificates}/web.key"\n[cas.corp]\nfile = "${certificates}/corp.pem"`;
    const it = await gatewayToTake({ config, policy: (port, behind) => policy(port, behind, "*/web") });
    const client = async (who: string): Promise<{ readonly socket: TLSSocket; readonly from: number | undefined; readonly first: string }> => {
      const { pem, key } = leaf(clients, { names: [uri(`spiffe://corp.example/${who}/web`)] });
      const socket = connectTls({ host: "127.0.0.1", port: it.port, servername: "www.example.com", ca: site.pem, cert: pem, key });
      atEnd(() => socket.destroy());
      socket.on("error", () => undefined);
      let from: number | undefined;
      socket.once("connect", () => (from = socket.localPort));
      const first = await new Promise<string>((resolve) => {
        socket.once("data", (chunk: Buffer) => resolve(chunk.toString()));
        socket.once("close", () => resolve(""));
      });
      return { socket, from, first };
    };
    const [kept, cut] = [await client("ops"), await client("dev")];
    assert.equal([kept.first, cut.first], ["hello", "hello"]);
    const closed = new Promise<void>((resolve) => cut.socket.once("close", () => resolve()));
    const second = await it.taken();
    assert.is((await client("ops")).first, "", "the cap of its identity is full");
    const other = await client("qa");
    assert.is(other.first, "hello");
    place(it.folder, moduleOf(policy(it.port, it.behind, "ops/*")));
    assert.is(second.order("reload").code, 0);
    await closed;
    assert.is(await says(kept.socket, "on"), "on");
    assert.equal(
      it.records("recheck").map(({ source, code, detail }) => [source, code, detail]),
      [cut, other].map(({ from }) => [`127.0.0.1:${from}`, "rechecked", "no_identity"]),
    );
  });
}

test.run();
