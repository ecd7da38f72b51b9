// Peers of `via NET` that are slow, disconnect, send no header or are too many: what each costs, what is counted and what is recorded.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { HEADER_REFUSALS_PER_SECOND } from "../../gateway/admit/headers.ts";
import { eventually } from "./gateway_under_test.ts";
import { helloWith, records, serverName } from "./hello_bytes.ts";
import { four, line, LOCAL } from "./proxy_bytes.ts";
import { BALANCER, behind, closed, echoed, peer, STRANGER, WAYS, type Behind } from "./via_under_test.ts";

const test = suite("via, bounds");

const TO = "198.51.100.1";
const named = (source: string): Buffer => line("TCP4", source, TO, 40_000, 443);
const HELLO = records(helloWith(serverName("www.example.com")));
const HELLO_MS = 2_000;
const TIMERS = `[timers]\nhello_ms = ${HELLO_MS}\n`;

const plain =
  (rules = "allow from any") =>
  (port: number, backend: number): string =>
    `edition 1\nexpose web on tcp ${port} via ${BALANCER} { backend 127.0.0.1:${backend} ${rules} }`;
const through = (port: number, backend: number): string =>
  `edition 1\nexpose web on tcp ${port} via ${BALANCER} as passthrough { backend 127.0.0.1:${backend} allow from any }`;

const live = ({ gateway }: Behind): number => gateway.daemon.forwarder.live;
const waiting = async ({ gateway, port }: Behind): Promise<number> => {
  const control = await gateway.control();
  const answer = JSON.stringify(await control.call("status"));
  control.close();
  return Number(new RegExp(`"waiting":\\{"${port}":([0-9]+)`).exec(answer)?.[1] ?? 0);
};

for (const way of WAYS) {
  const title = `forwarder ${way.forwarder}, ${way.threads} threads`;

  for (const [what, policy] of [
    ["tcp", plain()],
    ["passthrough", through],
  ] as const)
    test(`${title}, ${what}: a header that is not whole at the deadline is late, and a millisecond earlier it is not`, async () => {
      const it = await behind(policy, way, TIMERS);
      const header = four("203.0.113.9", TO, 40_000, 443);
      const last = what === "tcp" ? Buffer.from("x") : HELLO;
      for (const [ms, due] of [
        [HELLO_MS - 1, "allowed"],
        [HELLO_MS, "proxy_late"],
      ] as const) {
        const one = peer(it.port, header.subarray(0, 20));
        await eventually(() => live(it) === 1 && it.gateway.daemon.forwarder.buffered(0) + (way.threads > 1 ? 20 : 0) >= 20, "the first bytes");
        it.gateway.clock.advance(ms);
        one.socket.write(Buffer.concat([header.subarray(20), last]));
        if (due === "allowed") await echoed(one, last);
        else await closed(one);
        assert.is(it.lastAccept()?.code, due === "allowed" ? it.lastAccept()?.code : due);
        assert.is(it.lastAccept()?.decision, due === "allowed" ? "allow" : "deny");
        one.socket.destroy();
        await eventually(() => live(it) === 0, "its end");
      }
      await it.gateway.stop();
    });

  test(`${title}: a silent peer is refused by the sweep, and a hello behind a header has the header's deadline`, async () => {
    const it = await behind(through, way, TIMERS);
    const silent = peer(it.port, "");
    await eventually(() => live(it) === 1, "the peer");
    it.gateway.clock.advance(HELLO_MS);
    await closed(silent);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.reason, it.lastAccept()?.source], ["proxy_late", "cidr", it.lastAccept()?.peer]);
    const slow = peer(it.port, "");
    await eventually(() => live(it) === 1, "the peer");
    it.gateway.clock.advance(HELLO_MS - 500);
    slow.socket.write(named("203.0.113.9"));
    await eventually(() => it.gateway.daemon.forwarder.table.via.some((via) => via?.destination !== null && via !== undefined), "the header");
    assert.not.ok(slow.isClosed());
    it.gateway.clock.advance(500);
    await closed(slow);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.source], ["hello_late", "203.0.113.9:40000"]);
    await it.gateway.stop();
  });

  test(`${title}: a peer that closes without a byte is counted and not recorded, and one that disconnects within its header is recorded`, async () => {
    const it = await behind(plain(), way);
    for (const how of ["end", "resetAndDestroy"] as const) {
      const before = (await it.byCode())["proxy_gone"] ?? 0;
      const check = peer(it.port, "");
      await eventually(() => live(it) === 1, "the check");
      check.socket[how]();
      await eventually(() => live(it) === 0, "its end");
      assert.is((await it.byCode())["proxy_gone"], before + 1, how);
    }
    assert.equal(it.accepts(), []);
    const denied = (): readonly string[] => it.gateway.markers.filter((marker) => marker.includes("deny"));
    assert.equal(denied(), []);
    const half = peer(it.port, named("203.0.113.9").subarray(0, 12));
    half.socket.end();
    await closed(half);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.detail, it.accepts().length], ["proxy_gone", "cut_short", 1]);
    assert.equal(denied(), ["ingressd: deny (reason=cidr)"]);
    await it.gateway.stop();
  });

  test(`${title}: peers whose header is to come count in caps.waiting alone, at N and N + 1`, async () => {
    const it = await behind(plain("allow from any cap 5 connections, 1 per source"), way, "caps.waiting = 3\ncaps.connections = 16\n");
    const peers = [1, 2, 3].map(() => peer(it.port, ""));
    await eventually(() => live(it) === 3, "three that wait");
    assert.is(await waiting(it), 3);
    const fourth = peer(it.port, "");
    await closed(fourth);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.reason, it.accepts().length], ["cap_waiting", "rate", 1]);
    // A client that needs no header does not wait for one.
    const client = peer(it.port, "x", STRANGER);
    await echoed(client, "x");
    // With its header a peer's place is free again, and the named source has its own.
    for (const [i, one] of peers.entries()) {
      one.socket.write(Buffer.concat([named(`203.0.113.${i}`), Buffer.from("x")]));
      await echoed(one, "x");
    }
    assert.is(await waiting(it), 0);
    const again = peer(it.port, named("203.0.113.0"));
    await closed(again);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.source], ["cap_source", "203.0.113.0:40000"]);
    await it.gateway.stop();
  });

  test(`${title}: caps and limits count named sources, and not the peer`, async () => {
    const it = await behind(plain("allow from any limit 1/h burst 2 per source cap 100 connections"), way);
    for (const host of [1, 2, 3])
      for (const due of ["x", "x", ""]) {
        const one = peer(it.port, Buffer.concat([named(`203.0.113.${host}`), Buffer.from("x")]));
        if (due === "") await closed(one);
        else await echoed(one, due);
        assert.is(it.lastAccept()?.source, `203.0.113.${host}:40000`);
        assert.is(it.lastAccept()?.decision, due === "" ? "deny" : "allow");
      }
    await it.gateway.stop();
  });

  test(`${title}: ten refusals of one peer a second are recorded, the rest counted, and the next record says how many`, async () => {
    const it = await behind(plain(), way);
    const refuse = async (from: string): Promise<void> => closed(peer(it.port, "no header", from));
    const most = HEADER_REFUSALS_PER_SECOND;
    for (let i = 0; i < most + 3; i++) await refuse(BALANCER);
    assert.is(it.accepts().length, most);
    assert.is((await it.byCode())["proxy_malformed"], most + 3);
    it.gateway.clock.advance(999);
    await refuse(BALANCER);
    assert.is(it.accepts().length, most);
    it.gateway.clock.advance(1);
    await refuse(BALANCER);
    assert.equal([it.accepts().length, it.lastAccept()?.unrecorded], [most + 1, 4]);
    // Of a source that a header names every refusal is recorded.
    await it.gateway.stop();
  });

  test(`${title}: a header of LOCAL is charged to the peer`, async () => {
    const it = await behind(plain("allow from any cap 9 connections, 1 per source"), way);
    const one = peer(it.port, Buffer.concat([LOCAL, Buffer.from("x")]));
    await echoed(one, "x");
    const two = peer(it.port, LOCAL);
    await closed(two);
    assert.equal([it.lastAccept()?.code, it.lastAccept()?.source?.split(":")[0]], ["cap_source", BALANCER]);
    const other = peer(it.port, Buffer.concat([named("203.0.113.9"), Buffer.from("x")]));
    await echoed(other, "x");
    await it.gateway.stop();
  });
}

test.run();
