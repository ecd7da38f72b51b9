// Sources outside the allows, or within a deny, are refused before the backend hears of them.
import { createServer } from "node:net";
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { skip } from "../skip.ts";
import { backend, freePort, listening, probe, running } from "./gateway_under_test.ts";

const test = suite("cidr");

test("the prefix decides, at its edges too, and the audit names the rule", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
deny named blocked from 127.9.0.0/16
expose web on tcp ${port} {
  backend 127.0.0.1:${behind.port}
  allow named team from 127.1.2.8/29, 127.9.1.1
}`,
  });
  // source, verdict, code, the place of the deciding rule
  const table = [
    ["127.1.2.7", "deny", "no_match", undefined],
    ["127.1.2.8", "allow", "allowed", "test.ingress:5"],
    ["127.1.2.15", "allow", "allowed", "test.ingress:5"],
    ["127.1.2.16", "deny", "no_match", undefined],
    ["127.9.1.1", "deny", "deny_rule", "test.ingress:2"],
    ["127.0.0.1", "deny", "no_match", undefined],
  ] as const;
  for (const [source, verdict, code, at] of table) {
    const reached = behind.accepted;
    assert.is(await probe(port, source), verdict, source);
    assert.is(behind.accepted - reached, verdict === "allow" ? 1 : 0, `${source}: denial before any upstream socket`);
    const record = gateway.records().at(-1);
    assert.is(record?.decision, verdict, source);
    assert.is(record?.code, code, source);
    assert.is(record?.at, at, source);
    assert.ok(record?.source?.startsWith(`${source}:`));
    if (verdict === "deny") assert.is(record?.reason, "cidr", source);
  }
  assert.is(gateway.markers.filter((line) => line === "ingressd: deny (reason=cidr)").length, 4);
  assert.is(gateway.daemon.counters.byReason.get("cidr"), 4);
  await gateway.stop();
  behind.close();
});

test("deny markers are rate limited, decisions are not", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from 127.0.0.2 }`,
  });
  for (let i = 0; i < 12; i++) assert.is(await probe(port), "deny");
  const lines = (): number => gateway.markers.filter((line) => line === "ingressd: deny (reason=cidr)").length;
  assert.is(lines(), 5);
  assert.is(gateway.daemon.counters.denyMarkersSuppressed, 7);
  assert.is(gateway.records().filter(({ decision }) => decision === "deny").length, 12);
  gateway.clock.advance(1000);
  await probe(port);
  assert.is(lines(), 6);
  await gateway.stop();
  behind.close();
});

test("IPv6 sources are decided as such", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  const gateway = await running({
    policy: `edition 1
expose web on tcp ${port} { backend 127.0.0.1:${behind.port} allow from any6 }`,
  });
  const six = createServer();
  if ((await listening(six, "::1").catch(() => null)) === null) {
    skip("cidr IPv6 sources", "no IPv6 loopback");
  } else {
    six.close();
    assert.is(await probe(port, "::1", "::1"), "allow");
    assert.is(gateway.records().at(-1)?.local, `[::]:${port}`);
  }
  assert.is(await probe(port), "deny", "any6 has no IPv4 address");
  await gateway.stop();
  behind.close();
});

test.run();
