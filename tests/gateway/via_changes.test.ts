// `via NET` over time: reloads, blocks, takeovers and registrations see the source that was named; several names on one port; a chain of headers.
import { createServer } from "node:net";
import { atEnd, suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { expose } from "../../gateway/client/expose.mjs";
import { peerCredentials } from "../../gateway/intents/peer_credentials.ts";
import { openLibc } from "../../runtime/shell/libc.ts";
import { skip } from "../skip.ts";
import { backend, eventually, freePort, listening, moduleOf, running, visit } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { place } from "./ingressd_process.ts";
import { four, line, LOCAL, six } from "./proxy_bytes.ts";
import { gatewayToTake } from "./takeover_under_test.ts";
import { BALANCER, behind, closed, echoed, peer, STRANGER, WAYS, type Behind } from "./via_under_test.ts";

const test = suite("via, changes");

const TO = "198.51.100.1";
const named = (source: string, more = ""): Buffer => Buffer.concat([line("TCP4", source, TO, 40_000, 443), Buffer.from(more)]);
const hello = (name: string): Buffer => records(helloWith(serverName(name)));

const plain =
  (rules = "allow from any", via = ` via ${BALANCER}`, more = "") =>
  (port: number, there: number): string =>
    `edition 1\n${more}\nexpose web on tcp ${port}${via} { backend 127.0.0.1:${there} ${rules} }`;

async function reload(it: Behind, policy: (port: number, there: number) => string): Promise<void> {
  it.gateway.place(moduleOf(policy(it.port, it.backend.port)));
  await it.gateway.daemon.reload();
}

async function call(it: Behind, method: string, params: object): Promise<string> {
  const client = await it.gateway.control();
  try {
    return JSON.stringify(await client.call(method, params));
  } finally {
    client.close();
  }
}

for (const way of WAYS) {
  const title = `forwarder ${way.forwarder}, ${way.threads} threads`;

  test(`${title}: a reload decides again by the named source, and cuts what was named by a peer that may name nobody any more`, async () => {
    const it = await behind(plain(), way);
    const [good, bad, own] = [
      peer(it.port, named("203.0.113.9", "x")),
      peer(it.port, named("203.0.113.10", "x")),
      peer(it.port, Buffer.concat([LOCAL, Buffer.from("x")])),
    ];
    for (const one of [good, bad, own]) await echoed(one, "x");
    await reload(it, plain("allow from any except 203.0.113.10"));
    await closed(bad);
    const record = it.gateway.records().find(({ op }) => op === "recheck");
    assert.equal([record?.code, record?.source, record?.detail], ["rechecked", "203.0.113.10:40000", "no_match"]);
    assert.not.ok(good.isClosed() || own.isClosed());
    // Without `via` the peer is a client, and a client of that address is still admitted.
    await reload(it, plain("allow from any", ""));
    await closed(good);
    assert.equal(
      it.gateway
        .records()
        .filter(({ op }) => op === "recheck")
        .map(({ source, detail }) => [source, detail])
        .slice(1),
      [["203.0.113.9:40000", "bad_peer"]],
    );
    assert.not.ok(own.isClosed());
    const data = peer(it.port, named("203.0.113.9", "x"));
    await echoed(data, named("203.0.113.9", "x"));
    await it.gateway.stop();
  });

  test(`${title}: a header that comes after a reload is decided by the new policy`, async () => {
    const it = await behind(plain(), way);
    const [denied, untrusted] = [peer(it.port, ""), peer(it.port, "")];
    await eventually(() => it.gateway.daemon.forwarder.live === 2, "two that wait");
    await reload(it, plain("allow from 203.0.113.9"));
    denied.socket.write(named("203.0.113.10"));
    await closed(denied);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.source, it.lastAccept()?.generation], ["no_match", "203.0.113.10:40000", 2]);
    await reload(it, plain("allow from any", ""));
    untrusted.socket.write(named("203.0.113.9"));
    await closed(untrusted);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.detail], ["bad_peer", "the peer is not in `via` any more"]);
    assert.is(it.backend.accepted, 0);
    await it.gateway.stop();
  });

  test(`${title}: a port that closes refuses the peers whose header is to come`, async () => {
    const it = await behind(plain(), way);
    const one = peer(it.port, "");
    await eventually(() => it.gateway.daemon.forwarder.live === 1, "one that waits");
    await reload(it, () => "edition 1");
    await closed(one);
    assert.equal([it.lastAccept()?.code, it.gateway.daemon.forwarder.live], ["not_exposed", 0]);
    await it.gateway.stop();
  });

  test(`${title}: blocks see the named source; a peer of a via needs force, and its block is one of all that it names`, async () => {
    const it = await behind(plain(), way);
    const [one, two] = [peer(it.port, named("203.0.113.9", "x")), peer(it.port, named("203.0.113.10", "x"))];
    for (const each of [one, two]) await echoed(each, "x");
    assert.match(await call(it, "block", { prefix: "203.0.113.9", for_s: 60 }), /"cut":1/);
    await closed(one);
    const again = peer(it.port, named("203.0.113.9"));
    await closed(again);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.source], ["blocked", "203.0.113.9:40000"]);
    assert.not.ok(two.isClosed());
    for (const prefix of [BALANCER, "127.0.0.0/24", "127.0.0.0/8"])
      assert.match(await call(it, "block", { prefix, for_s: 60 }), /has peers in the `via` of `web`.*add --force/, prefix);
    for (const prefix of [STRANGER, "127.0.0.8/29", "2001:db8::/32"]) assert.match(await call(it, "block", { prefix, for_s: 60 }), /"cut":0/, prefix);
    const waits = peer(it.port, "");
    await eventually(() => it.gateway.daemon.forwarder.live === 2, "one that waits");
    assert.match(await call(it, "block", { prefix: BALANCER, for_s: 60, force: true }), /"cut":2/);
    await closed(two);
    await closed(waits);
    const none = peer(it.port, named("203.0.113.11"));
    await closed(none);
    assert.is(it.lastAccept()?.code, "blocked");
    await it.gateway.stop();
  });

  test(`${title}: on a shared port the header comes before the name`, async () => {
    const it = await behind(
      (port, there) => `edition 1
expose a on tcp ${port} via ${BALANCER} for "a.test" as passthrough { backend 127.0.0.1:${there} cap 9 connections, 1 per source allow from 203.0.113.0/24 }
expose b on tcp ${port} via ${BALANCER} for "b.test" as passthrough { backend 127.0.0.1:${there} allow from 198.51.100.0/24 }`,
      way,
    );
    for (const [source, name, code] of [
      ["203.0.113.9", "a.test", "allowed"],
      ["203.0.113.9", "b.test", "no_match"],
      ["198.51.100.9", "b.test", "allowed"],
      ["198.51.100.9", "c.test", "no_expose"],
      ["203.0.113.9", "a.test", "cap_source"],
      ["192.0.2.9", "", "no_match"],
    ] as const) {
      const bytes = name === "" ? Buffer.alloc(0) : hello(name);
      const before = it.accepts().length;
      const one = peer(it.port, Buffer.concat([named(source), bytes]));
      if (code === "allowed") await echoed(one, bytes);
      else await closed(one);
      const record = it.accepts()[before];
      assert.equal(
        [record?.source, record?.decision, code === "allowed" ? code : record?.code],
        [`${source}:40000`, code === "allowed" ? "allow" : "deny", code],
        name,
      );
    }
    await it.gateway.stop();
  });

  test(`${title}: a backend with proxy gets the client and the destination that the balancer named, also of the other family`, async () => {
    const got: Buffer[] = [];
    const server = createServer((socket) => {
      const at = got.push(Buffer.alloc(0)) - 1;
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => (got[at] = Buffer.concat([got[at] ?? Buffer.alloc(0), chunk])));
    });
    atEnd(() => void server.close());
    const there = await listening(server);
    const it = await behind((port) => `edition 1\nexpose web on tcp ${port} via ${BALANCER} { backend 127.0.0.1:${there} proxy v2 allow from any }`, way);
    const v6 = six("2001:db8:0:0:0:0:0:9", "2001:db8:0:0:0:0:0:1", 40_000, 443);
    for (const [i, header] of [v6, four("203.0.113.9", TO, 40_000, 443)].entries()) {
      peer(it.port, Buffer.concat([header, Buffer.from("x")]));
      await eventually(() => got[i]?.equals(Buffer.concat([header, Buffer.from("x")])) === true, "the same header, and the bytes behind it");
    }
    const local = peer(it.port, Buffer.concat([LOCAL, Buffer.from("x")]));
    await eventually(() => local.socket.localPort !== undefined, "its port");
    const own = Buffer.concat([four(BALANCER, "127.0.0.1", local.socket.localPort ?? 0, it.port), Buffer.from("x")]);
    await eventually(() => got[2]?.equals(own) === true, "the peer itself");
    await it.gateway.stop();
  });
}

test("a service that registers is behind the balancer, too", async () => {
  if (peerCredentials() === null) return;
  const there = await backend("");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${port} via ${BALANCER} { allow from 203.0.113.9 }`,
    config: `[services.web]\nuid = ${process.getuid?.() ?? 0}\n[policy]\nwatch = false`,
  });
  const exposure = await expose({ service: "web", port, backend: `127.0.0.1:${there.port}`, socket: gateway.daemon.controlPath });
  const one = peer(port, named("203.0.113.9", "x"));
  await echoed(one, "x");
  await closed(peer(port, named("203.0.113.10")));
  await closed(peer(port, named("203.0.113.9"), STRANGER));
  await exposure.close();
  await gateway.stop();
});

test("explain of a running gateway knows who may name a source, and blocks of both", async () => {
  const it = await behind(plain("allow from 203.0.113.0/24"));
  const explained = (params: object): Promise<string> => call(it, "explain", { to: "web", ...params });
  assert.match(await explained({ from: "203.0.113.9", via: BALANCER }), /"decision":"allow"/);
  assert.match(await explained({ from: "203.0.113.9", via: STRANGER }), /`127\.0\.0\.6` is not in the `via` of `web`/);
  for (const from of ["224.0.0.1", "0.0.0.0", "::", "ff02::1"]) assert.match(await explained({ from, via: BALANCER }), /no PROXY header may name/, from);
  assert.match(await explained({ from: "203.0.113.9", via: "x" }), /`x` is no address/);
  assert.match(await explained({ from: BALANCER }), /"code":"no_match"/);
  await call(it, "block", { prefix: BALANCER, for_s: 60, force: true });
  assert.match(await explained({ from: "203.0.113.9", via: BALANCER }), /"code":"blocked"/);
  await it.gateway.stop();
});

if (openLibc() === null) skip("via, takeover", "koffi is not installed");
else
  test("a takeover keeps the named source, the peer and their counts, over two gateways", async () => {
    const policy = (port: number, there: number, rules = "allow from any"): string =>
      `edition 1\nexpose web on tcp ${port} via ${BALANCER} { backend 127.0.0.1:${there} cap 9 connections, 1 per source ${rules} }`;
    const it = await gatewayToTake({ policy, config: "[policy]\nwatch = false" });
    const [kept, cut] = [visit(it.port, { from: BALANCER }), visit(it.port, { from: BALANCER })];
    kept.socket.write(named("203.0.113.9"));
    cut.socket.write(named("203.0.113.10"));
    assert.match(await kept.first, /^hello/);
    assert.match(await cut.first, /^hello/);
    let last = it.first;
    for (let round = 0; round < 2; round++) {
      last = await it.taken();
      const again = visit(it.port, { from: BALANCER });
      again.socket.write(named("203.0.113.9"));
      assert.is(await again.first, "", "the place of this source is taken");
      assert.is(it.records("accept").at(-1)?.code, "cap_source");
    }
    assert.not.ok(kept.socket.closed || cut.socket.closed);
    place(it.folder, moduleOf(policy(it.port, it.behind, "allow from 203.0.113.9")));
    assert.is(last.order("reload").code, 0);
    await cut.closed;
    assert.not.ok(kept.socket.closed);
    const record = it.records("recheck").at(-1);
    assert.equal([record?.code, record?.source], ["rechecked", "203.0.113.10:40000"]);
    place(it.folder, moduleOf(policy(it.port, it.behind).replace(` via ${BALANCER}`, "")));
    assert.is(last.order("reload").code, 0);
    await kept.closed;
    assert.is(it.records("recheck").at(-1)?.detail, "bad_peer");
  });

test.run();
