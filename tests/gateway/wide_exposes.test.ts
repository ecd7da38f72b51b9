// Exposes of very many ports: what they cost the thread that serves is counted in questions to
// the engine and in looks at the host's addresses, not in time.
import { suite } from "../suite.ts";
import * as assert from "uvu/assert";
import { Backends } from "../../gateway/forward/backends.ts";
import { bareAddress, candidateAddresses } from "../../gateway/listen/addresses.ts";
import { staticExposures } from "../../gateway/reload/exposures.ts";
import type { PolicyEngine } from "../../runtime/host/module.ts";
import { formatAddress, type Address } from "../../runtime/net/address.ts";
import { parsePrefix, isWithin } from "../../runtime/net/prefix.ts";
import { address, engineOf } from "../host/compiled.ts";
import { backend, freePort, moduleOf, probe, running } from "./gateway_under_test.ts";

const test = suite("wide exposes");
const backends = (): Backends => new Backends(() => null);

/** The engine, and the number of its `listenerAt` calls. */
function counted(engine: PolicyEngine): { engine: PolicyEngine; calls: () => number } {
  let calls = 0;
  const counting = new Proxy(engine, {
    get(target, key) {
      if (key !== "listenerAt") {
        const value: unknown = Reflect.get(target, key, target);
        return value;
      }
      return (...question: Parameters<PolicyEngine["listenerAt"]>) => {
        calls++;
        return target.listenerAt(...question);
      };
    },
  });
  return { engine: counting, calls: () => calls };
}

const twenty = Array.from({ length: 20 }, (_, i) => `expose e${i} on tcp 1-65535 bind 10.${i}.0.0/16 { backend 127.0.0.1:9 allow from any }`).join("\n");
const wide = engineOf(`edition 1\n${twenty}`);
const narrow = engineOf("edition 1\nexpose e on tcp 1000-1099, 2000 bind 10.0.0.0/8 { backend 127.0.0.1:9 allow from any }");
const outside = Array.from({ length: 50 }, (_, i) => address(`192.0.2.${i}`));
const TOO_MANY = /^the policy exposes more than [0-9]+ sockets \(one per address and port\): raise caps\.ports or expose fewer$/;

const rows: readonly (readonly [name: string, engine: PolicyEngine, host: readonly Address[], most: number, due: number | RegExp, calls: number])[] = [
  ["no address of the host is in any bind", wide, outside, 1024, 0, 0],
  ["one address is, with more ports than may be open", wide, [...outside, address("10.7.0.1")], 1024, TOO_MANY, 0],
  ["as many sockets as may be open", narrow, [...outside, address("10.7.0.1")], 101, 101, 101],
  ["one socket more", narrow, [...outside, address("10.7.0.1")], 100, TOO_MANY, 0],
  ["two addresses", narrow, [address("10.7.0.1"), address("10.8.0.1")], 202, 202, 202],
  ["two addresses and one socket more", narrow, [address("10.7.0.1"), address("10.8.0.1")], 201, TOO_MANY, 0],
  ["an address twice", narrow, [address("10.7.0.1"), address("10.7.0.1")], 101, 101, 101],
];
for (const [name, engine, host, most, due, calls] of rows) {
  test(`${name}: the engine is called ${calls} times`, () => {
    const under = counted(engine);
    const answer = staticExposures(under.engine, backends(), host, most);
    if (typeof due === "number") assert.is(answer.ok ? answer.value.length : answer.error, due);
    else assert.match(answer.ok ? "served" : answer.error, due);
    assert.is(under.calls(), calls);
  });
}

test("a backend among the ports is found where there are very many", () => {
  const engine = engineOf("edition 1\nexpose e on tcp 1-30000 bind 127.0.0.1, 127.0.0.2 { backend 127.0.0.1:30001 allow from any }");
  // The compiler refuses it, but a module need not be its work.
  const own = { kind: "tcp", host: "127.0.0.1", port: 29_999 } as const;
  const info = { ...engine.info, listeners: engine.info.listeners.map((l) => ({ ...l, backends: [...l.backends, own] })) };
  const loop = new Proxy(engine, {
    get: (target, key) =>
      key === "info" ? info
      : key === "listenerAt" ? target.listenerAt.bind(target)
      : undefined,
  });
  const answer = staticExposures(loop, backends(), [], 65_535);
  assert.match(answer.ok ? "served" : answer.error, /^expose `e`: its backend 127\.0\.0\.1:29999 is a port that ingressd itself opens/);
});

test("which addresses a bind has", () => {
  const [info] = engineOf("edition 1\nexpose e on tcp 1 bind 10.0.0.0/31, 2001:db8::/32, 127.0.0.5, 127.0.1.0/24 { backend 127.0.0.1:9 allow from any }").info
    .listeners;
  if (info === undefined) throw new Error("no listener");
  const host = ["10.0.0.1", "10.0.0.2", "9.255.255.255", "2001:db8:ffff::1", "2001:db9::", "127.0.0.1", "::1", "0.0.0.0", "::"].map(address);
  assert.equal(
    candidateAddresses(info, host).map((own) => formatAddress(bareAddress(own))),
    ["10.0.0.1", "2001:db8:ffff::1", "127.0.0.5"],
  );
});

const prefixes: readonly (readonly [text: string, first: string | null, last: string])[] = [
  ["0.0.0.0/0", "0.0.0.0", "255.255.255.255"],
  ["10.0.0.0/8", "10.0.0.0", "10.255.255.255"],
  ["1.2.3.4/32", "1.2.3.4", "1.2.3.4"],
  ["::/0", "::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
  ["2001:db8::/33", "2001:db8::", "2001:db8:7fff:ffff:ffff:ffff:ffff:ffff"],
  ["::1/128", "::1", "::1"],
  ["10.0.0.0", null, ""],
  ["10.0.0.0/33", null, ""],
  ["10.0.0.0/", null, ""],
  ["10.0.0.0/08", null, ""],
  ["10.0.0.1/8", null, ""],
  ["::/129", null, ""],
  ["::1/127", null, ""],
  ["/8", null, ""],
  ["10.0.0.0/8/8", null, ""],
  ["10.0.0.0/-1", null, ""],
  ["fe80::%1/64", null, ""],
];
for (const [text, first, last] of prefixes) {
  test(`the prefix \`${text}\``, () => {
    const prefix = parsePrefix(text);
    assert.equal(prefix === null ? null : [prefix.first, prefix.last].map(formatAddress), first === null ? null : [first, last]);
    if (prefix !== null) assert.ok(isWithin(prefix, prefix.first) && isWithin(prefix, prefix.last));
  });
}

/** Addresses of a host that say when somebody goes through them. */
class Looked extends Array<Address> {
  static looks = 0;
  override filter(...args: Parameters<Array<Address>["filter"]>): Address[] {
    Looked.looks++;
    return [...this.values()].filter(...args);
  }
}

test("nothing is walked again while nothing has changed, and a change is followed", async () => {
  const behind = await backend("hello");
  const port = await freePort();
  let host: Address[] = Looked.of(address("127.0.0.1"));
  const policy = (more: string): Uint8Array =>
    moduleOf(`edition 1
expose web on tcp ${port} bind 127.0.0.0/8 { backend 127.0.0.1:${behind.port} allow from any ${more} }`);
  const gateway = await running({
    module: policy(""),
    hostAddresses: () => host,
    config: "[policy]\nwatch = false\n[timers]\ninterface_poll_ms = 1000",
  });
  const looksOf = async (): Promise<number> => {
    const before = Looked.looks;
    await gateway.daemon.reconcile();
    return Looked.looks - before;
  };
  assert.is(await looksOf(), 1, "once, to see that nothing was left undone");
  assert.is(await looksOf(), 0);
  host = Looked.of(address("127.0.0.1"), address("127.0.0.9"));
  assert.is(await looksOf(), 1, "an address came");
  assert.is(await probe(port, "127.0.0.1", "127.0.0.9"), "allow");
  assert.is(await looksOf(), 0);
  host = Looked.of(address("127.0.0.1"));
  assert.is(await looksOf(), 1, "an address went");
  assert.is(await probe(port, "127.0.0.1", "127.0.0.9"), "deny");
  gateway.place(policy("cap 7 connections"));
  await gateway.daemon.reload();
  assert.is(await looksOf(), 1, "a policy came");
  assert.is(await looksOf(), 0);
  await gateway.stop();
  behind.close();
});

test("a port that could not be opened is tried at every look", async () => {
  const behind = await backend("hello");
  const busy = await backend("other");
  let host: Address[] = Looked.of();
  const gateway = await running({
    policy: `edition 1\nexpose web on tcp ${busy.port} bind 127.0.0.0/8 { backend 127.0.0.1:${behind.port} allow from any }`,
    hostAddresses: () => host,
    config: "[policy]\nwatch = false",
  });
  host = Looked.of(address("127.0.0.1"));
  const before = Looked.looks;
  await gateway.daemon.reconcile();
  await gateway.daemon.reconcile();
  assert.is(Looked.looks - before, 2);
  assert.is(gateway.said.filter((s) => s.includes("in use by another program")).length, 1);
  busy.close();
  await gateway.daemon.reconcile();
  assert.is(await probe(busy.port), "allow");
  await gateway.stop();
  behind.close();
});

test.run();
